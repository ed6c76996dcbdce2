"""One paper's impact, printed: the score, why it is so, and why it moved.

Belongs here: what is shown of an answer in each format. Not: the answer (pipeline/query/explain.py,
why_moved.py), pictures (pipeline/report), encodings (output.py).
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import polars as pl

from pipeline.cli.output import print_document, print_frame, print_pairs, print_text
from pipeline.query.explain import Explanation
from pipeline.query.records import Row
from pipeline.query.why_moved import Change
from pipeline.report.pool.bars import pool_bars
from pipeline.wording import interval


def print_impact(
    paper: pl.DataFrame,
    output: str,
    *,
    told: Explanation | None,
    moved: Change | None,
    limit: int,
) -> None:
    """One paper as an object; with `told` its pool, with `moved` what moved its score.

    CSV has one table: the pool, else the parts of the change, else the paper. `limit`: members of
    the pool in the table for eyes.
    """
    if output == "json":
        explained = _explained(told) if told else {}
        print_document(paper.row(0, named=True) | explained | (_moved(moved) if moved else {}))
    elif output == "csv":
        print_frame(told.pool if told else moved.frame if moved else paper, output)
    else:
        print_pairs(_card(paper.row(0, named=True)))
        if told:
            _print_explained(told, limit)
        if moved:
            _print_moved(moved)


def _card(paper: Row) -> Iterator[tuple[str, str]]:
    """What there is to say of a score at a glance; null companions are left out."""
    yield "paper_id", paper["paper_id"]
    yield "title", paper["title"]
    yield "venue", f"{paper['venue']} {paper['year']}"
    if (cited := paper["cited_by_count"]) is not None:
        source = f" ({paper['citation_source']})" if paper["citation_source"] else ""
        yield "cited_by_count", f"{cited:,}{source}"
    if (score := paper["tncsi_sp"]) is not None:
        # The robust ones: real pools are wider than an exponential. Of 0 there is none to tell.
        bounds = interval(paper["robust_low"], paper["robust_high"]) if score > 0 else ""
        yield "tncsi_sp", f"{score:.3f}" + (f", 95% interval {bounds}" if bounds else "")
        bounds = interval(paper["excess_low"], paper["excess_high"]) if score > 0 else ""
        excess = f"{paper['excess_ratio']:,.3f}"
        yield "excess_ratio", excess + (f", 95% interval {bounds}" if bounds else "")
    if (percentile := paper["pool_percentile"]) is not None:
        yield "pool_percentile", f"{percentile:.3f}"
    if paper["n_pool"] is not None:
        of = "" if paper["pool_k"] is None else f" of {paper['pool_k']:,} papers"
        yield "n_pool", f"{paper['n_pool']:,} counts{of}"
    yield "status", paper["status"]


def _explained(told: Explanation) -> dict[str, Any]:
    standing = None if told.standing is None else asdict(told.standing)
    return {
        "words": told.text,
        "standing": standing and standing | {"rank": told.standing and told.standing.rank},
        "other_rules": told.other_rules.to_dicts(),
        "profile": next(told.profile.iter_rows(named=True), None),
        "pool": told.pool.to_dicts(),
    }


def _print_explained(told: Explanation, limit: int) -> None:
    print_text("")
    print_pairs(("-", line) for line in told.text)
    counts = told.pool["cited_by_count"].drop_nulls().to_list()
    print_text("\n".join(["", *pool_bars(counts, told.row["cited_by_count"])]))
    if told.pool.height:
        print_frame(_narrow(told.pool.head(limit)), "table")
    if (left := told.pool.height - limit) > 0:
        print_text(f"and {left:,} less similar ones: --limit, or --format csv for all")


def _narrow(pool: pl.DataFrame) -> pl.DataFrame:
    """The telling columns first, few enough for 80 characters; a date of all is told once."""
    dated = pool["publication_date"].n_unique() > 1
    return pool.select(
        "similarity",
        pl.col("cited_by_count").alias("cited"),
        *[pl.col("publication_date").alias("published")] * dated,
        pl.format("{} {}", "venue", "year").alias("edition"),
        "paper_id",
        "title",
    )


def _moved(moved: Change) -> dict[str, Any]:
    states = {"before": moved.before, "after": moved.after}
    counted = moved.moves
    return {
        "change": states
        | {
            "parts": moved.frame.to_dicts(),
            "counts_moved": counted and counted.n_moved,
            "members_entered": counted and counted.n_entered,
            "members_left": counted and counted.n_left,
            "words": moved.text,
        }
    }


def _print_moved(moved: Change) -> None:
    print_text("")
    print_pairs(("-", line) for line in moved.text)
