"""The mapping file: which columns of somebody's table are titles, years, ids, citations.

Belongs here: what such a file may say, and every fault of one at once. Not: reading the table
(mapped_table.py). Examples lie in docs/mappings/.
"""

import codecs
import tomllib
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from pipeline.errors import InputError

BUILT_IN = frozenset(
    ("aan", "dblp", "openalex", "paper_copilot", "s2", "semantic_scholar", "simulation")
)
"""Sources with an importer of their own; a mapped table may not pass for one."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Column = Annotated[str, StringConstraints(min_length=1)]
# Cleaning joins white space, so that what separates must be visible.
Separator = Annotated[str, StringConstraints(min_length=1, max_length=5, strip_whitespace=True)]


def _not_built_in(source: str) -> str:
    if source in BUILT_IN:
        raise ValueError(f"is a built-in source; name it after the table, such as {source}_table")
    return source


def _text_encoding(encoding: str) -> str:
    try:
        "".encode(encoding)  # bytes-to-bytes codecs such as zlib are refused here as well
        return codecs.lookup(encoding).name
    except (LookupError, UnicodeError, TypeError) as error:
        raise ValueError("is no text encoding; try utf-8, latin-1 or cp1252") from error


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class VenueRule(_Part):
    """The venue of a row: one for all, or a column whose values may be translated first."""

    constant: str | None = Field(None, description="slug, alias or name of the registry")
    column: Column | None = None
    values: Mapping[str, str] = Field({}, description="the table's name -> one of the registry")

    @model_validator(mode="after")
    def _one_of_both(self) -> "VenueRule":
        if (self.constant is None) == (self.column is None):
            raise ValueError("expected either `constant` or `column`")
        if self.values and self.column is None:
            raise ValueError("`values` translate a `column`; there is none")
        return self


class Columns(_Part):
    """Names of the table's columns; what is left out is not read."""

    id: Column
    title: Column | None = None
    year: Column | None = Field(None, description="year of the venue's edition")
    abstract: Column | None = None
    authors: Column | None = None
    author_ids: Column | None = Field(None, description="one per author, in the same order")
    affiliations: Column | None = Field(None, description="one per author, in the same order")
    keywords: Column | None = None
    doi: Column | None = None
    arxiv: Column | None = None
    dblp_key: Column | None = None
    openalex_id: Column | None = None
    scholar_cluster_id: Column | None = Field(None, description="digits, or the cited-by link")
    url: Column | None = None
    cited_by_count: Column | None = None
    publication_date: Column | None = Field(None, description="2011-12-01, 2011-12 or 2011")
    track: Column | None = None
    references: Column | None = Field(None, description="ids of cited rows of the same source")

    def named(self) -> dict[str, str]:
        """Role -> column, of those that are mapped."""
        return {role: column for role, column in self if column is not None}


class Separators(_Part):
    """What separates several values in one cell."""

    authors: Separator = Field(";", description="with a comma, names are never `Last, First`")
    author_ids: Separator = ";"
    affiliations: Separator = ";"
    keywords: Separator = ";"
    references: Separator = ";"


class Edges(_Part):
    """The two columns of a table of citations."""

    citing: Column
    cited: Column


class TableMapping(_Part):
    """What a table holds: papers (`columns`, `venue`), additions to papers (`patch`) or `edges`."""

    source: Annotated[Name, AfterValidator(_not_built_in)]
    format: Literal["csv", "jsonl", "parquet"]
    file_name: str | None = Field(
        None, min_length=1, description="pattern such as `ACM*.csv`, where columns alone mislead"
    )
    encoding: Annotated[str, AfterValidator(_text_encoding)] = "utf-8"
    delimiter: str = Field(",", min_length=1, max_length=1, description="of CSV")
    citation_source: Name | None = Field(None, description="who counted, such as google_scholar")
    ids_are: Literal["text", "doi"] = Field("text", description="DOIs ignore case and resolver")
    replace: bool = Field(False, description="rows of earlier tables that this one lacks are gone")
    patch: bool = Field(False, description="rows only add columns to rows of the same source")
    venue: VenueRule | None = None
    columns: Columns | None = None
    separators: Separators = Separators()
    edges: Edges | None = None

    @property
    def needed(self) -> tuple[str, ...]:
        """Every column of the table that is read."""
        edges = [self.edges.citing, self.edges.cited] if self.edges else []
        columns = list(self.columns.named().values()) if self.columns else []
        venue = [self.venue.column] if self.venue and self.venue.column else []
        return tuple(dict.fromkeys([*edges, *columns, *venue]))

    @property
    def identifying(self) -> tuple[str, ...]:
        """The columns that no row of the table can do without."""
        if self.columns is None:
            return self.needed
        columns = self.columns.named()
        always = {columns[role] for role in ("id", "title", "year") if role in columns}
        if self.venue and self.venue.column:
            always.add(self.venue.column)
        return self.needed if self.patch else tuple(sorted(always))

    @model_validator(mode="after")
    def _hangs_together(self) -> "TableMapping":
        if problems := [*self._problems()]:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> list[str]:
        mapped = self.columns.named() if self.columns else {}
        rows = bool(mapped) and not self.patch
        checks = {
            "expected either [columns] or [edges]": bool(mapped) == bool(self.edges),
            "columns.title: papers need one": rows and "title" not in mapped,
            "columns.year: papers need one": rows and "year" not in mapped,
            "venue: papers need one": rows and self.venue is None,
            "venue: only papers have one": not rows and self.venue is not None,
            "columns.year: a patch is placed by its id": self.patch and "year" in mapped,
            "columns: a patch needs another column beside id": self.patch and len(mapped) == 1,
            "patch: edges cannot be patched": self.patch and self.edges is not None,
            "replace: only papers can be replaced": not rows and self.replace,
            "citation_source: counts need to say who counted": "cited_by_count" in mapped
            and self.citation_source is None,
        }
        return [problem for problem, found in checks.items() if found]


def load_mapping(content: bytes) -> TableMapping:
    """The mapping in a TOML file; raises InputError that names every fault."""
    try:
        given = tomllib.loads(content.decode("utf-8-sig"))
        return TableMapping.model_validate(given)
    except ValidationError as error:
        faults = [_fault(e["loc"], e["msg"], e["input"]) for e in error.errors(include_url=False)]
        raise InputError(
            f"mapping: {len(faults)} problems, mend all: {'; '.join(faults)}"
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"mapping: expected a TOML file in UTF-8, received {error}") from error


def _fault(where: tuple[int | str, ...], message: str, received: object) -> str:
    told = message.removeprefix("Value error, ")
    if not where or isinstance(received, dict):
        return ": ".join((*map(str, where), told)) if where else told
    return f"{'.'.join(map(str, where))}: {told}, received {received!r:.60}"
