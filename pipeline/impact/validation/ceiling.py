"""What text can say of NAID's own scales: the most that any topical pool could add there.

Belongs here: scales read back from published scores, and how well a regression that is shown them
predicts them. Not: scores that the dataset publishes; nothing here is one.

Method. TNCSI_SP = 1 − exp(−(c − loc) / scale) gives scale = −c / ln(1 − TNCSI_SP) where loc is 0,
as it is in nearly every large pool. Of two papers with equal citations, what orders their scores is
this scale. A ridge regression is shown the scales of four fifths of the papers and predicts those
of the last fifth, from the month, or from month and text: the text explains what it adds. A rule
that never saw the authors' scales cannot be expected to do better than one that was shown them.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.impact.validation.agreement import RESAMPLES, Floats, resample_weights
from pipeline.impact.validation.figures import ALL, Figure, drawn

FOLDS = 5
PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)  # chosen inside the papers learnt from
MONTH = "oracle_month"
LEAST = 50  # papers to learn from
_EDGE = 1e-6  # published scores have 6 digits: 0 and 1 are rounded


def ceiling_figures(
    log_scale: Floats,
    month: NDArray[np.int32],
    texts: Mapping[str, Floats],
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> list[Figure]:
    """R² of the authors' log scales out of fold: from the month, and what each text adds to it.

    `texts`: features (n, d) by the name of the representation.
    """
    weights = resample_weights(log_scale.size, np.random.default_rng(seed), resamples)
    months = month_features(month)

    def drawn_r2(features: Floats) -> Floats:
        predicted = predicted_out_of_fold(features, log_scale, seed=seed)
        return explained(log_scale, predicted, weights)

    n, base = log_scale.size, drawn_r2(months)
    figures = [drawn("naid", MONTH, ALL, "scale_r2", n, base, "shown the authors' scales")]
    for name, features in texts.items():
        both = drawn_r2(np.hstack([months, features]))
        system, note = f"{MONTH}_and_{name}", f"month and {name}; shown the authors' scales"
        figures.append(drawn("naid", system, ALL, "scale_r2", n, both, note))
        figures.append(drawn("naid", system, ALL, f"gain_over_{MONTH}", n, both - base, note))
    return figures


def oracle_scores(
    log_scale: Floats, in_window: Floats, window_scale: Floats, texts: Mapping[str, Floats],
    *, seed: int,
) -> dict[str, Floats]:  # fmt: skip
    """`all_in_window` scores moved by what each text says of the authors' scales, out of fold."""
    left = log_scale - np.log(window_scale)
    return {
        f"oracle_{name}": in_window / np.exp(predicted_out_of_fold(features, left, seed=seed))
        for name, features in texts.items()
    }


def implied_log_scale(cites: NDArray[np.int32], tncsi_sp: Floats) -> Floats:
    """ln of the scale that the authors' pool must have had, were its least count 0, shape (n,)."""
    score = np.clip(tncsi_sp, _EDGE, 1 - _EDGE)
    # A paper without citations has score 0 whatever the scale; half a citation keeps it finite.
    logs: Floats = np.log(np.maximum(cites, 0.5) / -np.log1p(-score))
    return logs


def month_features(month: NDArray[np.int32]) -> Floats:
    """One column per month, shape (n, months)."""
    columns: Floats = (month[:, None] == np.unique(month)).astype(np.float64)
    return columns


def predicted_out_of_fold(features: Floats, target: Floats, *, seed: int) -> Floats:
    """The target (n) of each paper from a ridge regression that was shown the other folds."""
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold

    answer = np.empty(target.size)
    for train, test in KFold(FOLDS, shuffle=True, random_state=seed).split(features):
        model = RidgeCV(PENALTIES).fit(features[train], target[train])
        answer[test] = model.predict(features[test])
    return answer


def explained(target: Floats, predicted: Floats, weights: NDArray[np.int16]) -> Floats:
    """R² in each resample, shape (resamples,): below 0 the mean itself predicts better."""
    n = weights.sum(axis=1)
    mean = weights @ target / n
    spread = weights @ np.square(target) - n * np.square(mean)
    lost = weights @ np.square(target - predicted)
    share: Floats = np.divide(spread - lost, spread, out=np.full(n.size, np.nan), where=spread > 0)
    return share
