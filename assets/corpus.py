"""Asset group `corpus`: registered lists -> records -> identities -> papers and counts.

Belongs here: which tables these stages read and write. Not: what a record or a paper is
(pipeline/corpus).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import cast

import polars as pl

from assets.stages import Job, Made, Stage, rewrite_cell, write_cell
from pipeline.corpus import paper_copilot
from pipeline.corpus.citations import build_citations, edges_of, known_works, still_here
from pipeline.corpus.counts import build_citation_counts, extend_snapshots, known_counts
from pipeline.corpus.coverage import build_venue_coverage
from pipeline.corpus.homes import at_home
from pipeline.corpus.paper_copilot import ListOrigin
from pipeline.corpus.papers import build_authorships, build_papers
from pipeline.corpus.resolution import (
    IDENTITY,
    POSITIONAL,
    RESOLVED_SCHEMA,
    resolve_again,
)
from pipeline.corpus.reviews import build_match_review, build_redirects
from pipeline.report.figures.coverage import coverage_map
from pipeline.staleness import States, records_elsewhere
from pipeline.tables import DUMP_RECORDS, PAPER_IDS, QUARANTINE, UNRECOGNISED, Cell, cell_name
from resources.collector import rare_collections
from resources.inbox import Inbox, RegisteredFile
from resources.lake import digest_of
from resources.scholar_dumps import load_document, read_file
from resources.workspace import Workspace

COUNTS = ("cited_by_count", "citation_source", "observed_on")
PLACE = ("record_key", "source_file", "list_order")
OF_LISTS = pl.col("source").is_in(list(POSITIONAL))
# Of a list, a row is what stands at its place; elsewhere a place in a file means nothing.
NAME = pl.when(OF_LISTS).then(pl.col("source_row").cast(pl.String)).otherwise("record_key")


def dump_shards(job: Job) -> Iterator[Made]:
    """Records of every source, by venue-year; each file was read once, when it was imported."""
    inbox, store = job.workspace.inbox(), job.workspace.source_store()
    merged = store.merged_ids()
    for cell in job.cells:
        records, refused = _read_lists(inbox, cell)
        if cell == UNRECOGNISED:
            refused = pl.concat([refused, store.quarantine()])
        records = pl.concat([records, store.records(cell)])
        # What papers are made of: neither counts nor the file a row happens to stand in, so
        # that a newer list that only moved counts leaves the papers alone.
        in_force = records.filter(pl.col("list_order") == 0)
        moving = (*COUNTS, *PLACE, "references", "source_row")
        content = in_force.select(pl.exclude(moving), name=NAME)
        bad_rows = refused.filter("in_force").drop("source_file")
        counted = pl.col("cited_by_count").is_not_null()
        told = in_force.select(
            "source", "excluded_because", counted, pl.col("abstract").is_not_null(), name=NAME
        )
        yield write_cell(
            job,
            "dump_records",
            cell,
            {"dump_records": records, "quarantine": refused},
            facets={
                "counts": digest_of(records.select("record_key", "list_order", *COUNTS)),
                "identity": digest_of(records.select("record_key", *IDENTITY))
                + _merged_into(records, merged),
                "content": digest_of(content),
                "references": digest_of(_with_references(records)),
                "coverage": digest_of(told) + digest_of(bad_rows),
            },
            facts={"quarantined": refused.height},
        )


def _merged_into(records: pl.DataFrame, merged: pl.DataFrame) -> str:
    """Digest of the ids that were merged into these records, empty if none was."""
    known = records.select("source", merged_into="source_id")
    ids = merged.join(known, on=["source", "merged_into"], how="semi")
    return digest_of(ids.sort("source", "source_id")) if ids.height else ""


def _with_references(records: pl.DataFrame) -> pl.DataFrame:
    told = pl.col("references").is_not_null() & (pl.col("list_order") == 0)
    return records.filter(told).select("record_key", "source", "observed_on", "references")


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
    workspace, lake = job.workspace, job.workspace.lake
    records = lake.read_cells("dump_records", job.cells, ["record_key", "source_row", *IDENTITY])
    before = lake.read_all("paper_ids")
    merged = workspace.source_store().merged_ids()
    with rare_collections():
        ledger = workspace.ledger.load()
        resolved = resolve_again(
            records, before.select(RESOLVED_SCHEMA.names()), job.cells, ledger, merged
        )
    minted = sum(event.event == "mint" for event in ledger.news)
    # The ledger first: an id that a table shows must never be forgotten.
    workspace.ledger.append(ledger)
    redirects = build_redirects(ledger, merged, resolved["record_key"])
    lake.write("redirects", None, redirects)
    lake.write("match_review", None, build_match_review(ledger))
    ids = at_home(resolved, ledger.row_of_paper)
    homes, stands = _by_cell(ids, "venue", "year"), _by_cell(ids, "record_venue", "record_year")
    elsewhere, none = _elsewhere(ids), PAPER_IDS.empty()
    # Papers may have moved in or out of venue-years whose own records did not.
    touched = homes.keys() | _by_cell(before, "venue", "year").keys()
    for cell in [*job.cells, *sorted(touched - set(job.cells))]:
        mine = homes.get(cell, none)
        facets = {
            "papers": digest_of(in_force_papers(pl.concat([mine, stands.get(cell, none)]))),
            "works": digest_of(mine.filter(~OF_LISTS).select("record_key", "paper_id", "year"))
            + _cited_as(mine, redirects),
            "elsewhere": " ".join(elsewhere.get(cell, [])),
        }
        tables = {"paper_ids": mine}
        if cell in job.inputs:
            facts = {"minted": minted}
            yield write_cell(job, "paper_ids", cell, tables, facets=facets, facts=facts)
            minted = 0  # the ledger's news are one sum, told with the first cell
        elif made := rewrite_cell(job, "paper_ids", cell, tables, facets=facets):
            yield made


def _cited_as(ids: pl.DataFrame, redirects: pl.DataFrame) -> str:
    """Digest of other ids by which these records may be cited, empty if there are none."""
    named = redirects.join(ids, left_on="to_id", right_on="record_key", how="semi")
    return digest_of(named.select("from_id", "to_id")) if named.height else ""


def _by_cell(ids: pl.DataFrame, venue: str, year: str) -> Mapping[Cell, pl.DataFrame]:
    parts = ids.partition_by(venue, year, as_dict=True)
    return {(str(v), int(str(y))): part for (v, y), part in parts.items()}


def _elsewhere(ids: pl.DataFrame) -> Mapping[Cell, list[str]]:
    """Venue-year -> others it shares papers with: their records there, or their home."""
    strays = ids.filter(
        (pl.col("venue") != pl.col("record_venue")) | (pl.col("year") != pl.col("record_year"))
    )
    shared: dict[Cell, set[str]] = {}
    columns = ("venue", "year", "record_venue", "record_year")
    for venue, year, other, when in strays.select(columns).unique().iter_rows():
        shared.setdefault((venue, year), set()).add(cell_name((other, when)))
        shared.setdefault((other, when), set()).add(cell_name((venue, year)))
    return {cell: sorted(names) for cell, names in shared.items()}


def in_force_papers(ids: pl.DataFrame) -> pl.DataFrame:
    """Paper of each record in force: what `papers` needs of `paper_ids`.

    A row of a list is named by its place, so that a newer list that says the same is no news.
    """
    place = pl.col("record_key").str.split(":").list.last()
    name = pl.when(OF_LISTS).then(place).otherwise("record_key")
    return (
        ids.filter("in_force")
        .select("source", "paper_id", "paper_row", "venue", "year", name=name)
        .unique()
        .sort("source", "name", "paper_id")
    )


@dataclass(frozen=True)
class _Concerned:
    """What is said of a venue-year's papers, wherever their records stand."""

    records: pl.DataFrame  # of the venue-year and of those it shares papers with
    ids: pl.DataFrame  # of the same
    at_home: pl.DataFrame  # ids of the papers at home in the venue-year

    @classmethod
    def of(cls, workspace: Workspace, states: States, cell: Cell) -> "_Concerned":
        """Read from the lake."""
        cells = [cell, *records_elsewhere(states, cell)]
        ids = workspace.lake.read_cells("paper_ids", cells)
        records = workspace.lake.read_cells("dump_records", cells)
        return cls(records, ids, ids.filter(venue=cell[0], year=cell[1]))


def papers(job: Job) -> Iterator[Made]:
    """Papers and their authors, from every source that tells of them."""
    states = job.workspace.states()
    for cell in job.cells:
        told = _Concerned.of(job.workspace, states, cell)
        found = build_papers(told.records, told.at_home)
        days = found["publication_date"].drop_nulls().to_physical().to_list()
        yield write_cell(
            job,
            "papers",
            cell,
            {"papers": found, "authorships": build_authorships(told.records, told.at_home)},
            facets=facets_of_papers(found),
            days=(min(days), max(days)) if days else None,
        )


def facets_of_papers(found: pl.DataFrame) -> Mapping[str, str]:
    """Digests of what vectors, pools and scores look at in rows of `papers`."""
    pool = found.select("paper_id", "paper_row", "publication_date", "text_hash", "in_pools")
    return {
        "texts": digest_of(found.select("text_hash")),
        "queries": digest_of(pool.drop("in_pools")),
        "members": digest_of(pool.filter("in_pools").drop("in_pools")),
        "rows": digest_of(pool.filter("in_pools").select("paper_row")),
        "precision": digest_of(found.select("paper_id", "date_precision")),
    }


def citation_counts(job: Job) -> Iterator[Made]:
    """The newest known count of every paper and source, and its history, appended on change."""
    lake, states = job.workspace.lake, job.workspace.states()
    for cell in job.cells:
        told = _Concerned.of(job.workspace, states, cell)
        counts = build_citation_counts(told.records, told.at_home)
        before = lake.read("citation_snapshots", cell)
        snapshots = extend_snapshots(before, known_counts(told.records, told.at_home))
        yield write_cell(
            job,
            "citation_counts",
            cell,
            {"citation_counts": counts, "citation_snapshots": snapshots},
            facets={"values": digest_of(counts.drop("observed_on"))},
            facts={"snapshots_added": snapshots.height - before.height},
        )


def citations(job: Job) -> Iterator[Made]:
    """Who cites whom, as each source tells it, with the days it was first and last seen."""
    workspace, lake = job.workspace, job.workspace.lake
    states, store = workspace.states(), workspace.source_store()
    columns = ["record_key", "source", "paper_id", "venue", "year"]
    ids, redirects = lake.read_all("paper_ids", columns), lake.read("redirects")
    works = known_works(ids.filter(~OF_LISTS), redirects)
    for cell in job.cells:
        told = _Concerned.of(workspace, states, cell)
        cells = [cell, *records_elsewhere(states, cell)]
        handed_over = pl.concat([store.edges(c) for c in cells])
        in_force = told.records.filter(pl.col("list_order") == 0)
        edges = edges_of(in_force, handed_over, told.at_home)
        elsewhere = ids.filter((pl.col("venue") != cell[0]) | (pl.col("year") != cell[1]))
        before = still_here(lake.read("citations", cell), redirects, elsewhere)
        found = build_citations(edges, works, before)
        citing = found.filter("in_force").select("source", "citing_paper_id").unique()
        yield write_cell(
            job,
            "citations",
            cell,
            {"citations": found},
            facets={"citing": digest_of(citing.sort("source", "citing_paper_id"))},
            facts={
                "citations_known": found["cited_paper_id"].count(),
                "self_loops": int(found["is_self_loop"].sum()),
                "forward_in_time": int(found["is_forward"].sum()),
            },
        )


def venue_coverage(job: Job) -> Iterator[Made]:
    """The accounts of where every record went, and how much of a venue-year each source covers."""
    lake, states = job.workspace.lake, job.workspace.states()
    for cell in job.cells:
        told = _Concerned.of(job.workspace, states, cell)
        coverage = build_venue_coverage(
            cell,
            told.records,
            told.ids,
            lake.read("papers", cell),
            lake.read("citations", cell),
            lake.read("quarantine", cell),
        )
        yield write_cell(job, "venue_coverage", cell, {"venue_coverage": coverage})


def _plot_coverage(workspace: Workspace, _made: Collection[Made]) -> Mapping[str, bytes]:
    coverage = workspace.lake.read_all("venue_coverage")
    return {"coverage": coverage_map(coverage)} if coverage.height else {}


STAGES = (
    Stage("dump_shards", "dump_records", ("dump_records", "quarantine"), dump_shards, "corpus",
          ("openalex_works",), partitioned=False, kinds=("json", "parquet")),
    Stage("identities", "paper_ids", ("paper_ids", "redirects", "match_review"), identities,
          "corpus", ("dump_shards",), partitioned=False),
    Stage("papers", "papers", ("papers", "authorships"), papers, "corpus",
          ("dump_shards", "identities")),
    Stage("citation_counts", "citation_counts", ("citation_counts", "citation_snapshots"),
          citation_counts, "corpus", ("dump_shards", "identities")),
    Stage("citations", "citations", ("citations",), citations, "corpus",
          ("dump_shards", "identities")),
    Stage("venue_coverage", "venue_coverage", ("venue_coverage",), venue_coverage, "corpus",
          ("papers", "citations"), plot=_plot_coverage),
)  # fmt: skip
