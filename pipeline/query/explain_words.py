"""An explanation in plain words.

Belongs here: sentences on one score of today. Not: what they are made of (explain.py), or why a
score moved (why_moved.py).
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.query.records import NOT_SCORED, Row
from pipeline.wording import interval, times

if TYPE_CHECKING:
    from pipeline.query.explain import Explanation

FITS_WELL, FITS_ROUGHLY = 0.1, 0.2
"""Kolmogorov–Smirnov distances up to which an exponential is said to fit well, or roughly."""

SATURATED = 0.999
"""Scores above are told to be near 1."""


def told_in_words(told: "Explanation") -> Iterator[str]:
    """A sentence or two per line: the count, the pool, the standing, the formula, the trust."""
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
    return f"cited {times(cited)}{source}"


def _why_not(told: "Explanation") -> str:
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


def _pool(told: "Explanation") -> str:
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
        bounds = interval(paper["excess_low"], paper["excess_high"])
        by = f", {bounds} by the spread of its counts (95%)" if bounds else ""
        yield f"so near to 1 scores hardly differ: compare by excess_ratio{by}"
    if (distance := paper["pool_ks"]) is not None:
        other = _if(paper["lognormal_cdf"], lambda x: f"; a lognormal would give {x:.3f}")
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


def _if(value: Any, said: Callable[[Any], str]) -> str:
    """What is said of a value, or nothing where it is null."""
    return "" if value is None else said(value)
