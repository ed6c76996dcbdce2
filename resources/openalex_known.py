"""Every work known of OpenAlex, with its count and content digest, without reading files twice.

Belongs here: what crawls and polls say taken together, as one table. Not: the files
(openalex_deliveries.py, whose `known` says the same of one venue-year, work by work).

A tick that finds nothing new must not parse a gigabyte of JSON to know it. What a file says of
ids, counts and digests is therefore kept in a Parquet file beside the checkpoints, under the
file's size and time; it is a cache, and who deletes it waits once.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from pipeline.corpus.identifiers import openalex_id
from pipeline.corpus.openalex_probe import Held
from pipeline.corpus.openalex_query import Work, content_digest
from pipeline.settings import DataDir
from pipeline.tables import Cell
from resources.lake import write_frame
from resources.openalex_deliveries import Deliveries, read_rows
from resources.workspace import WorkspaceLock

PATIENCE_S = 20.0  # for another reader of the same files; a tick has to end within a minute
FILES_AT_A_TIME = 50

TRACKED_SCHEMA = pl.Schema(
    {
        "openalex_id": pl.String,  # W123
        "venue": pl.String,
        "year": pl.Int32,
        "cited_by_count": pl.Int64,
        "digest": pl.String,  # content_digest
    }
)
# A file without works has a row as well, without an id, so that it counts as read.
_READ = pl.Schema(
    {
        "file": pl.String,
        "openalex_id": pl.String,
        "cited_by_count": pl.Int64,
        "digest": pl.String,
        "gone": pl.Boolean,
        "complete": pl.Boolean,
    }
)
_ID = "openalex_id"


def tracked_works(data: DataDir) -> pl.DataFrame:
    """Every work known, once, in the columns a poll compares with: TRACKED_SCHEMA."""
    return _known(data)[0].unique(_ID, keep="first", maintain_order=True)


def held_cells(data: DataDir) -> dict[Cell, Held]:
    """What is held of every venue-year that was ever crawled.

    A work that appeared in two of them counts in both, as it does at OpenAlex.
    """
    works, complete = _known(data)
    n_works = works.group_by("venue", "year").len()
    sizes = {(venue, year): n for venue, year, n in n_works.iter_rows()}
    groups: dict[Cell, dict[int, int]] = {cell: {} for cell in complete}
    counted = works.filter(pl.col("cited_by_count").is_not_null())
    for venue, year, count, n in counted.group_by("venue", "year", "cited_by_count").len().rows():
        groups[venue, year][count] = n
    return {cell: Held(sizes.get(cell, 0), groups[cell], whole) for cell, whole in complete.items()}


def _known(data: DataDir) -> tuple[pl.DataFrame, dict[Cell, bool]]:
    """Works by venue-year and id, and whether each venue-year's crawl was complete."""
    deliveries = Deliveries(data.inbox)
    crawls, polls = deliveries.crawls, deliveries.polls
    read = _read_all(data, [*crawls.values(), *polls])
    order = {_stamp(path): number for number, path in enumerate(polls)}
    places = pl.DataFrame(
        [
            (_stamp(path), *cell, len(polls) - len(deliveries.polls_since(path)))
            for cell, path in sorted(crawls.items())
        ],
        schema={"file": pl.String, "venue": pl.String, "year": pl.Int32, "since": pl.Int64},
        orient="row",
    )
    first = read.filter(pl.col(_ID).is_null()).join(places, on="file")
    complete = {(v, y): whole for v, y, whole in first.select("venue", "year", "complete").rows()}
    works = read.filter(pl.col(_ID).is_not_null())
    crawled = works.join(places, on="file").drop("file", "gone", "complete")
    numbers = pl.DataFrame(
        list(order.items()), schema={"file": pl.String, "order": pl.Int64}, orient="row"
    )
    return _polled(crawled, works.join(numbers, on="file")), complete


def _polled(crawled: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """The works of crawls as they stand after the rows that later polls `told`."""
    told = told.sort("order")
    here = ~pl.col("gone")
    says = pl.col("digest").is_not_null() & here
    last = told.group_by(_ID).agg(
        gone_at=pl.col("order").filter(pl.col("gone")).last(),
        count_at=pl.col("order").filter(here).last(),
        count=pl.col("cited_by_count").filter(here).last(),
        digest_at=pl.col("order").filter(says).last(),
        digest_told=pl.col("digest").filter(says).last(),
    )

    def later(name: str) -> pl.Expr:
        return (pl.col(name) >= pl.col("since")).fill_null(False)

    both = crawled.join(last, on=_ID, how="left", maintain_order="left")
    return (
        both.filter(~later("gone_at"))
        .with_columns(
            cited_by_count=pl.when(later("count_at")).then("count").otherwise("cited_by_count"),
            digest=pl.when(later("digest_at")).then("digest_told").otherwise("digest"),
        )
        .sort("venue", "year", _ID)
        .select(TRACKED_SCHEMA.names())
    )


def _read_all(data: DataDir, paths: Sequence[Path]) -> pl.DataFrame:
    """What the files say, from the cache where it has them; it is renewed where it has not."""
    cache = data.crawl.with_name("openalex-known.parquet")
    stamps = {_stamp(path): path for path in paths}
    kept = _cached(cache, stamps)
    if _missing(kept, stamps):
        with WorkspaceLock(data, "openalex-known", timeout_s=PATIENCE_S):
            kept = _cached(cache, stamps)  # somebody else may have read them meanwhile
            # A part at a time: a tick that is ended for being slow has not worked in vain.
            for part in _parts(_missing(kept, stamps)):
                kept = pl.concat([kept, *(_read(stamp, stamps[stamp]) for stamp in part)])
                write_frame(cache, kept)
    return kept


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[i : i + FILES_AT_A_TIME] for i in range(0, len(names), FILES_AT_A_TIME))


def _missing(kept: pl.DataFrame, stamps: Mapping[str, Path]) -> list[str]:
    return sorted(stamps.keys() - set(kept["file"].unique()))


def _cached(cache: Path, stamps: Mapping[str, Path]) -> pl.DataFrame:
    try:
        found = pl.read_parquet(cache)
    except (OSError, PolarsError):  # absent or damaged: read the files again
        return pl.DataFrame(schema=_READ)
    if found.schema != _READ:
        return pl.DataFrame(schema=_READ)
    return found.filter(pl.col("file").is_in(list(stamps)))


def _read(stamp: str, path: Path) -> pl.DataFrame:
    header, works = read_rows(path)
    rows: list[tuple[object, ...]] = [
        (stamp, None, None, None, False, bool(header.get("complete")))
    ]
    rows += [(stamp, *_told(work), True) for work in works]
    return pl.DataFrame(rows, schema=_READ, orient="row")


def _told(work: Work) -> tuple[str, int | None, str | None, bool]:
    work_id = openalex_id(str(work["id"])) or str(work["id"])
    if work.get("deleted") or work.get("merged_into"):
        return work_id, None, None, True
    digest = None if work.get("counts_only") else content_digest(work)
    return work_id, work.get("cited_by_count"), digest, False


def _stamp(path: Path) -> str:
    stat = path.stat()
    return f"{path.parent.name}/{path.name}|{stat.st_size}|{stat.st_mtime_ns}"
