"""What each section of the impact report says, from rows that can be counted by hand."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from pipeline.report.impact.calibration import calibration_section, told_apart
from pipeline.report.impact.changes import LastNight, changes_section, night_costs_section
from pipeline.report.impact.coverage import coverage_section
from pipeline.report.impact.distributions import distributions_section
from pipeline.report.impact.evidence import retrieval_section, validation_section
from pipeline.report.impact.groups import MOST_DOTS, topics_section, venues_section
from pipeline.report.impact.leaders import leaders_section, rising_section
from pipeline.report.impact.library import library_section
from pipeline.report.impact.overview import write_overview
from pipeline.report.model import Section
from pipeline.wording import percent
from tests.report.impact.frames import (
    DAY,
    SETTING,
    aggregates,
    bare,
    coverage,
    group,
    night,
    quality,
    rising,
    rows_of,
    scores,
    titles,
    validation,
)


def table(section: Section, name: str) -> pl.DataFrame:
    return next(one.rows for one in section.listings if one.name == name)


def with_domains(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        domain=pl.col("venue").replace_strict({"cvpr": "vision", "acl": "nlp"})
    )


def test_the_library_in_a_sentence() -> None:
    """Papers without a score that nobody tells of."""
    section = library_section(SETTING, scores(), DAY)
    assert section.words == (
        "63 papers of 2 venues, 2018 to 2020; 60 of 63 papers (95.2%) have a score; "
        "3 without a citation count have none."
    )
    setting = dict(table(section, "setting").iter_rows())
    assert setting["Citation counts as of"] == "2026-03-01"
    assert setting["Prompt that serves queries"] == "none: queries are read plainly"


def test_coverage_tells_who_says_what_to_expect() -> None:
    """A full share that only says a list agrees with itself, passed off as completeness.

    acl 2018 has 10 of the 20 that DBLP tells of; cvpr 2018 all 10 of its own list.
    """
    section = coverage_section(scores(), coverage())
    assert section.numbers == {
        "venue_years": 6, "papers": 63, "counted": 60, "expected": 30, "found": 20,
        "expected_unknown": 4,
    }  # fmt: skip
    assert section.words.startswith(
        "20 of 30 expected papers (66.7%) are held; in 1 venue-year the list itself says"
    )
    assert "of 4 venue-years nobody says what to expect" in section.words
    rows = {row["venue"]: row for row in table(section, "by_venue").to_dicts()}
    assert rows["acl"]["n_expected"] == 20
    assert rows["cvpr"]["counted_share"] == pytest.approx(30 / 33)


def test_coverage_of_which_nothing_is_expected() -> None:
    """A map of nothing but grey."""
    section = coverage_section(scores(), coverage().clear())
    assert section.words.startswith("No source says how many papers to expect.")
    assert [p.name for p in section.pictures] == ["with_count"]


def test_distributions_count_the_ends() -> None:
    """Zeros and ones hidden in a mean."""
    rows = with_domains(scores(4)).with_columns(
        tncsi_sp=pl.Series([0.0, 0.2, 0.4, 0.95, None, None, None])
    )
    section = distributions_section(rows)
    assert section.numbers == {
        "scored": 4, "median": pytest.approx(0.3), "zero": 1, "above_0.9": 1,
    }  # fmt: skip
    assert table(section, "by_domain")["papers"].to_list() == [2, 2]


@pytest.mark.parametrize("n", [30, 400])
def test_exponential_pools_are_told_apart_once_in_twenty(n: int) -> None:
    """A test of another distribution, or of one whose mean is known, would cry wolf, or never."""
    rng = np.random.default_rng(1)
    sample = np.sort(rng.exponential(size=(4000, n)), axis=1)
    fitted = 1 - np.exp(-sample / sample.mean(axis=1, keepdims=True))
    steps = np.arange(n) / n
    distance = np.maximum(fitted - steps, steps + 1 / n - fitted).max(axis=1)
    share = told_apart(distance, np.full(n_pools := len(distance), n)).mean()
    assert share == pytest.approx(0.05, abs=4 * (0.05 * 0.95 / n_pools) ** 0.5)


def test_calibration_is_measured_on_the_library_itself() -> None:
    """A verdict of another library, or of none."""
    n = 100
    uniform = (np.arange(n) + 0.5) / n
    rows = scores(n).head(n).with_columns(
        tncsi_sp=pl.Series(uniform), pool_percentile=pl.Series(uniform**2)
    )  # fmt: skip
    section = calibration_section(rows, None)
    assert section.numbers["ks_uniform_tncsi_sp"] == pytest.approx(0.005)
    # √u − u is largest at u = 1/4.
    assert section.numbers["ks_uniform_pool_percentile"] == pytest.approx(0.25, abs=0.006)
    assert section.numbers["told_apart"] == 0.5  # every other pool is at 0.35, the rest at 0.05
    assert [p.name for p in section.pictures] == ["pit", "pool_ks"]
    assert "planted" not in section.pictures[0].caption
    assert "planted" in calibration_section(rows, validation()).pictures[0].caption


def test_no_year_owns_the_top() -> None:
    """Old papers with the highest ratios would fill the list of all years together."""
    rows = scores().with_columns(
        excess_ratio=pl.when(pl.col("year") == 2018).then(pl.col("excess_ratio") + 50)
        .otherwise("excess_ratio")
    )  # fmt: skip
    section = leaders_section(rows, titles(rows))
    recent = table(section, "recent")
    assert recent["year"].to_list() == [2020] * 5 + [2019] * 5 + [2018] * 5
    for year in (2018, 2019, 2020):
        mine = rows.filter(year=year).sort("excess_ratio", descending=True, nulls_last=True)
        shown = recent.filter(year=year)
        assert shown["paper_id"].to_list() == mine["paper_id"].head(5).to_list()
    assert table(section, "by_year")["year"].to_list() == [2020, 2019, 2018]
    row = recent.row(0, named=True)
    assert row["excess_low"] == pytest.approx(0.8 * row["excess_ratio"])
    assert row["excess_high"] == pytest.approx(1.2 * row["excess_ratio"])


def test_rising_papers_say_why_there_are_none() -> None:
    """An empty section reads as a report that failed."""
    named = titles(scores())
    assert "`csimpact overview`" in rising_section(None, named).words
    assert "observed on several days" in rising_section(rising().clear(), named).words
    assert rising_section(rising(), named).words.startswith(
        "From 2025-03-01 to 2026-03-01, 1 paper rose most"
    )


def test_groups_are_ranked_with_intervals_and_small_ones_counted() -> None:
    """A venue of three papers on top of the list, or gone without a word."""
    section = venues_section(aggregates())
    assert section.numbers == {"shown": 2, "too_few": 1}
    assert section.words == (
        "The highest venue by mean percentile is “\u2068cvpr\u2069” with 0.600 (95% interval 0.550 "
        "to 0.650), the lowest “\u2068acl\u2069” with 0.450 (95% interval 0.400 to 0.500). Of 2 "
        "venues with a trend, 1 went up and 0 went down beyond the interval. 1 venue has too few "
        "scored papers to be ranked."
    )
    assert "colt" not in table(section, "table")["title"].to_list()
    assert [p.name for p in section.pictures] == ["ranked"]


def test_many_topics_show_both_ends() -> None:
    """A plot of a hundred lines that no phone can show."""
    many = [group("topic", str(i), i / 200) for i in range(100)]
    (picture,) = topics_section(rows_of("impact_aggregates", many)).pictures
    half = MOST_DOTS // 2
    assert f"the {half} highest and the {half} lowest of 100 topics" in picture.alt
    assert topics_section(rows_of("impact_aggregates", [group("topic", "0", None)])).words == (
        "1 topic has too few scored papers to be ranked."
    )


def test_retrieval_shows_whole_benchmarks() -> None:
    """A domain's mean told as that of the benchmark."""
    part = quality().with_columns(domain=pl.lit("vision"), value=pl.lit(0.9))
    section = retrieval_section(pl.concat([quality(), part]))
    assert section.words == "Highest nDCG@10: cacm 0.500 (95% interval 0.400 to 0.600) by prompt."
    assert table(section, "measures").height == 4


def test_validation_tells_what_the_topic_adds() -> None:
    """Correlations side by side do not say whether one is better: the paired gain does."""
    section = validation_section(validation())
    assert section.words == (
        "The topic adds agreement: pools of a paper's topic agree with NAID to 0.840 (rank "
        "correlation), pools of everything in the window to 0.810, a difference of +0.030 (95% "
        "interval 0.020 to 0.040) on the same 3,000 papers. Measured on 2026-03-01."
    )
    assert [one.name for one in section.listings] == ["naid", "robustness"]
    assert [p.name for p in section.pictures] == ["naid", "gains"]
    assert "0.780 (citations) to 0.840 (topic pool)" in section.pictures[0].alt


@pytest.mark.parametrize(
    ("gain", "verdict"), [(-0.03, "takes agreement away"), (0.001, "adds nothing that can be told")]
)
def test_a_gain_within_chance_is_not_called_one(gain: float, verdict: str) -> None:
    """+0.001 ± 0.01 read as "the topic helps"."""
    rows = validation().with_columns(
        pl.when(measure="gain_over_all_in_window").then(pl.lit(gain) + shift).otherwise(name)
        .alias(name)
        for name, shift in (("value", 0), ("low", -0.01), ("high", 0.01))
    )  # fmt: skip
    assert f"The topic {verdict}" in validation_section(rows).words
    alone = rows.filter(pl.col("system") != "all_in_window")
    assert validation_section(alone).words == "Measured on 2026-03-01."


def test_ceilings_are_not_listed_as_scores() -> None:
    """What was shown the truth beforehand, ranked first among those that had to find it."""
    told = validation()
    oracle = told.filter(measure="spearman").head(1)
    shown = oracle.with_columns(system=pl.lit("oracle_words"), value=pl.lit(0.99))
    section = validation_section(pl.concat([told, shown]))
    assert "oracle_words" not in table(section, "naid")["system"].to_list()
    assert table(section, "ceilings")["system"].to_list() == ["oracle_words"]
    assert all("oracle" not in picture.alt for picture in section.pictures)


def test_the_last_night_in_short() -> None:
    """A night told without saying which, or a first report told as nothing."""
    section = changes_section(night())
    assert section.words == (
        "The report of 2026-03-02 03:15 UTC since 2026-03-01 03:15 UTC: 2 new papers. "
        "1 score moved."
    )
    assert table(section, "moved")["change"].to_list() == [0.4]
    first = {"made_at": "2026-03-02T03:15:00Z", "since": None,
             "sections": {"tables": {"words": "First report: everything is new."}}}  # fmt: skip
    told = LastNight.of(first)
    assert told.made_at == datetime(2026, 3, 2, 3, 15, tzinfo=UTC)
    assert changes_section(told).words.endswith("UTC: First report: everything is new.")
    assert night_costs_section(()).words == "The journal tells of no run since."


def test_what_is_not_there_names_its_command() -> None:
    """A gap that nobody knows how to fill."""
    said = {s.key: s.words for s in write_overview(bare()).sections}
    assert "`csimpact overview`" in said["venues"]
    assert "`csimpact validate`" in said["validation"]
    assert "`csimpact train`" in said["retrieval"]
    assert "`csimpact refresh`" in said["changes"]
    assert said["coverage"] == "No paper is held yet."
    assert all(said.values())


def test_shares_are_not_rounded_to_all_or_none() -> None:
    """100% of which one is missing is a lie."""
    assert [percent(s) for s in (0, 1, 0.5, 0.99999, 0.00001)] == [
        "0%", "100%", "50.0%", "over 99.9%", "under 0.1%",
    ]  # fmt: skip
