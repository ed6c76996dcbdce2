"""Asset group `corpus`: registered lists -> records -> identities -> papers and counts.

Belongs here: which tables these stages read and write. Not: what a record or a paper is
(pipeline/corpus).
"""

from collections.abc import Iterator
from datetime import date
from typing import cast

import polars as pl

from assets.stages import Job, Made, Stage, write_cell
from pipeline.corpus import paper_copilot
from pipeline.corpus.counts import build_citation_counts, extend_snapshots, known_counts
from pipeline.corpus.paper_copilot import ListOrigin
from pipeline.corpus.papers import build_authorships, build_papers, build_venue_coverage
from pipeline.corpus.resolution import resolve_records
from pipeline.tables import DUMP_RECORDS, QUARANTINE, UNRECOGNISED, Cell
from resources.inbox import Inbox, RegisteredFile
from resources.lake import digest_of
from resources.scholar_dumps import load_document, read_file

COUNTS = ("cited_by_count", "citation_source", "observed_on")
PLACE = ("record_key", "source_file", "list_order")


def dump_shards(job: Job) -> Iterator[Made]:
    """Records of every registered list, by source and venue-year; each file is read once."""
    inbox = job.workspace.inbox()
    for cell in job.cells:
        records, refused = _read_lists(inbox, cell)
        # What papers are made of: neither counts nor the file a row happens to stand in, so
        # that a newer list that only moved counts leaves the papers alone.
        content = records.filter(pl.col("list_order") == 0).drop(*COUNTS, *PLACE)
        bad_rows = refused.filter("in_force").drop("source_file")
        yield write_cell(
            job,
            "dump_records",
            cell,
            {"dump_records": records, "quarantine": refused},
            facets={
                "counts": digest_of(records.select("record_key", "list_order", *COUNTS)),
                "identity": digest_of(records.drop(COUNTS)),
                "content": digest_of(content) + digest_of(bad_rows),
            },
            facts={"quarantined": refused.height},
        )


def _read_lists(inbox: Inbox, cell: Cell) -> tuple[pl.DataFrame, pl.DataFrame]:
    records, refused = [DUMP_RECORDS.empty()], [QUARANTINE.empty()]
    if cell == UNRECOGNISED:
        return records[0], pl.concat([*refused, *map(_unusable, inbox.problems())])
    for origin, path in inbox.origins(cell):
        rows = load_document(path, read_file(path))
        parsed, bad = paper_copilot.parse_list(cast(list[object], rows), origin)
        records.append(parsed)
        refused.append(bad)
    return pl.concat(records), pl.concat(refused)


def _unusable(file: RegisteredFile) -> pl.DataFrame:
    day = date.fromisoformat(file.registered_on)
    origin = ListOrigin(file.path, file.sha256, *UNRECOGNISED, day, list_order=0)
    return paper_copilot.unreadable_list(origin, file.problem)


def identities(job: Job) -> Iterator[Made]:
    """Which paper every record is, through the append-only ledger of minted ids."""
    workspace = job.workspace
    ledger = workspace.ledger.load()
    resolved: dict[Cell, pl.DataFrame] = {}
    # Oldest first, so that row numbers follow history where it is delivered at once.
    for cell in sorted(job.cells, key=lambda c: (c[1], c[0])):
        resolved[cell] = resolve_records(workspace.lake.read("dump_records", cell), ledger)
    minted = sum(event.event == "mint" for event in ledger.news)
    # The ledger first: an id that a table shows must never be forgotten.
    workspace.ledger.append(ledger)
    for cell, ids in resolved.items():
        yield write_cell(
            job,
            "paper_ids",
            cell,
            {"paper_ids": ids},
            facets={"papers": digest_of(in_force_papers(ids))},
            facts={"minted": minted},
        )
        minted = 0  # the ledger's news are one sum, told with the first cell


def in_force_papers(ids: pl.DataFrame) -> pl.DataFrame:
    """Paper of each row of the list in force: what `papers` needs of `paper_ids`."""
    row = pl.col("record_key").str.split(":").list.last().cast(pl.Int32)
    return ids.filter("in_force").select("paper_id", "paper_row", row=row).sort("row")


def papers(job: Job) -> Iterator[Made]:
    """Papers, their authors, and the accounts of where every record of the venue-year went."""
    lake = job.workspace.lake
    for cell in job.cells:
        records, ids = lake.read("dump_records", cell), lake.read("paper_ids", cell)
        refused = lake.read("quarantine", cell)
        found = build_papers(records, ids)
        pool = found.select("paper_id", "paper_row", "publication_date", "text_hash", "in_pools")
        days = found["publication_date"].drop_nulls().to_physical().to_list()
        yield write_cell(
            job,
            "papers",
            cell,
            {
                "papers": found,
                "authorships": build_authorships(records, ids),
                "venue_coverage": build_venue_coverage(records, ids, found, refused),
            },
            facets={
                "texts": digest_of(found.select("text_hash")),
                "queries": digest_of(pool.drop("in_pools")),
                "members": digest_of(pool.filter("in_pools").drop("in_pools")),
            },
            days=(min(days), max(days)) if days else None,
        )


def citation_counts(job: Job) -> Iterator[Made]:
    """The newest known count of every paper and source, and its history, appended on change."""
    lake = job.workspace.lake
    for cell in job.cells:
        records, ids = lake.read("dump_records", cell), lake.read("paper_ids", cell)
        counts = build_citation_counts(records, ids)
        before = lake.read("citation_snapshots", cell)
        snapshots = extend_snapshots(before, known_counts(records, ids))
        yield write_cell(
            job,
            "citation_counts",
            cell,
            {"citation_counts": counts, "citation_snapshots": snapshots},
            facets={"values": digest_of(counts.drop("observed_on"))},
            facts={"snapshots_added": snapshots.height - before.height},
        )


STAGES = (
    Stage("dump_shards", "dump_records", ("dump_records", "quarantine"), dump_shards, "corpus",
          partitioned=False, kinds=("json", "parquet")),
    Stage("identities", "paper_ids", ("paper_ids",), identities, "corpus",
          ("dump_shards",), partitioned=False),
    Stage("papers", "papers", ("papers", "authorships", "venue_coverage"), papers, "corpus",
          ("dump_shards", "identities")),
    Stage("citation_counts", "citation_counts", ("citation_counts", "citation_snapshots"),
          citation_counts, "corpus", ("dump_shards", "identities")),
)  # fmt: skip
