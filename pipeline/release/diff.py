"""The difference of two releases in rows: totals, by venue-year, and the examples worth a look.

Belongs here: counting what `Changes` hold. Not: finding them (changes.py), saying them (words.py).
Nothing here grows with the library but the list of venue-years.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from pipeline.release.changes import Changes

EXAMPLES = 10  # per kind
FELT = 0.01  # a score that moves by less changes no decile

Record = dict[str, Any]

VENUE_YEAR_COUNTS = (
    *("papers_new", "papers_gone", "retitled", "redated"),
    *("counts_moved", "citations", "scores_moved"),
)


@dataclass(frozen=True)
class TableDiff:
    """Rows of a table before and after, and what became of them; `columns` of changed rows."""

    table: str
    rows_before: int
    rows_after: int
    added: int
    removed: int
    changed: int
    columns: Mapping[str, int]


@dataclass(frozen=True)
class Diff:
    """What changed from one release to another; `before` is None for the first.

    `papers`, `counts` (one per source of counts) and `scores` are sums; `venue_years` only those
    in which something moved; `examples` the leading rows of each kind.
    """

    before: str | None
    after: str
    same_rule: bool
    tables: tuple[TableDiff, ...]
    papers: Mapping[str, int] = field(default_factory=dict)
    counts: tuple[Record, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    venue_years: tuple[Record, ...] = ()
    examples: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)

    def changed_tables(self) -> list[TableDiff]:
        """Tables of which a row came, went or moved."""
        return [t for t in self.tables if t.added or t.removed or t.changed]


def diff_of(
    before: str,
    after: str,
    changes: Mapping[str, Changes],
    rows: Mapping[str, tuple[int, int]],
    examples: Mapping[str, pl.DataFrame],
    *,
    same_rule: bool,
) -> Diff:
    """The difference: `changes` of every table, its `rows` before and after, titled `examples`.

    Where pools follow another rule (`same_rule` is False), scores came and went, and none moved.
    """
    papers, scores = changes["papers"], changes["tncsi_sp"]
    return Diff(
        before,
        after,
        same_rule,
        tuple(_table(changes[name], *rows[name]) for name in changes),
        papers={
            "new": papers.added.height,
            "gone": papers.removed.height,
            "retitled": papers.moved("title").height,
            "redated": papers.moved("publication_date").height,
        },
        counts=tuple(_counts(changes["citation_counts"]).to_dicts()),
        scores=_scores(scores),
        venue_years=tuple(venue_years(changes).to_dicts()),
        examples={name: tuple(frame.to_dicts()) for name, frame in examples.items()},
    )


def first_diff(after: str, rows: Mapping[str, int]) -> Diff:
    """That of the first release: everything is new."""
    tables = (TableDiff(name, 0, n, n, 0, 0, {}) for name, n in rows.items())
    return Diff(None, after, True, tuple(tables))


def _table(changes: Changes, before: int, after: int) -> TableDiff:
    return TableDiff(
        changes.table,
        before,
        after,
        changes.added.height,
        changes.removed.height,
        changes.n_changed,
        changes.columns(),
    )


def _counts(changes: Changes) -> pl.DataFrame:
    """Per source of counts: counts that moved, and by how much in all; new ones and lost ones."""
    moved = counts_moved(changes).group_by("citation_source").agg(
        moved=pl.len(),
        citations=pl.col("gain").sum(),
        largest_gain=pl.col("gain").max(),
        largest_loss=pl.col("gain").min(),
    )  # fmt: skip
    for name, frame in (("new", changes.added), ("gone", changes.removed)):
        others = frame.group_by("citation_source").agg(pl.len().alias(name))
        moved = moved.join(others, on="citation_source", how="full", coalesce=True)
    return moved.with_columns(pl.exclude("citation_source").cast(pl.Int64).fill_null(0)).sort(
        "citation_source"
    )


def counts_moved(changes: Changes) -> pl.DataFrame:
    """Counts that moved: paper_id, citation_source, venue, year, before, after, gain."""
    moved = changes.moved("cited_by_count", ["venue", "year"])
    return moved.with_columns(gain=pl.col("after").cast(pl.Int64) - pl.col("before"))


def scores_moved(changes: Changes) -> pl.DataFrame:
    """Scores known before and after that moved, with `by`, how far."""
    moved = changes.moved("tncsi_sp", ["venue", "year"]).drop_nulls(["before", "after"])
    return moved.with_columns(by=(pl.col("after") - pl.col("before")).abs())


def _scores(changes: Changes) -> dict[str, float]:
    by = scores_moved(changes)["by"]
    either = changes.moved("tncsi_sp")
    return {
        "new": either["before"].null_count() + changes.added["tncsi_sp"].count(),
        "gone": either["after"].null_count() + changes.removed["tncsi_sp"].count(),
        "moved": by.len(),
        "felt": int((by > FELT).sum()),
        "mean": _figure(by.mean()),
        "farthest": _figure(by.max()),
    }


def _figure(value: Any) -> float:
    return 0.0 if value is None else round(float(value), 6)


def venue_years(changes: Mapping[str, Changes]) -> pl.DataFrame:
    """Venue-years in which papers, counts or scores moved: one row each, in their order."""
    papers, counts = changes["papers"], counts_moved(changes["citation_counts"])
    parts = {
        "papers_new": papers.added,
        "papers_gone": papers.removed,
        "retitled": papers.moved("title", ["venue", "year"]),
        "redated": papers.moved("publication_date", ["venue", "year"]),
        "counts_moved": counts,
        "scores_moved": scores_moved(changes["tncsi_sp"]),
    }
    tall = [_ones(frame, name, pl.lit(1)) for name, frame in parts.items()]
    tall.append(_ones(counts, "citations", pl.col("gain")))
    sums = [pl.col("n").filter(pl.col("what") == n).sum().alias(n) for n in VENUE_YEAR_COUNTS]
    return pl.concat(tall).group_by("venue", "year").agg(sums).sort("venue", "year")


def _ones(frame: pl.DataFrame, what: str, n: pl.Expr) -> pl.DataFrame:
    return frame.select("venue", "year", pl.lit(what).alias("what"), n.cast(pl.Int64).alias("n"))


def leading(changes: Mapping[str, Changes]) -> dict[str, pl.DataFrame]:
    """The examples of each kind, the farthest moved first; kinds without any are left out."""
    papers, counts = changes["papers"], changes["citation_counts"]
    where = ["paper_id", "venue", "year"]
    cited = counts.added.group_by("paper_id").agg(pl.col("cited_by_count").max())
    found = {
        "new": papers.added.select(where)
        .join(cited, on="paper_id", how="left")
        .sort("cited_by_count", "paper_id", descending=[True, False], nulls_last=True),
        "gone": papers.removed.select(*where, "title").sort("venue", "year", "title"),
        "retitled": papers.moved("title", where).sort("venue", "year", "paper_id"),
        "counts": counts_moved(counts).sort(
            pl.col("gain").abs(), "paper_id", descending=[True, False]
        ),
        "scores": scores_moved(changes["tncsi_sp"])
        .drop("config_id")
        .sort("by", "paper_id", descending=[True, False]),
    }
    return {name: frame.head(EXAMPLES) for name, frame in found.items() if frame.height}


def titled(examples: Mapping[str, pl.DataFrame], titles: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The examples with the title of each paper, from `paper_id` and `title` of papers."""
    one_each = titles.select("paper_id", "title").unique("paper_id")
    return {
        name: frame
        if "title" in frame.columns
        else frame.join(one_each, on="paper_id", how="left", maintain_order="left")
        for name, frame in examples.items()
    }
