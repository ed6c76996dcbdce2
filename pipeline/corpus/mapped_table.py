"""Any table of papers, additions or citations, by a mapping of its columns -> rows.

Belongs here: from a row of mapped columns to a record or an edge. Not: the mapping file
(table_mapping.py), the formats (table_rows.py), nor single cells (table_cells.py).

What cannot be read spoils its row, not the file.
"""

import fnmatch
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from pipeline.corpus.front_matter import is_front_matter
from pipeline.corpus.identifiers import arxiv_id, doi, openalex_id
from pipeline.corpus.incoming import Batch, Head, Importer, Recognised, Scope
from pipeline.corpus.places import Places
from pipeline.corpus.rows import (
    Unusable,
    dated,
    gather,
    in_order,
    natural_name,
    placed,
    shown,
    sound_title,
    year_number,
)
from pipeline.corpus.table_cells import (
    aligned,
    cluster_of,
    count_of,
    date_of,
    id_of,
    text_of,
    track_of,
)
from pipeline.corpus.table_mapping import Columns, TableMapping, load_mapping
from pipeline.corpus.table_rows import (
    Row,
    csv_rows,
    header_of,
    jsonl_rows,
    parquet_rows,
    with_bom,
)
from pipeline.corpus.text import clean_text, plain_text
from pipeline.errors import InputError

__all__ = ["TableMapping", "load_mapping", "mapped_importer"]

_SUFFIXED_COMMA = re.compile(r",(?!\s*(?:Jr|Sr|II|III|IV)\b)", re.I)


def mapped_importer(mapping: TableMapping) -> Importer:
    """The importer of the table that `mapping` describes."""
    return _MappedTable(mapping)


class _MappedTable:
    def __init__(self, mapping: TableMapping) -> None:
        self.mapping = mapping

    def recognise(self, head: Head) -> Recognised | None:
        """A file of the format that has every mapped column, and the name if the mapping asks."""
        mapping = self.mapping
        pattern = mapping.file_name
        if pattern and not fnmatch.fnmatch(head.name.removesuffix(".gz").lower(), pattern.lower()):
            return None
        if not _has_columns(head, mapping):
            return None
        what = "citations" if mapping.edges else "additions" if mapping.patch else "papers"
        return Recognised(
            mapping.source,
            f"{mapping.format}_{what}",
            Scope(whole_source=mapping.replace),
            by_id=what != "papers",
        )

    def read(self, file: BinaryIO, recognised: Recognised, places: Places) -> Iterator[Batch]:
        """The rows of the table; those of venues that are not registered are outside."""
        mapping = self.mapping
        rows = _rows(file, mapping)
        if mapping.edges:
            yield from gather(rows, lambda row: _edge(row, mapping), shown, edges=True)
            return
        reader = _RowReader(mapping, places)
        yield from gather(rows, reader.patch if mapping.patch else reader.paper, shown)


def _has_columns(head: Head, mapping: TableMapping) -> bool:
    needed = set(mapping.needed)
    if mapping.format == "parquet":
        return needed <= set(head.columns)
    if head.columns:
        return False
    text = head.data.decode(with_bom(mapping.encoding), errors="replace")
    if mapping.format == "csv":
        return needed <= set(header_of(text, mapping.delimiter))
    # JSON lines leave out what is unknown, so that only what every row has can be asked for.
    whole_lines = text.lstrip().split("\n")
    keys = [f'"{column}"' for column in mapping.identifying]
    return whole_lines[0].startswith("{") and all(key in whole_lines[0] for key in keys)


def _rows(file: BinaryIO, mapping: TableMapping) -> Iterator[Row | Unusable]:
    if mapping.format == "csv":
        return csv_rows(file, mapping.needed, mapping.encoding, mapping.delimiter)
    if mapping.format == "jsonl":
        return jsonl_rows(file, mapping.encoding)
    return parquet_rows(file, mapping.needed)


def _edge(row: Row, mapping: TableMapping) -> dict[str, Any]:
    assert mapping.edges is not None
    is_doi = mapping.ids_are == "doi"
    return {
        "citing_id": id_of(row.get(mapping.edges.citing), "citing", is_doi=is_doi),
        "cited_id": id_of(row.get(mapping.edges.cited), "cited", is_doi=is_doi),
    }


class _RowReader:
    """Rows of one table -> columns of records."""

    def __init__(self, mapping: TableMapping, places: Places) -> None:
        assert mapping.columns is not None
        self.mapping = mapping
        self.columns: Columns = mapping.columns
        self.places = places
        self.is_doi = mapping.ids_are == "doi"
        self.slug_of = _translations(mapping, places)

    def paper(self, row: Row) -> dict[str, Any] | None:
        """All columns of a record; None if the venue is not registered."""
        slug = self._slug(row)
        if slug is None:
            return None
        year = year_number(self._cell(row, "year"))
        told = self._told(row)
        title = sound_title(self._text(row, "title"))
        return {
            "authors": [],
            "track": "main",
            "keywords": [],
            "citation_source": self.mapping.citation_source or self.mapping.source,
            "excluded_because": "front_matter" if is_front_matter(title) else None,
            **dated(year),
            **told,
            "title": title,
            **placed(self.places, slug, year),
        }

    def patch(self, row: Row) -> dict[str, Any] | None:
        """The columns the row has values in; None if it has none."""
        told = self._told(row)
        if self.columns.title and (title := self._text(row, "title")):
            told["title"] = sound_title(title)
        if told.get("cited_by_count") is not None:
            told["citation_source"] = self.mapping.citation_source
        return {"op": "patch", **told} if len(told) > 1 else None

    def _slug(self, row: Row) -> str | None:
        venue = self.mapping.venue
        assert venue is not None
        if venue.column is None:
            return self.places.named(venue.constant)
        name = clean_text(text_of(row.get(venue.column), "venue"))
        return self.slug_of.get(name.casefold()) or self.places.named(name)

    def _told(self, row: Row) -> dict[str, Any]:
        """What the row has a value for, but for title, venue and year."""
        cell = {role: row.get(column) for role, column in self.columns.named().items()}
        texts = {
            role: text_of(cell.get(role), role)
            for role in ("abstract", "doi", "arxiv", "dblp_key", "openalex_id",
                         "scholar_cluster_id", "url", "track")
        }  # fmt: skip
        told = {
            "source_id": id_of(cell["id"], "id", is_doi=self.is_doi),
            "abstract": clean_text(texts["abstract"]),
            "doi": doi(texts["doi"]),
            "arxiv_id": arxiv_id(texts["arxiv"]),
            "dblp_key": plain_text(texts["dblp_key"]),
            "openalex_id": openalex_id(texts["openalex_id"]),
            "scholar_cluster_id": cluster_of(texts["scholar_cluster_id"]),
            "url": plain_text(texts["url"]),
            "track": track_of(texts["track"]),
            "keywords": in_order(self._list(cell, "keywords")),
            "cited_by_count": count_of(cell.get("cited_by_count")),
            "references": self._references(cell),
            **self._authors(cell),
            **date_of(cell.get("publication_date")),
        }
        return {
            name: value
            for name, value in told.items()
            if value is not None and value != "" and value != []
        }

    def _cell(self, row: Row, role: str) -> Any:
        return row.get(getattr(self.columns, role))

    def _text(self, row: Row, role: str) -> str:
        return text_of(self._cell(row, role), role)

    def _list(self, cell: Mapping[str, Any], role: str) -> list[str]:
        """The values in a cell, empty ones kept in their place."""
        value = cell.get(role)
        if isinstance(value, list | tuple):
            return [clean_text(text_of(item, role)) for item in value]
        # Entities end in a semicolon, which separates as a rule: they are decoded first.
        text = clean_text(text_of(value, role))
        separator = getattr(self.mapping.separators, role)
        if role == "authors" and separator == ",":
            return [name.strip() for name in _SUFFIXED_COMMA.split(text)]
        return [part.strip() for part in text.split(separator)] if text else []

    def _authors(self, cell: Mapping[str, Any]) -> dict[str, Any]:
        # Where commas separate, only those before Jr. and the like are left inside a name.
        names = [natural_name(name) for name in self._list(cell, "authors")]
        ids = aligned(self._list(cell, "author_ids"), names)
        affiliations = aligned(self._list(cell, "affiliations"), names)
        unique: dict[tuple[str, str], int] = {}
        for i, name in enumerate(names):
            if name:
                unique.setdefault((name, ids[i] if ids else ""), i)
        kept = list(unique.values())
        return {
            "authors": [names[i] for i in kept],
            "author_ids": [ids[i] for i in kept] if ids else None,
            "affiliations": [affiliations[i] for i in kept] if affiliations else None,
        }

    def _references(self, cell: Mapping[str, Any]) -> list[str]:
        # What is no DOI leads to no row here, but may be told of all the same.
        given = self._list(cell, "references")
        return in_order((doi(item) or item) if self.is_doi else plain_text(item) for item in given)


def _translations(mapping: TableMapping, places: Places) -> dict[str, str]:
    """The table's names of venues, as they are looked up, -> slugs."""
    venue = mapping.venue
    if venue is None:
        return {}
    meant = [venue.constant] if venue.constant else list(venue.values.values())
    if unknown := sorted({name for name in meant if places.named(name) is None}):
        raise InputError(
            f"mapping of {mapping.source}: expected venues of venues.toml, "
            f"received {', '.join(map(repr, unknown))}; add them there or mend the mapping"
        )
    return {clean_text(k).casefold(): str(places.named(v)) for k, v in venue.values.items()}
