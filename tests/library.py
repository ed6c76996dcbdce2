"""Tiny libraries for tests: lists from inline rows, a workspace of their own, tables to compare.

Belongs here: helpers that several test files share. Not: tests.
"""

import atexit
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from shutil import copytree, rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import polars as pl

from assets import STAGES
from assets.stages import Made
from pipeline.corpus.homes import at_home
from pipeline.corpus.ledger import Ledger
from pipeline.corpus.resolution import resolve_records
from pipeline.impact.pools import PoolRule
from pipeline.models.tiny import write_tiny_encoder
from pipeline.settings import DataDir
from pipeline.tables import DUMP_RECORDS, TABLES, Cell
from resources.model_hub import load_bi_encoder
from resources.workspace import Workspace

if TYPE_CHECKING:
    from pipeline.models.query_tower import TowerEncoder

Row = dict[str, Any]
Frames = dict[str, pl.DataFrame]

TODAY = date(2026, 3, 1)
RULE = PoolRule(k_min=3, k_max=20, share=0.5, n_min=2)
WORDS = [
    *("graph", "neural", "network", "retrieval", "sparse", "dense", "citation", "vision"),
    *("segmentation", "robust", "policy", "robot", "grasp", "parser", "syntax", "translation"),
    *("attention", "kernel", "bayes", "optimal"),
]


def paper(number: int, *, cites: int | None = None, **changes: Any) -> Row:
    """A row of a list; the number fixes title, author and id, so that equal numbers are one paper.

    `cites` None means unknown, −1 in a list.
    """
    words = [WORDS[(number * step + step) % len(WORDS)] for step in (1, 3, 7, 11)]
    row = {
        "id": f"id{number}",
        "title": f"{' '.join(words)} {number}",
        "author": f"Ada Surname{number};Bob Other{number}",
        "abstract": f"We study {words[1]} for {words[3]} in setting {number % 5}.",
        "status": "Poster",
        "track": "main",
        "gs_citation": -1 if cites is None else cites,
    }
    return row | changes


def papers(numbers: Iterable[int], *, cites: int = 1) -> list[Row]:
    """One row per number, cited `number * cites` times."""
    return [paper(n, cites=n * cites) for n in numbers]


def write_list(folder: Path, cell: Cell, rows: list[Row], day: str | None = None) -> Path:
    """A Paper Copilot list of `cell`, below a folder named after `day` if it is dated."""
    path = folder / (day or "undated") / cell[0] / f"{cell[0]}{cell[1]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows))
    return path


def source_record(source: str, source_id: str, cell: Cell, **changes: Any) -> Row:
    """A row of `dump_records` of a source that has ids of its own."""
    row: Row = dict.fromkeys(DUMP_RECORDS.schema.names())
    row |= {
        "record_key": f"{source}:{source_id}", "source": source, "source_id": source_id,
        "venue": cell[0], "year": cell[1], "title": f"On things like {source_id}", "authors": [],
        "track": "main", "keywords": [], "citation_source": source, "observed_on": TODAY,
        "publication_date": date(cell[1], 7, 2), "date_precision": "year", "list_order": 0,
        "source_file": f"{source}.jsonl", "source_row": 0,
    }  # fmt: skip
    return row | changes


def source_records(*rows: Row) -> pl.DataFrame:
    """Rows of `source_record` as `dump_records`."""
    return pl.DataFrame(rows, schema=DUMP_RECORDS.schema, orient="row")


def deliver(workspace: Workspace, cell: Cell, rows: list[Row], day: str | None = None) -> None:
    """Write a list and import it, as `csimpact import` does."""
    outbox = workspace.data.root.parent / "outbox"
    imported = workspace.import_files([write_list(outbox, cell, rows, day)], accept_shrink=True)
    assert not imported.refused, imported.refused


@cache
def tiny_encoder() -> Path:
    """A folder with the tiny encoder, written once per session and gone after it."""
    folder = Path(mkdtemp(prefix="csimpact-tiny-")) / "tiny"
    atexit.register(rmtree, folder.parent, ignore_errors=True)
    write_tiny_encoder(folder, seed=0)
    return folder


def tiny_workspace(folder: Path) -> Workspace:
    """A workspace below `folder`, where pools of three and scores from two counts exist.

    Tests set CSIMPACT_ENCODER=tiny (fixture `tiny_encoder_chosen`).
    """
    data = DataDir(folder / "data")
    data.root.mkdir(parents=True)
    data.models.mkdir()
    (data.models / "tiny").symlink_to(tiny_encoder(), target_is_directory=True)
    return reopened(data)


def reopened(data: DataDir) -> Workspace:
    """The workspace of a state folder, as another process would open it."""
    workspace = Workspace(data, today=TODAY, rule=RULE)
    workspace.encoder = shared_encoder()  # loaded once, not for every workspace
    return workspace


@cache
def shared_encoder() -> "TowerEncoder":
    """The tiny encoder, loaded once per session."""
    return load_bi_encoder("tiny", tiny_encoder().parent)


def identified(records: pl.DataFrame, ledger: Ledger | None = None) -> pl.DataFrame:
    """`paper_ids` of records, through a ledger of their own unless one is given."""
    ledger = Ledger() if ledger is None else ledger
    return at_home(resolve_records(records, ledger), ledger.row_of_paper)


def run_stages(workspace: Workspace, *, without: Collection[str] = ()) -> Mapping[str, list[Made]]:
    """Every stage in order, without Dagster; afterwards nothing may be stale."""
    made = {
        stage.asset: list(stage.run(workspace, stage.stale(workspace)))
        for stage in STAGES
        if stage.asset not in without
    }
    left = {s.asset: c for s in STAGES if s.asset not in without and (c := s.stale(workspace))}
    assert not left, f"still stale after a refresh: {left}"
    return made


def draw_overview(workspace: Workspace) -> None:
    """What is made of the whole library besides its page, without Dagster."""
    from assets.overview import OVERVIEW_WHOLES
    from assets.wholes import TrainConfig

    for whole in OVERVIEW_WHOLES:
        if whole.tables:
            whole.function(workspace, TrainConfig())


def keep_topics(workspace: Workspace, other: Workspace) -> None:
    """Give `other` the clusters of `workspace`: they stay from night to night, as ids do."""
    for part in ("topics", "_state/topics"):
        copytree(workspace.data.lake / part, other.data.lake / part)


def made_cells(made: Mapping[str, list[Made]]) -> dict[str, set[Cell | None]]:
    """Asset -> the cells it made, of those that made any."""
    return {asset: {one.cell for one in ones} for asset, ones in made.items() if ones}


def raw_tables(workspace: Workspace) -> Frames:
    """Every table as stored."""
    return {name: workspace.lake.read_all(name) for name in TABLES}


def without_history(frames: Frames) -> Frames:
    """`raw_tables` less what tells of what was seen, and when: a rebuild sees all at once."""
    seen = {"citation_profiles": ("n_observations", "iei")}
    return {
        name: frame.drop(seen.get(name, ()))
        for name, frame in frames.items()
        if name not in ("citation_snapshots", "rising_papers")
    }


def tables_of(workspace: Workspace) -> Frames:
    """What libraries of equal final lists must agree on, whatever they held before.

    Row numbers follow the ledger and go; pools are named by their digest; snapshots are history;
    vectors of texts no longer in use are left out, as are records of superseded lists.
    """
    raw = raw_tables(workspace)
    in_use = raw["papers"].select("text_hash", "venue", "year")
    return {
        "dump_records": raw["dump_records"].filter(list_order=0).drop("source_file"),
        "paper_ids": raw["paper_ids"].filter("in_force").select("record_key", "paper_id"),
        "papers": raw["papers"].drop("paper_row"),
        "authorships": raw["authorships"],
        "venue_coverage": raw["venue_coverage"],
        "citations": raw["citations"].filter("in_force").drop("first_seen", "last_seen"),
        "redirects": raw["redirects"],
        "match_review": raw["match_review"],
        "citation_counts": raw["citation_counts"].drop("paper_row"),
        "paper_embeddings": raw["paper_embeddings"].join(
            in_use, on=["text_hash", "venue", "year"], how="semi"
        ),
        "topic_pools": raw["topic_pools"].drop("paper_row", "members"),
        "tncsi_sp": raw["tncsi_sp"],
    }


def assert_same_tables(left: Frames, right: Frames) -> None:
    """Equal value for value."""
    assert left.keys() == right.keys()
    for name, frame in left.items():
        key = list(TABLES[name].key)
        if "venue" in TABLES[name].columns and "venue" in frame.columns:
            key = ["venue", "year", *(k for k in key if k not in ("venue", "year"))]
        mine, other = frame.sort(key), right[name].sort(key)
        assert mine.equals(other, null_equal=True), f"{name}\n{_differences(mine, other)}"


def _differences(mine: pl.DataFrame, other: pl.DataFrame) -> str:
    if mine.schema != other.schema or mine.height != other.height:
        return f"{mine}\n{other}"
    differing = [c for c in mine.columns if not mine[c].equals(other[c], null_equal=True)]
    rows = pl.any_horizontal(pl.lit(False), *(mine[c].ne_missing(other[c]) for c in differing))
    return f"{mine.filter(rows).rows(named=True)}\n{other.filter(rows).rows(named=True)}"


def rebuilt(workspace: Workspace, folder: Path, *, keep_vectors: bool) -> Workspace:
    """Another workspace with what was delivered, the same ledger and an empty lake, all stages run.

    What sources say now is data like the inbox: diffs and polls only say what changed.
    """
    other = tiny_workspace(folder)
    for name in ("inbox", "sources", "ledger"):
        if (part := workspace.data.root / name).exists():
            copytree(part, other.data.root / name, copy_function=_copy_keeping_times)
    vectors = workspace.data.lake / "paper_embeddings"
    if keep_vectors and vectors.exists():
        copytree(vectors, other.data.lake / "paper_embeddings")
    run_stages(other, without=("paper_index",))
    return other


def _copy_keeping_times(source: str, target: str) -> str:
    from shutil import copy2

    return str(copy2(source, target))


def mtimes(workspace: Workspace, table: str) -> dict[Cell, int]:
    """When each file of a table was last written."""
    lake = workspace.lake
    return {cell: lake.path(table, cell).stat().st_mtime_ns for cell in lake.cells(table)}
