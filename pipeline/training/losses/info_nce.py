"""InfoNCE against every document of the corpus.

    L = mean over positives p of −log( e^(s_p/τ) / (e^(s_p/τ) + Σ_n e^(s_n/τ)) )

n runs over all documents that are kept, are no positive, and do not score above
max_p s_p + `ceiling`: what the student already prefers to the positive by that much is more likely
an unlabelled positive than a mistake. Documents are frozen, so negatives are exact and free; with
a sampled list instead of the corpus the same formula holds.

Source: van den Oord et al. 2018 (arXiv 1807.03748, equation 4); masking as in GISTEmbed (Solatorio
2024, arXiv 2402.16829, equation 3) with a margin; label smoothing ε of Szegedy et al. 2015 (arXiv
1512.00567, section 7). Imports torch.
"""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 — the name everybody knows


def info_nce(
    student: Tensor,
    positive: Tensor,
    keep: Tensor,
    *,
    temperature: float,
    ceiling: float,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Scalar loss for student, positive, keep [query, document]; `ceiling` in cosine.

    `keep` is false for the query's own paper and for documents nobody is sure of.
    """
    positive = positive & keep
    s = student.float().masked_fill(~keep, 0.0)
    best = s.detach().masked_fill(~positive, -torch.inf).amax(1, keepdim=True)
    negative = keep & ~positive & (s.detach() <= best + ceiling)
    # −1e9, not −inf: a query without negatives must not turn the gradient into NaN.
    all_negatives = torch.logsumexp((s / temperature).masked_fill(~negative, -1e9), dim=1)
    row, column = positive.nonzero(as_tuple=True)  # [pair]
    logit = s[row, column] / temperature
    loss = F.softplus(all_negatives[row] - logit)  # −log p of the positive
    if label_smoothing:
        # ε spread evenly over the positive and its negatives: mean of −log p = log Z − mean logit
        count = 1 + negative.sum(1)
        total = (s / temperature).masked_fill(~negative, 0.0).sum(1)
        mean_logit = (logit + total[row]) / count[row]
        loss = loss + label_smoothing * (logit - mean_logit)
    return loss.mean() if loss.numel() else s.sum() * 0.0
