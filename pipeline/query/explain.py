"""Why a score is what it is: the paper, its pool, where it stands there, and words for them.

Belongs here: what is said about one score of today. Not: reading tables (library.py), the change
of a score (why_moved.py), pictures (pipeline/report/pool_plot.py) or how it is printed
(pipeline/cli).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from pipeline.query.records import NOT_SCORED, PAPER_COLUMNS
from pipeline.tables import TNCSI_SP

COMPANIONS = tuple(TNCSI_SP.columns)[list(TNCSI_SP.columns).index("tncsi_sp_low") :]
IMPACT_COLUMNS = (
    *PAPER_COLUMNS,
    "publication_date", "citation_source", "pool_loc", "pool_scale", "pool_k",
    *COMPANIONS,
)  # fmt: skip
IMPACT_SCHEMA = pl.Schema(
    {"publication_date": pl.Date()}
    | {name: TNCSI_SP.schema[name] for name in IMPACT_COLUMNS if name in TNCSI_SP.schema}
)

FITS_WELL, FITS_ROUGHLY = 0.1, 0.2
"""Kolmogorov–Smirnov distances up to which an exponential is said to fit well, or roughly."""

SATURATED = 0.999
"""Scores above are told to be near 1."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Standing:
    """Where a count stands among the known counts of its pool. Ranks begin at 1, ties share one."""

    n_known: int
    least: int
    q25: float
    median: float
    q75: float
    most: int
    mean: float
    n_more: int | None
    n_equal: int | None
    n_fewer: int | None

    @property
    def rank(self) -> int | None:
        """1 + members with more citations; None where the paper's own are unknown."""
        return None if self.n_more is None else self.n_more + 1

    @classmethod
    def of(cls, cited: int | None, pool: pl.DataFrame) -> "Standing | None":
        """Of a count in a pool's `cited_by_count`, null ones left out; None if all are null."""
        counts = pool["cited_by_count"].drop_nulls().cast(pl.Int64)
        if not counts.len():
            return None
        values = counts.sort().to_list()
        n_more, n_equal, n_fewer = (
            (None, None, None)
            if cited is None
            else (int((counts > cited).sum()), int((counts == cited).sum()),
                  int((counts < cited).sum()))
        )  # fmt: skip
        q25, median, q75 = (float(counts.quantile(q, "linear") or 0) for q in (0.25, 0.5, 0.75))
        return cls(
            len(values), values[0], q25, median, q75, values[-1], sum(values) / len(values),
            n_more, n_equal, n_fewer,
        )  # fmt: skip


@dataclass(frozen=True)
class Explanation:
    """Everything that says why one score is what it is.

    Attributes:
        paper: one row, IMPACT_COLUMNS.
        pool: POOL_COLUMNS of the members, the most similar first; a null `cited_by_count` is a
            count that the source of the score does not know.
        standing: where the paper stands among the known counts; None if the pool has none.
        other_rules: rows of `tncsi_variants` of the paper, none if that table was never made.
        profile: the row of `citation_profiles` of the paper, or none.
        half_window_days: how far from the paper's date members may lie.
        n_min: the fewest known counts for a score.
    """

    paper: pl.DataFrame
    pool: pl.DataFrame
    standing: Standing | None
    other_rules: pl.DataFrame
    profile: pl.DataFrame
    half_window_days: int
    n_min: int

    @property
    def row(self) -> dict[str, Any]:
        """The paper as a mapping."""
        return self.paper.row(0, named=True)

    @property
    def window(self) -> tuple[date, date] | None:
        """First and last day on which members may have been published; None without a date."""
        day = self.row["publication_date"]
        reach = timedelta(days=self.half_window_days)
        return None if day is None else (day - reach, day + reach)

    @property
    def text(self) -> list[str]:
        """The explanation in plain words, a sentence or two per line."""
        return [*_words(self)]

    def plot(self, image_format: str = "png") -> bytes:
        """The pool as a picture, `png` or `svg`. Raises InputError for another format."""
        from pipeline.report.pool_plot import pool_plot

        return pool_plot(self.row, self.pool, window=self.window, image_format=image_format)


def with_companions(
    papers: pl.DataFrame, scores: pl.DataFrame, dates: pl.DataFrame
) -> pl.DataFrame:
    """`papers` (PAPER_COLUMNS) widened to IMPACT_COLUMNS.

    `scores`: their `tncsi_sp` rows; files of an older version may lack columns, which are null
    then. `dates`: paper_id, publication_date.
    """
    wanted = [name for name in IMPACT_COLUMNS if name not in papers.columns]
    extra = [name for name in wanted if name in scores.columns]
    known = papers.join(scores.select("paper_id", *extra), "paper_id", "left").join(
        dates, "paper_id", "left"
    )
    absent = [pl.lit(None, IMPACT_SCHEMA[n]).alias(n) for n in wanted if n not in known.columns]
    return known.with_columns(absent).select(IMPACT_COLUMNS)


def _words(told: Explanation) -> Iterator[str]:
    paper, standing = told.row, told.standing
    yield _own_count(paper)
    if paper["status"] != "ok":
        yield _why_not(told)
    if told.pool.height:
        yield _pool(told)
    if standing and standing.n_more is not None:
        yield (
            f"of these counts, {standing.n_fewer:,} are lower, {standing.n_equal:,} equal and "
            f"{standing.n_more:,} higher: rank {standing.rank:,} of {standing.n_known + 1:,}"
            + _if(paper["pool_percentile"], lambda x: f", percentile {x:.3f} (ties count half)")
        )
    if paper["status"] == "ok":
        yield _formula(paper)
        yield from _trust(paper)
    yield from _nearness(paper)
    yield from _other_rules(told.other_rules)
    yield from _profile(told.profile)


def _own_count(paper: Row) -> str:
    cited = paper["cited_by_count"]
    if cited is None:
        return "no source knows how often it is cited"
    source = f", as {paper['citation_source']} tells" if paper["citation_source"] else ""
    return f"cited {_times(cited)}{source}"


def _why_not(told: Explanation) -> str:
    paper = told.row
    n_known = paper["n_pool"] or 0
    reasons = {
        "no_date": "its publication date is unknown, so that nobody can say which papers are of "
        "its time",
        "no_citation_count": "without its count there is nothing to set against the pool",
        "pool_too_small": f"{n_known:,} of its pool's papers have a known count, and a score needs "
        f"{told.n_min:,}",
        "constant_pool": "all counts of its pool are equal, so that no scale can be fitted",
        NOT_SCORED: "the next `csimpact refresh` will make it",
    }
    return f"no score: {reasons.get(paper['status'], paper['status'])}"


def _pool(told: Explanation) -> str:
    days, standing = told.pool["publication_date"].drop_nulls(), told.standing
    line = f"its pool: {told.pool.height:,} papers"
    if days.n_unique() > 1:
        line += f" published between {days.sort()[0]} and {days.sort()[-1]}"
        line += _if(told.row["publication_date"], lambda day: f", around its own {day}")
    elif days.len():
        line += f", all dated {days[0]}"
    if standing is None:
        return f"{line}; none has a citation count"
    return (
        f"{line}; {standing.n_known:,} have a citation count: least {standing.least:,}, mean "
        f"{standing.mean:,.1f}, median {standing.median:,.0f}, the middle half from "
        f"{standing.q25:,.0f} to {standing.q75:,.0f}, most {standing.most:,}"
    )


def _formula(paper: Row) -> str:
    cited, loc, scale = paper["cited_by_count"], paper["pool_loc"], paper["pool_scale"]
    excess = f"excess_ratio = ({cited} − {loc}) / ({loc + scale:.1f} − {loc})"
    below = " (0 below the least count)" if cited < loc else ""
    return (
        f"{excess} = {paper['excess_ratio']:.3f}; "
        f"TNCSI_SP = 1 − exp(−excess_ratio) = {paper['tncsi_sp']:.3f}{below}"
    )


def _trust(paper: Row) -> Iterator[str]:
    low, high = paper["tncsi_sp_low"], paper["tncsi_sp_high"]
    if not paper["tncsi_sp"]:
        yield (
            "a count at or below the pool's least gives 0, however large the pool: it has no "
            "interval, the percentile says more"
        )
    elif low is not None and high is not None and low <= SATURATED:
        robust = _if(
            paper["robust_low"],
            lambda x: (
                f"; from {x:.3f} to {paper['robust_high']:.3f} by the spread that its counts "
                "really have"
            ),
        )
        yield (
            f"were the pool drawn anew, the score would lie between {low:.3f} and {high:.3f} "
            f"(95%) if counts were exponential{robust}"
        )
    if paper["tncsi_sp"] > SATURATED:
        yield "so near to 1 scores and their intervals hardly differ: compare by excess_ratio"
    if (distance := paper["pool_ks"]) is not None:
        other = _if(paper["lognormal_cdf"], lambda x: f"; under a lognormal it would be {x:.3f}")
        yield f"the exponential fits the pool {_how_well(distance)} (KS {distance:.2f}){other}"


def _how_well(distance: float) -> str:
    return (
        "well"
        if distance <= FITS_WELL
        else "roughly" if distance <= FITS_ROUGHLY else "badly"
    )  # fmt: skip


def _nearness(paper: Row) -> Iterator[str]:
    parts = [
        _if(paper["pool_radius"], lambda x: f"the pool's farthest member has similarity {x:.2f}"),
        _if(paper["pool_same_venue"], lambda x: f"{x:.0%} of its members are of the same venue"),
        _if(paper["pool_same_domain"], lambda x: f"{x:.0%} of the same domain"),
    ]
    if any(parts):
        yield ", ".join(filter(None, parts))
    if paper["date_precision"] in ("month", "year"):
        known = paper["date_precision"]
        yield f"only the {known} of its publication is known, and its window is as rough"


def _other_rules(rows: pl.DataFrame) -> Iterator[str]:
    if rows.height:
        said = (
            f"{row['variant']} "
            + (f"{row['variant_score']:.3f}" if row["status"] == "ok" else f"({row['status']})")
            for row in rows.iter_rows(named=True)
        )
        yield "under other rules: " + ", ".join(said)


def _profile(rows: pl.DataFrame) -> Iterator[str]:
    for row in rows.iter_rows(named=True):
        if row["n_references"] is not None:
            n_scored = row["n_references_scored"]
            yield (
                f"cites {row['n_references']:,} works"
                + _if(row["arq"], lambda x: f"; mean TNCSI_SP of those scored here {x:.3f}")
                + _if(row["rqm"], lambda x: f", RQM {x:.3f}")
                + (f" ({n_scored:,} scored)" if n_scored else "")
            )
        if row["n_citing"]:
            yield (
                f"{row['n_citing']:,} papers of the library cite it"
                + _if(row["outside_domain_share"], lambda x: f", {x:.0%} from other domains")
                + _if(row["influential_share"], lambda x: f"; {x:.0%} of edges are influential")
            )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _if(value: Any, said: Callable[[Any], str]) -> str:
    """What is said of a value, or nothing where it is null."""
    return "" if value is None else said(value)
