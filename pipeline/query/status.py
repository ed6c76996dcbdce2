"""Where every record went, per venue-year and in all, and what is stale and why.

Belongs here: sums over accounts that the stages keep. Not: the accounts (pipeline/corpus/papers.py)
or the rules of staleness (pipeline/staleness).
"""

import polars as pl

from pipeline.staleness import Stale, plan
from pipeline.tables import UNRECOGNISED
from resources.workspace import Workspace

CELL = ["venue", "year"]
COUNTED = ("records", "papers", "excluded", "duplicates", "quarantined")
_DTYPES: dict[str, pl.DataType] = {
    "venue": pl.String(),
    "year": pl.Int32(),
    **{name: pl.Int64() for name in (*COUNTED, "with_citation_count", "n_scored")},
    "stale": pl.List(pl.String()),
}
PARTITION_SCHEMA = pl.Schema(_DTYPES)


def read_status(workspace: Workspace) -> tuple[dict[str, int], pl.DataFrame]:
    """Totals, and one row per venue-year in the order of venue and year, as PARTITION_SCHEMA.

    records = papers + excluded + duplicates + quarantined, in each row and in all. Beside them
    stand `superseded`, records of lists that a newer one replaced, and `unreadable_files`, files
    of which no venue-year is known.
    """
    partitions = _partitions(workspace)
    totals = {
        name: int(partitions[name].sum()) for name in (*COUNTED, "with_citation_count", "n_scored")
    }
    lake = workspace.lake
    orders = _sound_rows(workspace, "dump_records", ["list_order"])["list_order"]
    totals["superseded"] = int((orders > 0).sum())
    totals["unreadable_files"] = lake.read("quarantine", UNRECOGNISED).height
    totals["stale"] = int(partitions["stale"].list.len().sum())
    return totals, partitions


def _partitions(workspace: Workspace) -> pl.DataFrame:
    joined = _accounts(workspace)
    for more in (_counted(workspace), _scored(workspace), _stale(workspace)):
        joined = joined.join(more, on=CELL, how="full", coalesce=True)
    numbers = pl.col(pl.Int64, pl.UInt32).fill_null(0)
    return (
        joined.with_columns(numbers, pl.col("stale").fill_null([]))
        .cast(PARTITION_SCHEMA)
        .select(PARTITION_SCHEMA.names())
        .sort(CELL)
    )


def _accounts(workspace: Workspace) -> pl.DataFrame:
    """Records by what became of them; a paper that several sources tell of is one paper."""
    told = ("records", "excluded", "quarantined")
    stored = [f"n_{name}" for name in told]
    coverage = _sound_rows(workspace, "venue_coverage", [*CELL, *stored])
    sums = coverage.group_by(CELL).agg(pl.col(stored).cast(pl.Int64).sum())
    papers = _sound_rows(workspace, "papers", CELL).group_by(CELL).agg(papers=pl.len())
    joined = sums.rename(dict(zip(stored, told, strict=True))).join(papers, on=CELL, how="left")
    rest = pl.col("records") - pl.col("excluded") - pl.col("quarantined")
    return joined.with_columns(pl.col("papers").cast(pl.Int64).fill_null(0)).with_columns(
        duplicates=rest - pl.col("papers")
    )


def _counted(workspace: Workspace) -> pl.DataFrame:
    """Papers with a count from any source; counts of papers that left the list do not count."""
    papers = _sound_rows(workspace, "papers", ["paper_id", *CELL])
    counts = _sound_rows(workspace, "citation_counts", ["paper_id"])
    counted = papers.join(counts, on="paper_id", how="semi")
    return counted.group_by(CELL).agg(with_citation_count=pl.len())


def _scored(workspace: Workspace) -> pl.DataFrame:
    scores = _sound_rows(workspace, "tncsi_sp", [*CELL, "status", "config_id"])
    ok = (pl.col("status") == "ok") & (pl.col("config_id") == workspace.config_id)
    return scores.filter(ok).group_by(CELL).agg(n_scored=pl.len())


def _sound_rows(workspace: Workspace, table: str, columns: list[str]) -> pl.DataFrame:
    """Rows of the venue-years whose file is whole: `stale` tells of the others."""
    lake = workspace.lake
    damaged = {cell for cell, state in lake.states(table).items() if state.damaged}
    return lake.read_cells(table, [c for c in lake.cells(table) if c not in damaged], columns)


def _stale(workspace: Workspace) -> pl.DataFrame:
    """What the planner would redo, as "output: reasons", in the order it would be made."""
    planned = [
        s
        for s in plan(workspace.states(), workspace.world(register=False))
        if _concerns(workspace, s)
    ]
    rows = [
        (*(s.cell or UNRECOGNISED), f"{s.output}: {', '.join(sorted(s.reasons))}") for s in planned
    ]
    schema = {"venue": pl.String, "year": pl.Int32, "stale": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.group_by(CELL, maintain_order=True).agg("stale")


def _concerns(workspace: Workspace, stale: Stale) -> bool:
    # The cell of files nobody recognises exists for the planner even where there are none.
    return stale.cell != UNRECOGNISED or bool(workspace.inbox().problems())
