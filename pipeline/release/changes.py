"""What changed between two states of a table, told apart by the table's declared key.

Belongs here: frames in, frames out. Not: where the two states lie (resources/snapshots.py) or what
a person is told of them (diff.py).

A row is the same row while its key is; which columns of it moved is told by value, where null
equals null and NaN equals NaN.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from pipeline.tables import Table

# Row numbers follow the order of minting and say nothing that the key does not; members of pools
# are row numbers too, `pool_digest` says whether they moved. A vector never changes for its key.
NOT_COMPARED: Mapping[str, frozenset[str]] = {
    "topic_pools": frozenset({"members"}),
    "paper_embeddings": frozenset({"vector"}),
}


@dataclass(frozen=True)
class Changes:
    """Rows that came, went, and moved.

    `added` and `removed` are whole rows; `before` and `after` hold the rows whose key stayed and
    of which some column moved, in the same order, and `compared` the columns looked at besides
    the key.
    """

    table: str
    key: tuple[str, ...]
    compared: tuple[str, ...]
    added: pl.DataFrame
    removed: pl.DataFrame
    before: pl.DataFrame
    after: pl.DataFrame

    @property
    def n_changed(self) -> int:
        """Rows whose key stayed and of which some column moved."""
        return self.after.height

    @property
    def none(self) -> bool:
        """Whether both states hold the same rows."""
        return not (self.added.height or self.removed.height or self.n_changed)

    def columns(self) -> dict[str, int]:
        """Column -> in how many rows it moved, of those that did anywhere, most first."""
        moved = {name: int(self._differs(name).sum()) for name in self.compared}
        ranked = sorted(moved.items(), key=lambda item: (-item[1], item[0]))
        return {name: count for name, count in ranked if count}

    def moved(self, column: str, keep: Sequence[str] = ()) -> pl.DataFrame:
        """Rows in which `column` moved: the key, `keep` as it is now, `before` and `after`."""
        names = list(dict.fromkeys([*self.key, *keep]))
        both = self.after.select(names).with_columns(
            self.before[column].alias("before"), self.after[column].alias("after")
        )
        return both.filter(self._differs(column))

    def _differs(self, column: str) -> pl.Series:
        return self.before[column].ne_missing(self.after[column])


def compared_columns(table: Table) -> list[str]:
    """The columns of a table that a comparison reads: its key, and whatever may move."""
    return [name for name in table.columns if name not in NOT_COMPARED.get(table.name, ())]


def changes_of(table: Table, before: pl.DataFrame, after: pl.DataFrame) -> Changes:
    """What changed from `before` to `after`, both of unique keys; columns of one alone are left.

    Frames of an older declaration compare by what both have; where a column of the key is not
    among it, every row went and came.
    """
    shared = [n for n in before.columns if before.schema[n] == after.schema.get(n)]
    key, compared = table.key, tuple(n for n in shared if n not in table.key)
    old, new = before.select(shared), after.select(shared)
    if not set(key) <= set(shared):
        return Changes(table.name, key, (), after, before, old.clear(), new.clear())
    old_rows, new_rows = _pairs(old, new, key)
    staying_old, staying_new = old[old_rows], new[new_rows]
    moved = _any_moved(staying_old, staying_new, compared)
    return Changes(
        table.name,
        key,
        compared,
        added=after.join(old, on=key, how="anti", maintain_order="left"),
        removed=before.join(new, on=key, how="anti", maintain_order="left"),
        before=staying_old.filter(moved),
        after=staying_new.filter(moved),
    )


def _pairs(
    old: pl.DataFrame, new: pl.DataFrame, key: tuple[str, ...]
) -> tuple[pl.Series, pl.Series]:
    """Row numbers, in both frames, of the keys that both have, in the order of `new`."""
    pairs = (
        new.select(key)
        .with_row_index("new_row")
        .join(
            old.select(key).with_row_index("old_row"),
            on=key,
            how="inner",
            maintain_order="left",
        )
    )
    return pairs["old_row"], pairs["new_row"]


def _any_moved(old: pl.DataFrame, new: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    moved = pl.repeat(False, new.height, dtype=pl.Boolean, eager=True)
    for name in columns:
        moved = moved | old[name].ne_missing(new[name])
    return moved
