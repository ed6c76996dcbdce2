"""The contract every table is held against: a breach it misses is written to disk."""

import polars as pl
import pytest

from pipeline.tables import CITATION_SNAPSHOTS, TABLES, Column, Table, violations
from pipeline.tables.dictionary import data_dictionary

TABLE = Table(
    "t",
    "a",
    "m",
    ("id", "day"),
    {
        "id": Column(pl.String, ""),
        "day": Column(pl.Int32, ""),
        "names": Column(pl.List(pl.String), "", nullable=True),
    },
)
GOOD = pl.DataFrame(
    {"id": ["a", "a"], "day": [1, 2], "names": [["x"], None]}, schema_overrides=TABLE.schema
)


def test_a_sound_frame_has_no_violations() -> None:
    """A contract that refuses what it declares stops every stage."""
    assert violations(TABLE, GOOD) == []
    assert violations(TABLE, GOOD[:0]) == []
    assert violations(TABLE, TABLE.empty()) == []


BREACHES = {
    "column day is missing": GOOD.drop("day"),
    "column extra is not declared": GOOD.with_columns(extra=1),
    "column day: expected Int32, received Int64": GOOD.with_columns(pl.col("day").cast(pl.Int64)),
    "columns stand in another order than declared: ['day', 'id', 'names']": GOOD.select(
        "day", "id", "names"
    ),
    "column id: 1 nulls where none are allowed": GOOD.with_columns(id=pl.Series(["a", None])),
    "key (id, day): 2 repeated rows": pl.concat([GOOD, GOOD]),
}


@pytest.mark.parametrize(("expected", "frame"), BREACHES.items(), ids=BREACHES)
def test_each_kind_of_breach_is_named(frame: pl.DataFrame, expected: str) -> None:
    """A message that does not name the column sends people looking through a stage."""
    assert violations(TABLE, frame) == [expected]


def test_all_breaches_are_named_at_once() -> None:
    """One at a time, a broken stage takes as many runs as it has faults."""
    frame = GOOD.drop("day").with_columns(id=1, extra=1)
    assert sorted(violations(TABLE, frame)) == [
        "column day is missing",
        "column extra is not declared",
        "column id: expected String, received Int32",
    ]
    nulls = GOOD.with_columns(id=pl.lit(None, pl.String), day=pl.lit(1, pl.Int32))
    assert violations(TABLE, nulls) == [
        "column id: 2 nulls where none are allowed",
        "key (id, day): 1 repeated rows",
    ]


def test_every_declared_key_is_a_column_that_is_never_null() -> None:
    """A key over a missing or nullable column cannot tell rows apart."""
    for table in TABLES.values():
        for name in table.key:
            assert not table.columns[name].nullable, (table.name, name)


def test_partitioned_tables_carry_their_cell() -> None:
    """Without venue and year nothing checks that a row lies in the right file."""
    for table in TABLES.values():
        if table.partitioned:
            assert {"venue", "year"} <= table.columns.keys(), table.name


def test_one_name_has_one_type() -> None:
    """One meaning has one name everywhere, so a join never has to cast."""
    types: dict[str, set[str]] = {}
    for table in TABLES.values():
        for name, column in table.columns.items():
            types.setdefault(name, set()).add(str(column.dtype))
    assert {name: t for name, t in types.items() if len(t) > 1} == {}


def test_the_dictionary_names_every_column() -> None:
    """A column that the page leaves out is one nobody can look up."""
    page = data_dictionary(TABLES.values())
    for table in TABLES.values():
        section = page.split(f"## `{table.name}`\n")[1].split("\n## ")[0]
        for name in table.columns:
            assert f"| `{name}` |" in section
    assert CITATION_SNAPSHOTS.meaning in page
