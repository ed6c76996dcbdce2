"""What people's judgments say of a teacher: agreement, and the threshold to use.

Belongs here: shares with intervals, ranks, agreement of people with each other, re-thresholding.
Not: the sheet (audit_sheet.py).

Methods. Score intervals of shares (Wilson 1927); area under the ROC curve (Hanley & McNeil 1982);
Cohen's kappa (1960). A sheet has equally many pairs of strata that are not equally large, so what
is said of all pairs weighs each judged pair by those it stands for (Horvitz & Thompson 1952);
intervals of weighted shares take Kish's effective number (Σw)² / Σw² (Kish 1965).
"""

from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from statistics import NormalDist

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.errors import LabelError
from pipeline.labels.scoring import one_teacher
from pipeline.retrieval.measures import kendall_tau

Floats = NDArray[np.float64]

_AGREEMENT = pl.Schema(
    {
        "stratum": pl.Int32,
        "n_pairs": pl.Int64,
        "score": pl.Float64,
        "relevant": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    }
)


@dataclass(frozen=True)
class RankAgreement:
    """How a teacher orders pairs, against people. `auc`: 0..1, of all pairs, weighted; `tau`:
    Kendall's tau-b, −1..1, of the judged pairs; NaN where people said the same of all."""

    auc: float
    tau: float
    n_pairs: int


@dataclass(frozen=True)
class Rethreshold:
    """Lowest score whose estimated precision reaches the goal, or None and why.

    `precision`, `low`, `high`, `n_pairs`: of the judged pairs at or above it; of the best score
    where none reaches the goal.
    """

    score: float | None
    precision: float
    low: float
    high: float
    n_pairs: int
    reason: str


def wilson_interval(share: float, n: float, *, level: float = 0.95) -> tuple[float, float]:
    """Bounds of a share observed in `n` draws (Wilson 1927); (0, 1) of none."""
    if n <= 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def agreement(audit: pl.DataFrame, *, relevant_from: int = 1) -> pl.DataFrame:
    """`stratum, n_pairs, score, relevant, low, high`, and a last row of all with null stratum.

    `score`: mean of the teacher; `relevant`: share that people judged `relevant_from` or more
    (mean of several auditors), weighted in the last row; bounds: 95% Wilson intervals.
    """
    pairs = _pairs(audit, relevant_from)
    parts = [part for _, part in sorted(pairs.group_by("stratum"))]
    rows = [(int(part["stratum"][0]), *_share(part)) for part in parts]
    return pl.DataFrame([*rows, (None, *_share(pairs))], schema=_AGREEMENT, orient="row")


def rank_agreement(audit: pl.DataFrame, *, relevant_from: int = 1) -> RankAgreement:
    """AUC and rank correlation of the teacher's scores with people's judgments."""
    pairs = _pairs(audit, relevant_from)
    score = pairs["score"].to_numpy().astype(np.float64)
    relevance = pairs["relevance"].to_numpy()
    relevant = pairs["is_relevant"].to_numpy()
    auc = _auc(score, relevant, pairs["weight"].to_numpy())
    return RankAgreement(auc, float(kendall_tau(score[None], relevance[None])[0]), pairs.height)


def auditor_agreement(audit: pl.DataFrame) -> pl.DataFrame:
    """`auditor, other, n_pairs, kappa` of every two people who judged pairs in common.

    Kappa: 1 full agreement, 0 that of chance, NaN where both gave all pairs one and the same grade.
    """
    rows = []
    for one, other in combinations(sorted(audit["auditor"].unique()), 2):
        mine, theirs = (audit.filter(pl.col("auditor") == name) for name in (one, other))
        both = mine.join(theirs, on=["query_id", "document_id"])
        if both.height:
            kappa = _kappa(both["relevance"].to_numpy(), both["relevance_right"].to_numpy())
            rows.append((one, other, both.height, kappa))
    schema = {"auditor": pl.String, "other": pl.String, "n_pairs": pl.Int64, "kappa": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def rethreshold(
    audit: pl.DataFrame, *, precision: float, relevant_from: int = 2, min_pairs: int = 20
) -> Rethreshold:
    """The lowest score at or above which the share of relevant pairs reaches `precision`.

    Shares are weighted: of all scored pairs above the score, not of those on the sheet. Scores with
    fewer than `min_pairs` judged pairs at or above them are not considered.
    """
    pairs = _pairs(audit, relevant_from).sort("score", descending=True)
    score, weight = pairs["score"].to_numpy(), pairs["weight"].to_numpy()
    share = np.cumsum(weight * pairs["is_relevant"].to_numpy()) / np.cumsum(weight)
    ends = np.flatnonzero(np.append(score[1:] != score[:-1], True))  # equal scores stand or fall
    ends = ends[ends >= min_pairs - 1]
    if not ends.size:
        reason = f"{pairs.height} pairs are judged, {min_pairs} are needed"
        return Rethreshold(None, float("nan"), 0.0, 1.0, pairs.height, reason)
    reached = ends[share[ends] >= precision]
    end = int(reached[-1]) if reached.size else int(ends[np.argmax(share[ends])])
    low, high = wilson_interval(float(share[end]), _effective(weight[: end + 1]))
    found = f"precision {share[end]:.2f} ({low:.2f} to {high:.2f}) from {score[end]:.4g} upwards"
    if not reached.size:
        reason = f"no score reaches precision {precision:.2f}; the best has {found}"
        return Rethreshold(None, float(share[end]), low, high, end + 1, reason)
    return Rethreshold(float(score[end]), float(share[end]), low, high, end + 1, found)


def _pairs(audit: pl.DataFrame, relevant_from: int) -> pl.DataFrame:
    """Each judged pair once, with the mean of its auditors and whether that is relevant."""
    if audit.is_empty():
        raise LabelError("expected judged pairs, received none; export a sheet and fill it in")
    one_teacher(audit)
    of_pair = pl.col("score", "stratum", "weight").first()
    pairs = audit.group_by("query_id", "document_id", maintain_order=True).agg(
        of_pair, pl.col("relevance").mean()
    )
    return pairs.with_columns(is_relevant=pl.col("relevance") >= relevant_from)


def _share(pairs: pl.DataFrame) -> tuple[int, float, float, float, float]:
    weight = pairs["weight"].to_numpy()
    relevant = float(np.average(pairs["is_relevant"].to_numpy(), weights=weight))
    score = float(np.average(pairs["score"].to_numpy(), weights=weight))
    return pairs.height, score, relevant, *wilson_interval(relevant, _effective(weight))


def _effective(weight: Floats) -> float:
    return float(weight.sum() ** 2 / np.square(weight).sum())


def _auc(score: Floats, relevant: NDArray[np.bool_], weight: Floats) -> float:
    """Weighted share of (relevant, other) pairs that the score orders rightly; ties are half."""
    if relevant.all() or not relevant.any():
        return float("nan")
    gap = np.sign(score[relevant][:, None] - score[~relevant])
    weights = weight[relevant][:, None] * weight[~relevant]
    return float(np.average((gap + 1) / 2, weights=weights))


def _kappa(mine: NDArray[np.int32], theirs: NDArray[np.int32]) -> float:
    grades = np.union1d(mine, theirs)
    chance = float(sum(np.mean(mine == g) * np.mean(theirs == g) for g in grades))
    return (float(np.mean(mine == theirs)) - chance) / (1 - chance) if chance < 1 else float("nan")
