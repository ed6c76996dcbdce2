"""One staged file merged into what its source says.

Belongs here: which files of the shelf a merge touches, and in what order. Not: which row wins
(pipeline/corpus/standing.py), nor when to merge (source_store.py).

What is merged is written beside the shelf and nothing before it is changed, so that a merge that
was killed begins anew from the same state.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import polars as pl

from pipeline.corpus.incoming import EDGE_SCHEMA, RECORD_SCHEMA
from pipeline.corpus.standing import absent, followed, last_words, merge_records
from pipeline.corpus.standing_edges import ENDS, merge_edges
from pipeline.tables import QUARANTINE, UNRECOGNISED, Cell
from resources.lake import digest_of
from resources.source_registry import Delivery
from resources.source_shelf import Shelf
from resources.staging import Staged

_PLACE = ["venue", "year"]
_TO = ["venue_now", "year_now"]


def merge(root: Path, staged: Staged) -> Delivery:
    """Write everything that changes into `staged.pending`; the delivery with its accounts."""
    shutil.rmtree(staged.pending, ignore_errors=True)
    job = staged.job
    assert job is not None
    merged = _Merge(Shelf(root, staged.pending), staged, Delivery(**job["delivery"]))
    return merged.run(job["untold"])


class _Merge:
    def __init__(self, shelf: Shelf, staged: Staged, delivery: Delivery) -> None:
        self._shelf, self._staged, self._delivery = shelf, staged, delivery
        self._source, self._day = delivery.source, delivery.day
        self._counts: Counter[str] = Counter()
        named, heads = staged.named(), shelf.heads(self._source)
        self._words = last_words(named)
        rows = self._words.filter(op="row")
        self._vanished = self._absent(heads, named)
        removed = self._words.join(rows, on="source_id", how="anti").select("source_id")
        removed = pl.concat([removed, self._vanished.select("source_id")])
        self._removed = heads.join(removed, on="source_id", how="semi")
        now = rows.select("source_id", venue_now="venue", year_now="year")
        self._movers = heads.join(now, on="source_id").filter(
            (pl.col("venue") != pl.col("venue_now")) | (pl.col("year") != pl.col("year_now"))
        )
        self._counts["n_removed"] = self._removed.height
        self._counts["n_repeated"] = named.filter(op="row").height - rows.height

    def _absent(self, heads: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
        d = self._delivery
        if not (d.whole_source or d.cell):
            return heads.clear()
        told = named.filter(~pl.col("op").is_in(["delete", "merge"])).select("source_id")
        return absent(heads, told, None if d.whole_source else d.cell, self._day)

    def run(self, untold: Sequence[str]) -> Delivery:
        """Merge records, then edges; the delivery with its accounts."""
        self._merge_records(untold)
        self._remember_gone()
        self._note_merged()
        n_lost = self._merge_edges()
        d = replace(self._delivery, n_unplaced=self._delivery.n_unplaced + n_lost)
        if d.n_bad:
            self._shelf.write_bad(self._source, d.seq, self._quarantined())
        return Delivery(**asdict(d) | dict(self._counts))

    # ── records ───────────────────────────────────────────────────────────────────────

    def _merge_records(self, untold: Sequence[str]) -> None:
        index = self._shelf.index(self._source, "records")
        leaving = pl.concat([f.select("source_id", *_PLACE) for f in (self._removed, self._movers)])
        arriving = self._arriving()
        for cell, incoming in self._touched():
            stays = self._shelf.rows(self._source, cell).join(leaving, on="source_id", how="anti")
            before = pl.concat([stays, arriving[cell]]) if cell in arriving else stays
            after, counts = merge_records(
                before, self._last_rows(incoming, cell),
                source=self._source, file=self._delivery.path, day=self._day, untold=untold,
            )  # fmt: skip
            index[cell] = self._shelf.write_rows(self._source, cell, after)
            self._counts.update(counts)
        self._shelf.write_index(self._source, "records", index)

    def _touched(self) -> Iterator[tuple[Cell, pl.DataFrame]]:
        """Staged records by venue-year; then venue-years that rows only leave."""
        left = set(_by_cell(self._removed, _PLACE)) | set(_by_cell(self._movers, _PLACE))
        for cell, incoming in self._staged.records():
            left.discard(cell)
            yield cell, incoming
        for cell in sorted(left):
            yield cell, pl.DataFrame(schema=RECORD_SCHEMA)

    def _last_rows(self, incoming: pl.DataFrame, cell: Cell) -> pl.DataFrame:
        """What counts of the records staged for a venue-year: of each id the last row."""
        here = self._words.filter(op="row", venue=cell[0], year=cell[1])
        last = here.select("source_id", "source_row")
        rows = incoming.filter(op="row").join(last, on=last.columns, how="semi")
        late = incoming.filter(pl.col("op").is_in(["older", "patch"]))
        return pl.concat([rows, late])

    def _arriving(self) -> Mapping[Cell, pl.DataFrame]:
        """Stored rows of ids that move, by the venue-year they move to."""
        found: dict[Cell, list[pl.DataFrame]] = {}
        for cell, movers in _by_cell(self._movers, _PLACE).items():
            rows = self._shelf.rows(self._source, cell)
            for target, part in _by_cell(movers, _TO).items():
                found.setdefault(target, []).append(rows.join(part, on="source_id", how="semi"))
        return {cell: pl.concat(frames) for cell, frames in found.items()}

    def _remember_gone(self) -> None:
        before = self._shelf.gone(self._source)
        taken = self._words.filter(pl.col("op") != "row").select(
            "source_id", pl.lit(self._day).alias("gone_on"), "merged_into"
        )
        # Not the day of this file: an older one may still tell where the id went.
        vanished = self._vanished.select(
            "source_id", gone_on="confirmed_on", merged_into=pl.lit(None, pl.String)
        )
        back = self._words.filter(op="row")
        news = pl.concat([vanished, taken]).unique("source_id", keep="last")
        if news.height or before.join(back, on="source_id", how="semi").height:
            after = pl.concat([before.join(back, on="source_id", how="anti"), news])
            self._shelf.write_gone(
                self._source, after.unique("source_id", keep="last", maintain_order=True)
            )

    def _note_merged(self) -> None:
        """What merged ids mean now: one that nobody ever told of may be cited all the same."""
        merged = followed(self._shelf.gone(self._source))
        if merged.is_empty() and not self._shelf.index(self._source, "merged"):
            return
        heads = self._shelf.heads(self._source).select(*_PLACE, merged_into="source_id")
        ids = merged.join(heads, on="merged_into")
        index = {c: digest_of(part.sort("source_id")) for c, part in _by_cell(ids, _PLACE).items()}
        self._shelf.write_index(self._source, "merged", index)

    # ── edges ─────────────────────────────────────────────────────────────────────────

    def _merge_edges(self) -> int:
        """Merge what was staged and let edges follow their papers; how many had no place."""
        index = self._shelf.index(self._source, "edges")
        for cell, incoming in self._staged.edges():
            self._merge_into(cell, incoming, index)
        numbers = self._staged.numbers()
        n_lost = numbers.height
        for cell in list(index) if n_lost else []:
            found = self._numbered(cell, numbers)
            if found.height:
                self._merge_into(cell, found, index)
            n_lost -= found.height
        self._move_edges(index)
        if index:
            self._shelf.write_index(self._source, "edges", index)
        return n_lost

    def _merge_into(self, cell: Cell, incoming: pl.DataFrame, index: dict[Cell, str]) -> None:
        before = self._shelf.edges(self._source, cell)
        after, counts = merge_edges(before, incoming, self._day)
        index[cell] = self._shelf.write_edges(self._source, cell, after)
        self._counts.update(counts)

    def _numbered(self, cell: Cell, numbers: pl.DataFrame) -> pl.DataFrame:
        """Deletions with both ends of those edges of a venue-year that have these numbers."""
        known = self._shelf.edges(self._source, cell).select("edge_id", *ENDS)
        found = (
            numbers.unique("edge_id").join(known, on="edge_id").with_columns(op=pl.lit("delete"))
        )
        empty = pl.DataFrame(schema=EDGE_SCHEMA)
        return pl.concat([empty, found], how="diagonal").select(EDGE_SCHEMA.names())

    def _move_edges(self, index: dict[Cell, str]) -> None:
        """Let edges follow citing records into another venue-year, and go where those go."""
        leaving = pl.concat([f.select("source_id", *_PLACE) for f in (self._removed, self._movers)])
        moving: dict[Cell, list[pl.DataFrame]] = {}
        for cell, ids in _by_cell(leaving, _PLACE).items():
            if cell not in index:
                continue
            edges = self._shelf.edges(self._source, cell)
            movers = self._movers.filter(venue=cell[0], year=cell[1])
            for target, part in _by_cell(movers, _TO).items():
                theirs = edges.join(part, left_on="citing_id", right_on="source_id", how="semi")
                moving.setdefault(target, []).append(theirs)
            rest = edges.join(ids, left_on="citing_id", right_on="source_id", how="anti")
            index[cell] = self._shelf.write_edges(self._source, cell, rest)
        for cell, frames in moving.items():
            before = self._shelf.edges(self._source, cell)
            joined = pl.concat([*frames, before]).unique(ENDS, keep="first", maintain_order=True)
            index[cell] = self._shelf.write_edges(self._source, cell, joined)

    # ── what could not be used ────────────────────────────────────────────────────────

    def _quarantined(self) -> pl.DataFrame:
        rows = self._staged.bad().select(
            source_file=pl.lit(self._delivery.path),
            source_row=pl.col("source_row").cast(pl.Int32),
            source=pl.lit(self._source),
            venue=pl.lit(UNRECOGNISED[0]),
            year=pl.lit(UNRECOGNISED[1], dtype=pl.Int32),
            in_force=pl.lit(True),
            reason="reason",
            excerpt="excerpt",
        )
        return pl.concat([QUARANTINE.empty(), rows])


def _by_cell(frame: pl.DataFrame, columns: list[str]) -> dict[Cell, pl.DataFrame]:
    parts = frame.partition_by(columns, as_dict=True)
    return {(str(venue), int(str(year))): part for (venue, year), part in sorted(parts.items())}
