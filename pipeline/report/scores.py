"""Which scores moved, and whether the paper's own citations or its pool moved them.

Belongs here: the section on `tncsi_sp`. Not: how much of a change each cause explains.
"""

import polars as pl

from pipeline.release.changes import Changes
from pipeline.report.model import Listing, Section
from pipeline.wording import counted, listed, quoted

OWN, POOL, BOTH, OTHER = "own citations", "pool", "own citations and pool", "date or rule"
_CAUSES = {OWN: ("cited_by_count", "citation_source"), POOL: ("n_pool", "pool_loc", "pool_scale")}
_SAID = {
    OWN: "by the paper's own citations",
    POOL: "by the pool",
    BOTH: "by both",
    OTHER: "by date or rule",
}


def scores_section(changes: Changes, titles: pl.DataFrame) -> Section:
    """Scores that moved with their cause, and papers scored for the first time or no more.

    `titles`: `paper_id, title` of the papers concerned.
    """
    rows = _compared(changes)
    was, now = pl.col("status_before") == "ok", pl.col("status") == "ok"
    changed = pl.col("excess_ratio").ne_missing(pl.col("excess_ratio_before"))
    moved = rows.filter(was & now & changed)
    first = rows.filter(now & ~was).height + changes.added.filter(now).height
    lost = rows.filter(was & ~now).height + changes.removed.filter(now).height
    causes = {w: n for w in _SAID if (n := moved.filter(why=w).height)}
    movers = _movers(moved, titles)
    numbers = {"moved": moved.height, "first": first, "lost": lost} | {
        f"by {why}": n for why, n in causes.items()
    }
    tables = (
        [Listing("moved", "Scores that moved, the farthest first", movers)] if moved.height else []
    )
    return Section("scores", "Scores", _words(numbers, causes, movers), numbers, tuple(tables))


def _compared(changes: Changes) -> pl.DataFrame:
    """Rows that stayed, as they are, with what they were and why they moved."""
    names = ("status", "tncsi_sp", "excess_ratio", "cited_by_count", "n_pool", "pool_scale")
    before = changes.before.select(pl.col(names).name.suffix("_before"))
    moved = {
        cause: pl.any_horizontal(
            changes.before[c].ne_missing(changes.after[c]).alias(c) for c in columns
        )
        for cause, columns in _CAUSES.items()
    }
    flags = changes.after.select(own=moved[OWN], pool=moved[POOL])
    own, pool = pl.col("own"), pl.col("pool")
    why = pl.when(own & pool).then(pl.lit(BOTH)).when(own).then(pl.lit(OWN))
    why_told = why.when(pool).then(pl.lit(POOL)).otherwise(pl.lit(OTHER)).alias("why")
    return pl.concat([changes.after, before, flags.select(why_told)], how="horizontal")


def _movers(moved: pl.DataFrame, titles: pl.DataFrame) -> pl.DataFrame:
    change = (pl.col("tncsi_sp") - pl.col("tncsi_sp_before")).alias("change")
    return (
        moved.join(titles, on="paper_id", how="left")
        .with_columns(change)
        # The ratio does not saturate: it tells apart what the score rounds to 1.
        .sort(
            pl.col("change").abs(),
            (pl.col("excess_ratio") - pl.col("excess_ratio_before")).abs(),
            "paper_id",
            descending=[True, True, False],
        )
        .select(
            "venue", "year", "title",
            pl.col("tncsi_sp_before").alias("before"), pl.col("tncsi_sp").alias("after"), "change",
            "why",
            pl.col("cited_by_count_before").alias("citations_before"),
            pl.col("cited_by_count").alias("citations"),
            pl.col("n_pool_before"), "n_pool", pl.col("pool_scale_before"), "pool_scale",
            "paper_id",
        )
    )  # fmt: skip


def _words(numbers: dict[str, int], causes: dict[str, int], movers: pl.DataFrame) -> str:
    said = []
    if moved := numbers["moved"]:
        why = listed([f"{n:,} {_SAID[w]}" for w, n in causes.items()])
        said.append(f"{counted(moved, 'score')} moved ({why})")
    if first := numbers["first"]:
        said.append(f"{counted(first, 'paper')} scored for the first time")
    if lost := numbers["lost"]:
        said.append(f"{counted(lost, 'paper')} lost {'its' if lost == 1 else 'their'} score")
    if not said:
        return "No score moved."
    return f"{listed(said)}." + (f" {_farthest(movers.row(0, named=True))}" if moved else "")


def _farthest(row: dict[str, object]) -> str:
    title = quoted(str(row["title"] or row["paper_id"]))
    return f"The farthest: {title} from {row['before']:.3f} to {row['after']:.3f} ({row['why']})."
