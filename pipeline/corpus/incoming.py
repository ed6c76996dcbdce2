"""What every importer hands over: batches of rows, whatever the file they came from.

Belongs here: the shape all sources share. Not: any one format (dblp.py, openalex_works.py, …),
nor where rows are kept (resources/source_store.py).

An importer is plain Python: bytes in, frames out, one batch at a time, so that memory does not
grow with the file. It never opens a file and never looks at what is stored.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, Protocol

import polars as pl
import pyarrow as pa

from pipeline.corpus.places import Places
from pipeline.tables import DUMP_RECORDS, Cell

Operation = Literal["row", "patch", "delete", "merge"]
"""What a row does to the stored row of its `source_id`.

`row` replaces it; `patch` replaces the columns it has values in, wherever the row lies (venue and
year are null: it is placed by its id), and an empty abstract takes the stored one away; `delete`
removes it; `merge` removes it and lets its id mean `merged_into` from now on. Of one id the last
row, deletion or merge of a file counts; a file that has rows of an id has no patches of it.
"""

_GIVEN_BY_THE_FILE = ("record_key", "source", "list_order", "source_file", "observed_on")

RECORD_SCHEMA = (
    DUMP_RECORDS.empty()
    .drop(_GIVEN_BY_THE_FILE)
    .insert_column(0, pl.Series("op", [], pl.String))
    .insert_column(1, pl.Series("merged_into", [], pl.String))
    .schema
)
"""Columns of `Batch.records`: those of `dump_records` that a row itself can tell, and `op`."""

EDGE_SCHEMA = pl.Schema(
    [
        ("op", pl.String),  # row or delete
        ("citing_id", pl.String),  # ids of the same source
        ("cited_id", pl.String),
        ("intents", pl.List(pl.String)),  # null where the source does not tell
        ("is_influential", pl.Boolean),  # null where the source does not tell
        ("edge_id", pl.String),  # null where the source numbers no edges
        ("source_row", pl.Int64),
    ]
)
"""Columns of `Batch.edges`, for sources that hand over citations apart from papers.

A `delete` names both ends or, where that is all the source tells, the `edge_id` alone.
"""

BAD_ROW_SCHEMA = pl.Schema(
    {"source_row": pl.Int64, "reason": pl.String, "excerpt": pl.String}  # excerpt: ≤ 300 characters
)
"""Columns of `Batch.bad`: what could not be used and why."""


@dataclass(frozen=True)
class Batch:
    """Some rows of a file: every row read is in exactly one of the frames, or in `n_outside`.

    A file hands over records or edges, not both: edges are placed where papers known before lie.
    `n_outside` counts rows that are sound but no concern of ours: of venues nobody registered.
    """

    records: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=RECORD_SCHEMA))
    edges: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EDGE_SCHEMA))
    bad: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=BAD_ROW_SCHEMA))
    n_outside: int = 0


@dataclass(frozen=True)
class Scope:
    """Of what a file is the whole truth: what it does not name there is gone.

    `cell`: of the source's rows in one venue-year; `whole_source`: of all of them; neither: of
    nothing, the file only adds and changes.
    """

    cell: Cell | None = None
    whole_source: bool = False


@dataclass(frozen=True)
class Recognised:
    """What the beginning of a file tells.

    `source`: whose rows these are; `kind`: which of its files; `scope`: see there; `observed_on`:
    ISO day the file says it is of, if it does; `by_id`: whether its rows have no venue and year of
    their own and only concern papers the source has told of (such a file is read again when the
    source tells of more); `untold`: columns such a file never tells, so that a null there means
    nothing; `options`: whatever `read` needs to know again.
    """

    source: str
    kind: str
    scope: Scope = field(default_factory=Scope)
    observed_on: str = ""
    by_id: bool = False
    untold: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Head:
    """What an importer may look at to recognise a file.

    `data`: the first 64 KiB, gunzipped; `name`: the bare file name, which may settle what content
    leaves open, never more; `columns`: column names, of Parquet files only.
    """

    data: bytes
    name: str
    columns: tuple[str, ...] = ()


class Importer(Protocol):
    """One format. A module that offers one calls it IMPORTER."""

    def recognise(self, head: Head) -> Recognised | None:
        """What the file is; None if it is another importer's."""
        ...

    def read(self, file: BinaryIO, recognised: Recognised, places: Places) -> Iterator[Batch]:
        """The rows of the whole file in batches.

        `file` is gunzipped and stands at its beginning; Parquet files can be seeked.
        Raises InputError, in one line, if the file as a whole is not what it seemed.
        """
        ...


def record_frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a frame of RECORD_SCHEMA; columns a row does not have are null."""
    return _frame(rows, RECORD_SCHEMA)


def edge_frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a frame of EDGE_SCHEMA; columns a row does not have are null."""
    return _frame(rows, EDGE_SCHEMA)


def _frame(rows: Sequence[Mapping[str, Any]], schema: pl.Schema) -> pl.DataFrame:
    # Through Arrow, column by column: polars takes lists one row at a time, six times as long.
    arrow = pl.DataFrame(schema=schema).to_arrow().schema
    told = set().union(*rows)
    columns = [
        pa.array([row.get(f.name) for row in rows], f.type)
        if f.name in told
        else pa.nulls(len(rows), f.type)
        for f in arrow
    ]
    return pl.DataFrame(pl.from_arrow(pa.table(columns, schema=arrow)), schema=schema)


def bad_frame(rows: Sequence[tuple[int, str, str]]) -> pl.DataFrame:
    """(source_row, reason, excerpt) as a frame of BAD_ROW_SCHEMA; excerpts are shortened."""
    sound = [(n, reason, _showable(excerpt)) for n, reason, excerpt in rows]
    return pl.DataFrame(sound, schema=BAD_ROW_SCHEMA, orient="row")


def _showable(excerpt: str) -> str:
    return excerpt[:300].encode(errors="replace").decode()
