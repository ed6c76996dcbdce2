"""An OpenAlex work -> a record.

Belongs here: what a work means, in whatever file it comes. Not: files (openalex_works.py) nor
requests to the API.

Works have the shape of https://docs.openalex.org/api-entities/works/work-object; the snapshot may
hold nested fields as JSON text. Authorships end at 100 authors, as OpenAlex hands them out.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from pipeline.corpus.front_matter import not_a_paper
from pipeline.corpus.identifiers import arxiv_id, doi, openalex_id
from pipeline.corpus.places import Places
from pipeline.corpus.rows import (
    MAX_COUNT,
    BadRowError,
    Row,
    check_title,
    objects,
    one_object,
    publication_date,
    shown,
    text,
    texts,
    track_of,
    truth,
    whole_number,
)
from pipeline.corpus.text import clean_text, plain_text
from pipeline.tables import Cell

CITATION_SOURCE = "openalex"
ADDRESS = "https://openalex.org/"

_NESTED = (
    "ids",
    "primary_location",
    "locations",
    "authorships",
    "referenced_works",
    "abstract_inverted_index",
)
FIELDS = (
    "id",
    "doi",
    "title",
    "display_name",
    "type",
    "publication_year",
    "publication_date",
    "cited_by_count",
    "is_retracted",
    "is_paratext",
    *_NESTED,
)
"""The fields of a work that are read."""

_AUTHOR = re.compile(rf"{ADDRESS}(A\d{{1,12}})", re.A)
_WORK = re.compile(rf"{ADDRESS}(W\d{{2,12}})", re.A)


def unpacked(work: Row) -> Row:
    """The work with its nested fields as such where they are given as JSON text."""
    packed = {k: v for k in _NESTED if type(v := work.get(k)) is str}
    if not packed:
        return work
    try:
        return {**work, **{k: orjson.loads(v) for k, v in packed.items()}}
    except orjson.JSONDecodeError as error:
        raise BadRowError(
            f"{', '.join(packed)}: expected JSON, received text that is none: {error}"
        ) from None


def work_id(row: Row, key: str = "id") -> str:
    """The id of the work in a field; raises BadRowError if there is none."""
    found = openalex_id(text(row, key))
    if found is None:
        raise BadRowError(f"{key}: expected an OpenAlex work id, received {row.get(key)!r:.40}")
    return found


def place(work: Row, places: Places) -> tuple[str, Row] | None:
    """(venue, location) of the first location in a registered source, the primary one first."""
    for location in _locations(work):
        source = text(one_object(location, "source"), "id").removeprefix(ADDRESS)
        if venue := places.of_openalex_source(source):
            return venue, location
    return None


def location_at(work: Row, venue: str, places: Places) -> Row:
    """The location of a work that is known to be of `venue`: there, or else the primary one."""
    found = place(work, places)
    return found[1] if found and found[0] == venue else one_object(work, "primary_location")


def record(work: Row, cell: Cell, location: Row, places: Places) -> dict[str, Any]:
    """The record of a work that appeared in `cell`, at `location`."""
    venue, year = cell
    source = text(one_object(location, "source"), "display_name")
    day, precision = publication_date(work, "publication_date", year)
    return _content(work) | {
        "op": "row",
        "venue": venue,
        "year": year,
        "track": track_of(f"{source} {text(location, 'raw_source_name')}", venue, places),
        "publication_date": day,
        "date_precision": precision,
    }


def patch(work: Row) -> dict[str, Any]:
    """The same of a work of no registered venue: what it tells, to be placed by its id."""
    told = {key: value for key, value in _content(work).items() if value not in (None, [], "")}
    if text(work, "publication_date"):
        day, precision = publication_date(work, "publication_date", 0)
        told |= {"publication_date": day, "date_precision": precision}
    return told | {"op": "patch"}


def count_patch(row: Row) -> dict[str, Any]:
    """The patch of a count alone."""
    if (count := _count(row)) is None:
        raise BadRowError("cited_by_count: expected a whole number, received none")
    patched = {"op": "patch", "source_id": work_id(row), "cited_by_count": count}
    return patched | {"citation_source": CITATION_SOURCE}


def abstract_text(index: object) -> str:
    """The abstract of an inverted index: words in the order of their positions.

    Positions are sorted and nothing is laid out by them, so that a position of a billion costs
    nothing, gaps close, and words that claim one position stand beside each other. The form of 2023
    (`{"IndexLength": …, "InvertedIndex": …}`) is read as well.
    """
    if isinstance(index, Mapping) and isinstance(inner := index.get("InvertedIndex"), dict):
        index = inner
    if not isinstance(index, Mapping):
        raise BadRowError(
            f"abstract_inverted_index: expected an object, received {type(index).__name__}"
        )
    placed: list[tuple[int, str]] = []
    for word, positions in index.items():
        # Null where Parquet made a column of every word.
        if positions is None:
            continue
        if type(positions) is not list or not all(type(p) is int and p >= 0 for p in positions):
            raise BadRowError(
                "abstract_inverted_index: expected lists of positions from 0, "
                f"received {shown(positions):.40}"
            )
        placed += ((p, word) for p in positions)
    placed.sort(key=lambda pair: pair[0])
    return " ".join(word for _, word in placed)


def _content(work: Row) -> dict[str, Any]:
    """What a work tells, wherever it appeared."""
    people = _people(work)
    names = [name for name, _ in people]
    title = clean_text(text(work, "title") or text(work, "display_name"))
    paratext = truth(work, "is_paratext") or text(work, "type") == "paratext"
    excluded = "front_matter" if paratext else not_a_paper(title, names)
    check_title(title, excluded)
    index = work.get("abstract_inverted_index")
    found_doi = text(work, "doi") or text(one_object(work, "ids"), "doi")
    source_id = work_id(work)
    return {
        "source_id": source_id,
        "openalex_id": source_id,
        "title": title,
        "abstract": None if index is None else clean_text(abstract_text(index)) or None,
        "authors": names,
        "author_ids": [author_id for _, author_id in people],
        "affiliations": list(people.values()) if any(people.values()) else None,
        "excluded_because": excluded,
        "keywords": [],  # OpenAlex's own are a model's, not the authors'
        "doi": doi(found_doi),
        "arxiv_id": _arxiv_id(work, found_doi),
        "url": plain_text(text(one_object(work, "primary_location"), "landing_page_url")) or None,
        "citation_source": CITATION_SOURCE,
        "cited_by_count": _count(work),
        "is_retracted": truth(work, "is_retracted"),
        "references": _references(work),
    }


def _people(work: Row) -> dict[tuple[str, str], str]:
    """(name, id) of each author in order -> affiliation."""
    people: dict[tuple[str, str], str] = {}
    for authorship in objects(work, "authorships"):
        author = one_object(authorship, "author")
        name = clean_text(text(author, "display_name") or text(authorship, "raw_author_name"))
        found = _AUTHOR.fullmatch(text(author, "id"))
        if name:
            given = _affiliation(authorship)
            people.setdefault((name, found.group(1) if found else ""), given)
    return people


def _affiliation(authorship: Row) -> str:
    institutions = [text(i, "display_name") for i in objects(authorship, "institutions")]
    given = (any(institutions) and institutions) or texts(authorship, "raw_affiliation_strings")
    return "; ".join(dict.fromkeys(name for raw in given if (name := clean_text(raw))))


def _locations(work: Row) -> Iterator[Row]:
    yield one_object(work, "primary_location")
    yield from objects(work, "locations")


def _arxiv_id(work: Row, found_doi: str) -> str | None:
    """The arXiv id that an id, the DOI or the page of a location is."""
    addresses = [text(one_object(work, "ids"), "arxiv"), found_doi]
    addresses += (text(location, "landing_page_url") for location in _locations(work))
    return next((found for address in addresses if (found := arxiv_id(address))), None)


def _count(row: Row) -> int | None:
    return whole_number(row, "cited_by_count", MAX_COUNT)


def _references(work: Row) -> list[str] | None:
    if work.get("referenced_works") is None:
        return None
    found = []
    for cited in texts(work, "referenced_works"):
        known = _WORK.fullmatch(cited)
        if (cited_id := known.group(1) if known else openalex_id(cited)) is None:
            raise BadRowError(f"referenced_works: expected work ids, received {cited!r:.40}")
        found.append(cited_id)
    return found
