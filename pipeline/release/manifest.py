"""The manifest: what lies in a release, byte by byte, and what it was made with.

Belongs here: the document. Not: hashing or reading files (resources/releases.py).
"""

import hashlib
from collections.abc import Iterable
from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from pipeline.release.licences import Contribution

MANIFEST = "manifest.json"


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(_Document):
    """A file of the release; `rows` of Parquet files."""

    path: str
    sha256: str
    bytes: int
    rows: int | None = None

    @property
    def table(self) -> str:
        """The table it belongs to; "" for the pages beside the tables."""
        return "" if self.rows is None else self.path.partition("/")[0]


class TableEntry(_Document):
    """A table of the release in sums."""

    files: int
    bytes: int
    rows: int


class SourceEntry(_Document):
    """What a source contributed, and on which terms."""

    source: str
    records: int
    papers: int
    citations: int
    terms: str
    notice: str

    @classmethod
    def of(cls, contribution: Contribution) -> "SourceEntry":
        """The entry of what a source contributed."""
        licence = contribution.licence
        return cls(
            source=contribution.source,
            records=contribution.records,
            papers=contribution.papers,
            citations=contribution.citations,
            terms=licence.terms,
            notice=licence.notice,
        )

    def contribution(self) -> Contribution:
        """What the source contributed."""
        return Contribution(self.source, self.records, self.papers, self.citations)


class Manifest(_Document):
    """What lies in a release. `digest` is over the tables alone: equal tables, equal digest."""

    name: str
    day: date
    previous: str | None
    digest: str
    csimpact: str = Field(description="version of the program")
    encoder_id: str
    config_id: str
    prompt: str | None = Field(description="prompt that queries were read with; no table has it")
    tables: dict[str, TableEntry]
    sources: list[SourceEntry]
    files: list[FileEntry]

    @property
    def bytes(self) -> int:
        """Bytes of all files but the manifest."""
        return sum(file.bytes for file in self.files)

    def rows(self, table: str) -> int:
        """Rows of a table, 0 if the release has none of it."""
        return self.tables[table].rows if table in self.tables else 0


def table_entries(files: Iterable[FileEntry]) -> dict[str, TableEntry]:
    """Sums per table, in the order of the files."""
    sums: dict[str, list[int]] = {}
    for file in files:
        if file.rows is not None:
            total = sums.setdefault(file.table, [0, 0, 0])
            for i, more in enumerate((1, file.bytes, file.rows)):
                total[i] += more
    return {t: TableEntry(files=n, bytes=size, rows=rows) for t, (n, size, rows) in sums.items()}


def tables_digest(files: Iterable[FileEntry]) -> str:
    """64 hex digits over path and hash of every table file."""
    lines = sorted(f"{file.path} {file.sha256}" for file in files if file.rows is not None)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
