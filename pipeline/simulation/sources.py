"""Writes one literature as four sources hand it out, and says which record is which work.

Belongs here: files, and the truth about their rows. Not: what a source has seen (sightings.py),
nor the shape of a row (source_rows.py, dblp_xml.py).

Below the folder lie `paper_copilot/<day>/<venue>/<venue><year>.json.gz`,
`openalex/works.jsonl.gz`, `semantic_scholar/{papers,abstracts,citations}.jsonl.gz` and
`dblp/dblp.xml.gz`. The same literature, seed and day give the same bytes.
"""

import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from pipeline.simulation.dblp_xml import FOOT, HEAD, dblp_record
from pipeline.simulation.literature import Literature
from pipeline.simulation.sightings import Sighting, sightings
from pipeline.simulation.source_rows import (
    openalex_work,
    s2_abstract,
    s2_citations,
    s2_paper,
    scholar_row,
)
from pipeline.venues import VenueRegistry, load_venues

COMPRESSION = 1  # gzip level: the files are read once or twice and thrown away

RECORD_SCHEMA = pl.Schema(
    [
        ("source", pl.String),
        ("source_id", pl.String),  # as an importer names it; null where a list has no ids
        ("file", pl.String),  # relative to the folder given
        ("source_row", pl.Int64),  # from 0, in that file
        ("venue", pl.String),  # null: of no registered venue, so no record of ours
        ("year", pl.Int32),  # as the source has it
        ("work", pl.String),  # the truth
        ("form", pl.String),  # paper, workshop, preprint, front_matter, proceedings
        ("hard_case", pl.String),  # empty where nothing is hard
        ("has_abstract", pl.Boolean),
        ("cited_by_count", pl.Int32),  # null where the source does not tell
        ("references", pl.List(pl.String)),  # ids of the same source; null where it does not tell
    ]
)

Placed = tuple[Sighting, str, int]
"""A sighting, its file and its row there."""


@dataclass(frozen=True)
class Truth:
    """What a perfect reader would make of the files.

    `records`: RECORD_SCHEMA, a row per written record. `citations`: source, citing_id, cited_id
    and the works they stand for, an edge once. `coverage`: by source, venue and year the works
    found there and how many of them have an abstract, a count, references; front matter is no
    work.
    """

    records: pl.DataFrame
    citations: pl.DataFrame
    coverage: pl.DataFrame


def write_sources(literature: Literature, folder: Path, *, day: date, seed: int = 0) -> Truth:
    """The truth about the files written below `folder`; `day` is the day they say they are of."""
    venues = load_venues()
    seen = groupby(sightings(literature, seed=seed), key=lambda s: s.source)
    placed = (p for source, rows in seen for p in _WRITERS[source](rows, folder, day, venues))
    records = pl.DataFrame(map(_record, placed), schema=RECORD_SCHEMA, orient="row")
    return Truth(records, _citations(records), _coverage(records))


def _record(placed: Placed) -> tuple[object, ...]:
    seen, file, row = placed
    told = (seen.work, seen.form, seen.hard_case, bool(seen.abstract), seen.cited_by_count)
    place = (seen.source, seen.key or None, file, row, seen.venue, seen.year)
    return (*place, *told, seen.references)


def _citations(records: pl.DataFrame) -> pl.DataFrame:
    main = records.filter(pl.col("source_id").is_not_null(), pl.col("source") != "paper_copilot")
    works = main.select("source", cited_id="source_id", cited_work="work").unique()
    told = main.filter(pl.col("references").list.len() > 0).explode("references")
    edges = told.select(
        "source", citing_id="source_id", cited_id="references", citing_work="work"
    ).unique()
    columns = ["source", "citing_id", "cited_id", "citing_work", "cited_work"]
    joined = edges.join(works, on=["source", "cited_id"], how="left", validate="m:1")
    return joined.select(columns).sort(columns[:3])


def _coverage(records: pl.DataFrame) -> pl.DataFrame:
    of_papers = records.filter(
        pl.col("venue").is_not_null(), ~pl.col("form").is_in(["front_matter", "proceedings"])
    )
    works = of_papers.group_by("source", "venue", "year", "work").agg(
        n_with_abstract=pl.col("has_abstract").any(),
        n_with_count=pl.col("cited_by_count").is_not_null().any(),
        n_with_references=pl.col("references").is_not_null().any(),
    )
    cells = works.group_by("source", "venue", "year").agg(
        n_works=pl.len(), **{c: pl.col(c).sum() for c in works.columns[4:]}
    )
    return cells.sort("source", "venue", "year")


def _write_lists(
    rows: Iterable[Sighting], folder: Path, day: date, venues: VenueRegistry
) -> Iterator[Placed]:
    for (venue, year), cell in groupby(rows, key=lambda s: (s.venue, s.year)):
        file, seen = f"paper_copilot/{day}/{venue}/{venue}{year}.json.gz", list(cell)
        with _gzip_at(folder / file) as out:
            out.write(orjson.dumps([scholar_row(s) for s in seen], option=orjson.OPT_INDENT_2))
        yield from ((s, file, k) for k, s in enumerate(seen))


def _write_openalex(
    rows: Iterable[Sighting], folder: Path, day: date, venues: VenueRegistry
) -> Iterator[Placed]:
    file = "openalex/works.jsonl.gz"
    with _gzip_at(folder / file) as out:
        for k, seen in enumerate(rows):
            out.write(_line(openalex_work(seen, venues)))
            yield seen, file, k


def _write_semantic_scholar(
    rows: Iterable[Sighting], folder: Path, day: date, venues: VenueRegistry
) -> Iterator[Placed]:
    file = "semantic_scholar/papers.jsonl.gz"
    with (
        _gzip_at(folder / file) as papers,
        _gzip_at(folder / "semantic_scholar/abstracts.jsonl.gz") as abstracts,
        _gzip_at(folder / "semantic_scholar/citations.jsonl.gz") as citations,
    ):
        for k, seen in enumerate(rows):
            papers.write(_line(s2_paper(seen, venues)))
            if seen.abstract:
                abstracts.write(_line(s2_abstract(seen)))
            citations.write(b"".join(map(_line, s2_citations(seen))))
            yield seen, file, k


def _write_dblp(
    rows: Iterable[Sighting], folder: Path, day: date, venues: VenueRegistry
) -> Iterator[Placed]:
    file = "dblp/dblp.xml.gz"
    with _gzip_at(folder / file) as out:
        out.write(HEAD.encode("ascii"))
        for k, seen in enumerate(rows):
            out.write(dblp_record(seen, venues, day=str(day)).encode("ascii"))
            yield seen, file, k
        out.write(FOOT.encode("ascii"))


_Writer = Callable[[Iterable[Sighting], Path, date, VenueRegistry], Iterator[Placed]]
_WRITERS: Mapping[str, _Writer] = {
    "paper_copilot": _write_lists,
    "openalex": _write_openalex,
    "semantic_scholar": _write_semantic_scholar,
    "dblp": _write_dblp,
}
"""Each writes the rows as they come and says where each of them lies."""


def _line(row: Mapping[str, Any]) -> bytes:
    return orjson.dumps(row) + b"\n"


@contextmanager
def _gzip_at(path: Path) -> Iterator[gzip.GzipFile]:
    """A gzip file that appears once it is complete, without name and time in its header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with (
        partial.open("wb") as raw,
        gzip.GzipFile("", "wb", COMPRESSION, raw, mtime=0) as out,
    ):
        yield out
    partial.replace(path)
