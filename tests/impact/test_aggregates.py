"""Groups of papers against numbers by hand, scipy, and planted truths."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from scipy import stats

from pipeline.impact.aggregates import aggregate, expected_papers, members_of
from pipeline.tables import IMPACT_AGGREGATES, VENUE_COVERAGE, violations

DOMAINS = pl.DataFrame({"venue": ["cvpr", "acl", "emnlp"], "domain": ["vision", "nlp", "nlp"]})
NO_LABELS = pl.DataFrame(schema={"kind": pl.String, "name": pl.String, "label": pl.String})
NO_TOPICS = pl.DataFrame(schema={"paper_id": pl.String, "topic_id": pl.Int32})
NO_COVERAGE = VENUE_COVERAGE.empty()
Paper = tuple[str, int, float | None]


def papers(*rows: Paper) -> pl.DataFrame:
    """(venue, year, percentile), the score being half of it; None is a paper without score."""
    return pl.DataFrame(
        [
            (f"p{i:04}", v, y, "ok" if p is not None else "no_citation_count", p,
             None if p is None else p / 2, 0.25, 0.75)
            for i, (v, y, p) in enumerate(rows)
        ],
        schema={
            "paper_id": pl.String, "venue": pl.String, "year": pl.Int32, "status": pl.String,
            "pool_percentile": pl.Float64, "tncsi_sp": pl.Float64,
            "pool_same_venue": pl.Float64, "pool_same_domain": pl.Float64,
        },
        orient="row",
    )  # fmt: skip


def aggregated(frame: pl.DataFrame, coverage: pl.DataFrame = NO_COVERAGE) -> pl.DataFrame:
    """Rows of the papers of these venues."""
    found = aggregate(
        frame,
        members_of(frame, DOMAINS, NO_TOPICS),
        NO_LABELS,
        expected_papers(coverage, DOMAINS),
    )
    assert violations(IMPACT_AGGREGATES, found) == []
    return found


def row(frame: pl.DataFrame, kind: str, name: str, period: str = "all") -> dict[str, float]:
    """The one row of a group."""
    found = frame.filter(kind=kind, name=name, period=period)
    assert found.height == 1
    return found.row(0, named=True)


def year(venue: str, at: int, percentiles: Sequence[float]) -> list[Paper]:
    """Papers of one edition."""
    return [(venue, at, float(p)) for p in percentiles]


def test_a_group_by_hand() -> None:
    """31 papers at 0/30 … 30/30: mean 0.5, quartiles of the score 1/8, 1/4, 3/8, 4 of 31 on top."""
    grid = [i / 30 for i in range(31)]
    found = row(aggregated(papers(*year("cvpr", 2016, grid))), "venue", "cvpr", "2016")
    assert found["mean_percentile"] == pytest.approx(0.5)
    assert [found[f"tncsi_sp_{q}"] for q in ("q25", "median", "q75")] == pytest.approx(
        [0.125, 0.25, 0.375]
    )
    assert found["top_decile_share"] == pytest.approx(4 / 31)
    assert found["own_share"] == 0.25
    low, high = stats.ttest_1samp(grid, 0).confidence_interval()
    assert (found["mean_percentile_low"], found["mean_percentile_high"]) == pytest.approx(
        (low, high)
    )
    reference = stats.binomtest(4, 31).proportion_ci(method="wilson")
    assert (found["top_decile_low"], found["top_decile_high"]) == pytest.approx(tuple(reference))


def test_too_few_scored_papers_have_no_figures() -> None:
    """The mean of three papers would top every list."""
    found = aggregated(papers(*year("acl", 2020, [1.0] * 29), ("acl", 2020, None)))
    few = row(found, "venue", "acl")
    assert (few["status"], few["n_papers"], few["n_scored"]) == ("too_few", 30, 29)
    assert few["scored_share"] == pytest.approx(29 / 30)
    figures = IMPACT_AGGREGATES.schema.names()[9:]
    assert figures[0] == "own_share"
    assert {few[name] for name in figures} == {None}
    assert row(aggregated(papers(*year("acl", 2020, [1.0] * 30))), "venue", "acl")["status"] == "ok"


def test_groups_contain_each_paper_once() -> None:
    """A paper of two venues of one domain, counted twice, would weigh twice."""
    frame = papers(*year("acl", 2020, [0.2] * 40), *year("emnlp", 2021, [0.8] * 40), ("x", 2020, 1))
    found = aggregated(frame)
    assert row(found, "domain", "nlp")["n_papers"] == 80
    assert row(found, "domain", "nlp")["mean_percentile"] == pytest.approx(0.5)
    assert row(found, "library", "all")["n_papers"] == 81
    assert row(found, "domain", "nlp")["own_share"] == 0.75
    assert row(found, "library", "all")["own_share"] is None
    assert found.filter(kind="domain", period="all")["name"].to_list() == ["nlp"]
    per_year = found.filter(kind="library").filter(pl.col("period") != "all")
    assert per_year.select("period", "n_papers").rows() == [("2020", 41), ("2021", 40)]
    assert found.filter(kind="venue", period="all")["n_papers"].sum() == 81


def test_labels_and_topics() -> None:
    """A topic is known by its name, and what has no name by what it is."""
    frame = papers(*year("acl", 2020, [0.2] * 3))
    topics = pl.DataFrame(
        {"paper_id": ["p0000", "p0001", "gone"], "topic_id": [7, 7, 7]},
        schema=NO_TOPICS.schema,
    )
    labels = pl.DataFrame({"kind": ["topic"], "name": ["7"], "label": ['"quoted", שלום 😀']})
    found = aggregate(
        frame, members_of(frame, DOMAINS, topics), labels, expected_papers(NO_COVERAGE, DOMAINS)
    )
    assert row(found, "topic", "7")["label"] == '"quoted", שלום 😀'
    assert row(found, "topic", "7")["n_papers"] == 2
    assert row(found, "venue", "acl")["label"] == "acl"


def test_trend_of_equal_years_is_the_line() -> None:
    """0.3, 0.4, 0.5 in three years of 40: a slope of 0.1; its error by hand."""
    spread = [-0.1, 0.1] * 20
    rows = [p for i in range(3) for p in year("acl", 2020 + i, [0.3 + 0.1 * i + d for d in spread])]
    found = row(aggregated(papers(*rows)), "venue", "acl")
    assert found["trend"] == pytest.approx(0.1)
    # Papers scatter by variance 0.01 · 40/39; Σ n (year − mean)² = 40 · 2; t of 1 degree: 12.706.
    half = stats.t.ppf(0.975, 1) * np.sqrt(0.01 * 40 / 39 / 80)
    assert (found["trend_low"], found["trend_high"]) == pytest.approx((0.1 - half, 0.1 + half))


def test_trend_weighs_years_and_widens_by_their_scatter() -> None:
    """Against numpy's weighted fit; means that jump about cannot have a narrow trend."""
    rng = np.random.default_rng(0)
    sizes, means = (40, 90, 50, 120, 31), (0.3, 0.7, 0.4, 0.6, 0.5)
    rows = [
        p
        for i, (n, m) in enumerate(zip(sizes, means, strict=True))
        for p in year("acl", 2016 + i, np.clip(m + 0.01 * rng.normal(size=n), 0, 1).tolist())
    ]
    frame = papers(*rows)
    found = row(aggregated(frame), "venue", "acl")
    by_year = frame.group_by("year").agg(pl.col("pool_percentile").mean(), n=pl.len()).sort("year")
    fit, cov = np.polyfit(
        by_year["year"], by_year["pool_percentile"], 1, w=np.sqrt(by_year["n"]), cov=True
    )
    half = stats.t.ppf(0.975, 3) * np.sqrt(cov[0, 0])
    assert found["trend"] == pytest.approx(fit[0])
    assert found["trend_high"] - found["trend"] == pytest.approx(half)


def test_trend_needs_three_years_of_enough_papers() -> None:
    """A line through two points fits exactly and says nothing."""
    rows = [p for y in (2020, 2021) for p in year("acl", y, [0.5] * 30)]
    found = aggregated(papers(*rows, *year("acl", 2022, [0.9] * 29)))
    assert row(found, "venue", "acl")["trend"] is None
    assert found.filter(pl.col("period") != "all")["trend"].null_count() == found.height - 3


def covered(*rows: tuple[str, int, str, int | None, int]) -> pl.DataFrame:
    """(venue, year, source, n_expected, n_found) as `venue_coverage`."""
    names = ("venue", "year", "source", "n_expected", "n_found")
    zero = {n: 0 for n, t in VENUE_COVERAGE.schema.items() if t == pl.Int32} | {"expected_from": ""}
    return pl.DataFrame(
        [zero | dict(zip(names, r, strict=True)) for r in rows], schema=VENUE_COVERAGE.schema
    )


def test_found_share_says_what_is_missing() -> None:
    """Half a venue looks like a whole one unless the bibliography is compared with the rest."""
    coverage = covered(
        ("acl", 2020, "dblp", 100, 100), ("acl", 2020, "openalex", 100, 40),
        ("acl", 2020, "paper_copilot", 100, 30), ("acl", 2021, "openalex", None, 50),
        ("emnlp", 2020, "dblp", 100, 100), ("cvpr", 2020, "paper_copilot", 50, 60),
    )  # fmt: skip
    rows = [(v, y, 0.5) for v in ("acl", "emnlp", "cvpr") for y in (2020, 2021)]
    found = aggregated(papers(*rows), coverage)
    shares = {
        name: row(found, "venue", *name.split())["found_share"]
        for name in ("acl 2020", "acl 2021", "acl all", "emnlp 2020", "emnlp 2021", "cvpr 2020")
    }
    assert shares == {
        "acl 2020": 0.4, "acl 2021": None, "acl all": 0.4, "emnlp 2020": 0.0, "emnlp 2021": None,
        "cvpr 2020": 1.0,
    }  # fmt: skip
    assert row(found, "domain", "nlp")["found_share"] == 0.2
    assert row(found, "library", "all")["found_share"] == pytest.approx(90 / 250)


def test_nothing_one_and_unscored() -> None:
    """A library's first night."""
    assert aggregated(papers()).equals(IMPACT_AGGREGATES.empty())
    one = aggregated(papers(("acl", 2020, 0.5)))
    assert one.select("kind", "period").rows() == [
        (k, p) for k in ("domain", "library", "venue") for p in ("2020", "all")
    ]
    unscored = aggregated(papers(*[("acl", 2020, None)] * 50))
    assert unscored["n_scored"].to_list() == [0] * 6
    assert unscored["mean_percentile"].null_count() == 6
    never = papers(("acl", 2020, None)).with_columns(status=pl.lit(None, pl.String))
    assert row(aggregated(never), "venue", "acl")["n_papers"] == 1


def test_the_order_of_papers_does_not_matter() -> None:
    """Sums in another order differ in the last digit: a table would move without news."""
    rng = np.random.default_rng(0)
    frame = papers(
        *((v, y, p) for v in ("acl", "cvpr") for y in range(2015, 2020) for p in rng.random(60))
    )
    turned = frame.sample(fraction=1, shuffle=True, seed=3)
    assert aggregated(turned).equals(aggregated(frame))


def simulated_coverage(group: float, *, libraries: int, n: int = 240) -> float:
    """How often the interval of a group, `group` of the library, holds the truth.

    Every paper's pool is all others, the strongest dependence there is. The group's counts are
    exponential of mean 2, those of the others of mean 1: a paper of the group beats another of it
    with probability 1/2, one of the others with 2/3.
    """
    rng = np.random.default_rng(5)
    mine = round(group * n)
    truth = ((mine - 1) / 2 + (n - mine) * 2 / 3) / (n - 1)
    rows: list[Paper] = []
    for i in range(libraries):  # the group of each is a venue of one table
        counts = np.concatenate([2 * rng.exponential(size=mine), rng.exponential(size=n - mine)])
        rows += year(f"venue {i}", 2020, ((stats.rankdata(counts) - 1) / (n - 1))[:mine])
    found = aggregated(papers(*rows)).filter(kind="venue", period="all")
    assert found.height == libraries
    low, high = found["mean_percentile_low"], found["mean_percentile_high"]
    return float(((low <= truth) & (truth <= high)).mean())


def test_interval_of_a_small_group_holds_as_often_as_it_says() -> None:
    """An interval is what it is called only if simulation says so; 3 s of 0.95 in 400: 0.033."""
    assert simulated_coverage(0.15, libraries=400) > 0.95 - 0.033


@pytest.mark.slow
def test_dependence_makes_intervals_too_wide_never_too_narrow() -> None:
    """Papers that share pools: the larger the group, the more careful its interval."""
    held = [simulated_coverage(g, libraries=1000) for g in (0.15, 0.5, 0.9)]
    assert held[0] > 0.93
    assert held[2] > 0.99


@pytest.mark.parametrize("scatter", [0.0, 0.1])
def test_interval_of_a_trend_holds_as_often_as_it_says(scatter: float) -> None:
    """Years that are good or bad by chance must not be told as a trend."""
    rng, slope, n_years = np.random.default_rng(6), 0.02, 6
    rows: list[Paper] = []
    for venue in range(250):
        luck = scatter * rng.normal(size=n_years)
        for i in range(n_years):
            drawn = 0.4 + slope * i + luck[i] + 0.25 * rng.normal(size=40)
            rows += year(f"venue {venue}", 2015 + i, drawn)
    found = aggregated(papers(*rows)).filter(kind="venue", period="all")
    assert found.height == 250
    held = ((found["trend_low"] <= slope) & (slope <= found["trend_high"])).mean()
    assert held > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 250)
