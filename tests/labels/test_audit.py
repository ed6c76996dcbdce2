"""What an audit says of a teacher."""

import math

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest, kendalltau
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from pipeline.errors import LabelError
from pipeline.labels.audit import (
    agreement,
    auditor_agreement,
    rank_agreement,
    rethreshold,
    wilson_interval,
)


def audit(
    relevance: list[int],
    score: list[float] | None = None,
    *,
    weight: list[float] | None = None,
    stratum: list[int] | None = None,
    auditor: str = "AL",
) -> pl.DataFrame:
    n = len(relevance)
    return pl.DataFrame(
        {
            "query_id": [f"q{i}" for i in range(n)],
            "document_id": ["d"] * n,
            "auditor": [auditor] * n,
            "relevance": pl.Series(relevance, dtype=pl.Int32),
            "text_input": ["title"] * n,
            "teacher_id": ["t"] * n,
            "score": pl.Series(score or list(range(n)), dtype=pl.Float32),
            "stratum": pl.Series(stratum or [0] * n, dtype=pl.Int32),
            "weight": pl.Series(weight or [1.0] * n, dtype=pl.Float64),
        }
    )


@pytest.mark.parametrize(("k", "n"), [(0, 5), (5, 5), (1, 3), (40, 100), (999, 1000)])
def test_wilson_is_scipys(k: int, n: int) -> None:
    """The normal interval in its place: bounds beyond 0 and 1, no width at the ends."""
    expected = binomtest(k, n).proportion_ci(method="wilson")
    assert wilson_interval(k / n, n) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert wilson_interval(0.0, 0) == (0.0, 1.0)


def test_agreement_by_stratum_and_weighted_overall() -> None:
    """The share of the sheet given as that of all pairs: strata are not equally large."""
    frame = audit([0, 1, 2, 1], stratum=[0, 0, 1, 1], weight=[9, 9, 1, 1])
    table = agreement(frame)
    assert table["stratum"].to_list() == [0, 1, None]
    assert table["relevant"].to_list() == pytest.approx([0.5, 1.0, (9 + 1 + 1) / 20])
    effective = 20**2 / (81 + 81 + 1 + 1)
    assert table.row(2)[4:] == pytest.approx(wilson_interval(11 / 20, effective))
    assert agreement(frame, relevant_from=2)["relevant"].to_list() == pytest.approx([0, 0.5, 0.05])


def test_a_pair_judged_by_two_counts_once() -> None:
    """Pairs with two judges weighing double; a yes and a no taken as a yes."""
    frame = pl.concat([audit([2, 0]), audit([1, 1], auditor="BB")])
    table = agreement(frame)
    assert table["n_pairs"].to_list() == [2, 2]
    assert table["relevant"][0] == 0.5  # means 1.5 and 0.5


def test_auc_and_tau_are_those_of_the_references() -> None:
    """Ties counted as right or wrong; weights ignored."""
    rng = np.random.default_rng(0)
    relevance, score = rng.integers(0, 3, 80), rng.integers(0, 12, 80).astype(float)
    weight = rng.uniform(1, 50, 80)
    found = rank_agreement(audit(relevance.tolist(), score.tolist(), weight=weight.tolist()))
    assert found.auc == pytest.approx(roc_auc_score(relevance >= 1, score, sample_weight=weight))
    assert found.tau == pytest.approx(kendalltau(score, relevance).statistic)
    assert found.n_pairs == 80
    assert math.isnan(rank_agreement(audit([2, 2])).auc)


def test_kappa_is_scikit_learns() -> None:
    """Agreement by chance taken for agreement; pairs only one judged."""
    rng = np.random.default_rng(1)
    one, other = rng.integers(0, 3, 50), rng.integers(0, 3, 50)
    other[:25] = one[:25]
    frame = pl.concat([audit(one.tolist()), audit(other[:40].tolist(), auditor="BB")])
    row = auditor_agreement(frame).row(0)
    assert row[:3] == ("AL", "BB", 40)
    assert row[3] == pytest.approx(cohen_kappa_score(one[:40], other[:40]))
    assert auditor_agreement(audit([1, 0])).is_empty()
    same = pl.concat([audit([1, 1]), audit([1, 1], auditor="BB")])
    assert math.isnan(auditor_agreement(same)["kappa"][0])


def test_the_threshold_reaches_the_goal_by_weight() -> None:
    """Precision of the sheet instead of that of all pairs: a threshold that is too low."""
    relevance = [2, 2, 2, 2, 0, 0]
    score = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    found = rethreshold(audit(relevance, score), precision=0.75, min_pairs=2)
    assert found.score == pytest.approx(0.5)  # 4 of 5
    assert (found.precision, found.n_pairs) == (0.8, 5)
    assert (found.low, found.high) == pytest.approx(wilson_interval(0.8, 5))
    heavy = audit(relevance, score, weight=[1, 1, 1, 1, 4, 4])
    assert rethreshold(heavy, precision=0.75, min_pairs=2).score == pytest.approx(0.6)  # 4 of 8


def test_equal_scores_stand_or_fall_together() -> None:
    """A threshold in the middle of ties: precision by the luck of their order."""
    frame = audit([2, 2, 0, 0], [1.0, 0.5, 0.5, 0.5])
    assert rethreshold(frame, precision=0.6, min_pairs=1).score == 1.0


def test_no_threshold_is_a_reason_not_a_number() -> None:
    """The best of bad thresholds handed out as if it reached the goal."""
    found = rethreshold(audit([0, 2, 0, 0]), precision=0.9, min_pairs=2)
    assert found.score is None
    assert "no score reaches precision 0.90; the best has precision 0.33" in found.reason
    few = rethreshold(audit([2, 2]), precision=0.5)
    assert (few.score, few.reason) == (None, "2 pairs are judged, 20 are needed")


def test_audits_that_cannot_be_used_are_refused() -> None:
    """Scores of two teachers under one threshold; numbers of an empty audit."""
    other = audit([1, 1], auditor="BB").with_columns(teacher_id=pl.lit("u"))
    for use in (agreement, rank_agreement):
        with pytest.raises(LabelError, match="one teacher on one text input"):
            use(pl.concat([audit([1, 1]), other]))
        with pytest.raises(LabelError, match="received none"):
            use(audit([]))
