"""What a stored table is: columns with dtype, meaning and unit, a key, and the check of rows.

Belongs here: the declaration, and every way rows may break it. Not: the tables (the modules beside
this one), nor how they are filled (assets/) or stored (resources/lake.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True)
class Column:
    """A stored column: polars dtype, meaning, unit or formula, and whether null is allowed."""

    dtype: pl.DataType | type[pl.DataType]
    meaning: str
    unit: str = ""
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """A stored table. `partitioned`: one file per venue × year; otherwise a single file."""

    name: str
    asset: str
    meaning: str
    key: tuple[str, ...]
    columns: Mapping[str, Column]
    partitioned: bool = True
    schema: pl.Schema = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "schema", pl.Schema({name: c.dtype for name, c in self.columns.items()})
        )

    def empty(self) -> pl.DataFrame:
        """A frame of zero rows with this table's schema."""
        return pl.DataFrame(schema=self.schema)


def violations(table: Table, frame: pl.DataFrame) -> list[str]:
    """Every way `frame` breaks `table`'s contract: columns, dtypes, nulls, unique key."""
    problems: list[str] = []
    if frame.schema != table.schema:
        for name in table.schema.keys() - frame.schema.keys():
            problems.append(f"column {name} is missing")
        for name in frame.schema.keys() - table.schema.keys():
            problems.append(f"column {name} is not declared")
        for name in table.schema.keys() & frame.schema.keys():
            if frame.schema[name] != table.schema[name]:
                problems.append(
                    f"column {name}: expected {table.schema[name]}, received {frame.schema[name]}"
                )
        return problems or [f"columns stand in another order than declared: {frame.columns}"]
    for name, column in table.columns.items():
        if not column.nullable and (nulls := frame[name].null_count()):
            problems.append(f"column {name}: {nulls} nulls where none are allowed")
    # One column without repetition is enough, and found out in no time.
    if frame[table.key[0]].n_unique() == frame.height:
        return problems
    if repeated := frame.height - frame.select(pl.struct(table.key).n_unique()).item():
        problems.append(f"key ({', '.join(table.key)}): {repeated} repeated rows")
    return problems
