"""Sensitivity, robustness, topic and coverage on small libraries whose answer is known."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from pipeline.impact.pools import PoolRule
from pipeline.impact.segments import as_lists
from pipeline.impact.validation.figures import Figure, as_table
from pipeline.impact.validation.interval_study import coverage_figures
from pipeline.impact.validation.robustness import missing_counts
from pipeline.impact.validation.sensitivity import LEAST, choices, movement
from pipeline.impact.validation.topic_study import dealt_within, topic_dependence
from pipeline.tables import IMPACT_VALIDATION, TOPIC_POOLS, violations


def by_measure(figures: list[Figure]) -> dict[str, Figure]:
    return {f.measure: f for f in figures}


def test_who_moves_by_a_tenth_has_moved_a_decile() -> None:
    """Scores may move much while nobody changes places, and the other way round."""
    before = pl.Series(np.arange(40.0))
    same = by_measure(movement(before, before * 7 + 3, system="s", seed=0, resamples=50))
    assert same["spearman"].value == pytest.approx(1)
    assert same["moved_decile"].value == 0
    first_to_fifth = [4.0, 0, 1, 2, 3, *range(5, 40)]  # one moves by 4 of 40, four by one
    moved = by_measure(movement(before, pl.Series(first_to_fifth), system="s", seed=0))
    assert moved["moved_decile"].value == pytest.approx(1 / 40)
    assert moved["mean_move"].value == pytest.approx(8 / 40 / 40)
    expected = spearmanr(before.to_numpy(), first_to_fifth).statistic
    assert moved["spearman"].value == pytest.approx(expected)


def test_papers_without_a_score_are_counted_and_left_out() -> None:
    """A rule that scores fewer papers would otherwise look stable."""
    before = pl.Series([*np.arange(30.0), None])
    after = pl.Series([None, None, None, *np.arange(27.0), 5.0])
    figures = by_measure(movement(before, after, system="s", seed=0, resamples=5))
    assert figures["spearman"].n == 27
    assert figures["scored"].value == pytest.approx(0.9)
    (note,) = movement(before[:3], after[:3], system="s", seed=0)
    assert note.value is None
    assert str(LEAST) in note.note


def test_choices_change_one_thing_each() -> None:
    """Two changes at once could not be told apart."""
    rule = PoolRule()
    tried = choices(rule)
    assert (tried["k_half"].k_min, tried["k_half"].k_max, tried["k_half"].share) == (50, 500, 0.05)
    assert (tried["k_double"].k_min, tried["k_double"].k_max) == (200, 2000)
    assert tried["k_100"].k_min == tried["k_100"].k_max == 100
    assert tried["window_half"].half_window == 92
    assert tried["window_months"].window == "months"
    assert len({v.config_id("e") for v in tried.values()}) == len(tried)
    assert choices(PoolRule(k_min=1, k_max=1, share=1))["k_half"].k_min == 1


def pools(n: int, k: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    members = np.sort(rng.integers(0, n, (n, k)), axis=1).astype(np.int32).ravel()
    table = pl.DataFrame({"paper_id": [f"{i:04d}" for i in range(n)], "paper_row": range(n)})
    return table.with_columns(
        venue=pl.lit("v"), year=2020, config_id=pl.lit("c"), n_window=k, pool_k=k,
        pool_radius=0.0, pool_digest=pl.lit(""),
    ).with_columns(as_lists("members", members, np.arange(n + 1) * k)).select(
        pl.col(c).cast(t) for c, t in TOPIC_POOLS.schema.items()
    )  # fmt: skip


def test_missing_counts_move_scores_less_than_their_intervals() -> None:
    """What is lost at random is what an interval is for."""
    n, rule = 300, PoolRule(n_min=10)
    counts = {"s": np.random.default_rng(1).geometric(0.05, n).astype(np.int32)}
    one, two = (
        missing_counts(pools(n, 60, 0), counts, precedence=("s",), rule=rule, seed=4, resamples=50)
        for _ in range(2)
    )
    assert one == two
    figures = by_measure(one)
    assert figures["kept"].value == pytest.approx(0.9, abs=0.05)
    assert figures["spearman"].value == pytest.approx(0.99, abs=0.01)
    assert figures["inside_interval"].value == pytest.approx(1, abs=0.05)
    none = missing_counts(
        pools(n, 60, 0), counts, precedence=("s",), rule=rule, seed=4, missing=0, resamples=5
    )
    assert by_measure(none)["moved_decile"].value == 0
    assert by_measure(none)["kept"].value == 1


def test_a_library_without_counts_has_a_note() -> None:
    """Nothing to lose is no error."""
    (note,) = missing_counts(pools(30, 5, 0), {}, precedence=("s",), rule=PoolRule(), seed=0)
    assert note.value is None
    (note,) = topic_dependence(pl.DataFrame({"year": []}), seed=0)
    assert note.note.startswith("not there")


def test_scores_that_remove_the_topic_no_longer_depend_on_it() -> None:
    """The study must see both that topics matter and that they are gone."""
    rng = np.random.default_rng(2)
    n = 3000
    mean = 10 * np.exp(0.5 * rng.standard_normal(n))
    cited = rng.exponential(mean)
    scores = pl.DataFrame(
        {"year": rng.integers(2018, 2021, n), "cited_by_count": cited, "tncsi_sp": 0.5,
         "excess_ratio": cited / mean, "pool_percentile": [None] * n, "pool_loc": 0.0,
         "pool_scale": mean},
        schema_overrides={"pool_percentile": pl.Float64},
    )  # fmt: skip
    found = {f.system: f for f in topic_dependence(scores, seed=0, resamples=100)}
    assert found["citations"].low > 0.2  # type: ignore[operator]
    assert abs(found["tncsi_sp"].value) < 0.06  # type: ignore[arg-type]
    assert found["tncsi_sp, topics dealt at random"].high < -0.2  # type: ignore[operator]
    assert "pool_percentile" not in found


def test_dealing_stays_within_years() -> None:
    """Means of another year would be another age."""
    years = np.array([3, 1, 3, 2, 1, 3, 3])
    dealt = dealt_within(years, np.random.default_rng(0))
    assert sorted(dealt) == list(range(7))
    assert (years[dealt] == years).all()


def test_coverage_is_simulated_for_both_distributions() -> None:
    """Coverage asserted for one distribution would be believed of all."""
    figures = coverage_figures(seed=0, repetitions=200)
    slices = {f.slice for f in figures}
    assert {
        "exponential, 100 counts, quantile 0.5",
        "lognormal, whole, 30 counts, quantile 0.9",
    } <= slices
    exact = [f.value for f in figures if f.slice == "exponential, 1000 counts, quantile 0.5"]
    np.testing.assert_allclose(np.array(exact, float), 0.95, atol=0.05)


def test_tables_keep_their_declaration() -> None:
    """A key that two figures share, or a column of another kind."""
    figures = coverage_figures(seed=1, repetitions=20)
    table = as_table(figures, date(2026, 1, 1))
    assert violations(IMPACT_VALIDATION, table) == []
    assert as_table([], table["measured_on"][0]).height == 0
