"""Works in memory, found by filter, in the order OpenAlex returns them.

Belongs here: indices, paging, and the changes a work can undergo while someone crawls. Not:
query strings (openalex_query.py) nor HTTP.

Works stand in falling order of their citations, then by id, and a cursor carries these very
values: whoever crawls while a count moves may miss a work or meet it twice, as with the
original.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

import orjson

from pipeline.simulation.openalex_packed import PackedWork, pack
from pipeline.simulation.openalex_query import (
    Filters,
    ListQuery,
    RefusedQueryError,
    Sort,
    decode_cursor,
    encode_cursor,
)
from pipeline.simulation.openalex_shape import PREFIX

SortKey = tuple[int, ...]
_ID_FILTERS = ("openalex", "openalex_id", "ids.openalex")


class Page(NamedTuple):
    """Rows of one page as JSON, how many there are in all, and where the next page begins."""

    rows: list[bytes]
    total: int
    next_cursor: str | None


class _Facts(NamedTuple):
    """What a work is found and ordered by."""

    cited_by_count: int
    publication_year: int
    publication_date: int  # days since year 1
    sources: frozenset[str]
    primary_source: str | None
    doi: str | None


class Shelf:
    """The works a server knows at one moment."""

    def __init__(self, works: Iterable[Mapping[str, Any]] = ()) -> None:
        self._packed: dict[int, PackedWork] = {}
        self._facts: dict[int, _Facts] = {}
        self._index: dict[str, dict[str, set[int]]] = {
            name: defaultdict(set) for name in ("source", "primary", "year", "doi")
        }
        self._orders: dict[tuple[Filters, Sort], list[SortKey]] = {}
        for work in works:
            self.put(work)

    def __len__(self) -> int:
        return len(self._facts)

    def __contains__(self, number: int) -> bool:
        return number in self._facts

    def put(self, work: Mapping[str, Any]) -> None:
        """Add a work, or replace the one of its id."""
        number = work_number(work["id"])
        if number in self:
            self.remove(number)
        facts = _facts_of(work)
        self._facts[number] = facts
        self._packed[number] = pack(work)
        for name, value in _index_entries(facts):
            self._index[name][value].add(number)
        self._orders.clear()

    def remove(self, number: int) -> None:
        """Take a work away."""
        for name, value in _index_entries(self._facts.pop(number)):
            self._index[name][value].discard(number)
        del self._packed[number]
        self._orders.clear()

    def set_count(self, number: int, cited_by_count: int) -> None:
        """Let a work have this many citations; those it gains fall into its newest year."""
        work = self.work(number)
        gained = cited_by_count - work["cited_by_count"]
        work["cited_by_count"] = cited_by_count
        if gained > 0 and work["counts_by_year"]:
            work["counts_by_year"][0]["cited_by_count"] += gained
        self.put(work)

    def work(self, number: int) -> dict[str, Any]:
        """The whole work."""
        work: dict[str, Any] = orjson.loads(self._packed[number].json())
        return work

    def row(self, number: int, select: frozenset[str] | None) -> bytes:
        """The work as JSON, with the fields selected."""
        return self._packed[number].json(select)

    def by_doi(self, doi: str) -> int | None:
        """The work of a DOI, if any."""
        return min(self._index["doi"].get(_bare_doi(doi), ()), default=None)

    def numbers(self, filters: Filters = ()) -> list[int]:
        """Every work that passes, in the order of a list without `sort`."""
        return [key[-1] for key in self._ordered(filters, ())]

    def counts_of_sources(self) -> dict[str, tuple[int, int]]:
        """How many works each source has, and their citations together."""
        held = {s: works for s, works in self._index["source"].items() if works}
        return {
            source: (len(works), sum(self._facts[n].cited_by_count for n in works))
            for source, works in held.items()
        }

    def sizes(self, filters: Filters, name: str) -> Counter[int]:
        """How many works that pass have each value of a field of numbers."""
        return Counter(getattr(self._facts[n], name) for n in self._matching(filters))

    def page(self, query: ListQuery) -> Page:
        """The page asked for. As recorded, every page with rows has a next cursor."""
        keys = self._ordered(query.filters, query.sort)
        first = (query.page - 1) * query.per_page
        if query.cursor and query.cursor != "*":
            first = bisect_right(keys, _key_of(query))
        shown = keys[first : first + query.per_page]
        rows = [self.row(key[-1], query.select) for key in shown]
        more = self._cursor_after(shown[-1][-1], query.sort) if query.cursor and shown else None
        return Page(rows, len(keys), more)

    def _cursor_after(self, number: int, sort: Sort) -> str:
        facts = self._facts[number]
        values = [getattr(facts, name) for name, _ in sort]
        return encode_cursor((*values, "-Infinity", facts.cited_by_count, f"{PREFIX}W{number}"))

    def _ordered(self, filters: Filters, sort: Sort) -> list[SortKey]:
        if (filters, sort) not in self._orders:
            numbers = self._matching(filters)
            self._orders[filters, sort] = sorted(self._key(number, sort) for number in numbers)
        return self._orders[filters, sort]

    def _key(self, number: int, sort: Sort) -> SortKey:
        facts = self._facts[number]
        chosen = (_signed(getattr(facts, name), falls) for name, falls in sort)
        return (*chosen, -facts.cited_by_count, number)

    def _matching(self, filters: Filters) -> Iterable[int]:
        found = [self._passing(name, values) for name, values in filters]
        return set.intersection(*found) if found else self._facts.keys()

    def _passing(self, name: str, values: tuple[str, ...]) -> set[int]:
        if name in _ID_FILTERS:
            return {n for n in map(work_number, values) if n in self}
        if name == "cited_by_count":
            spans = [_span(name, value) for value in values]
            facts = self._facts.items()
            return {n for n, f in facts if any(f.cited_by_count in span for span in spans)}
        if name == "publication_year":
            spans = [_span(name, value) for value in values]
            years = self._index["year"].items()
            return set().union(*(n for y, n in years if any(int(y) in s for s in spans)))
        if name == "doi":
            return set().union(*(self._index["doi"].get(_bare_doi(v), ()) for v in values))
        index = self._index["primary" if name.startswith("primary") else "source"]
        return set().union(*(index.get(_bare(value), ()) for value in values))


def work_number(identity: str) -> int:
    """The number in a work's id, bare or as an address; refuses what is no work id."""
    bare = _bare(identity)
    if not (bare[:1] == "W" and bare[1:].isdecimal()):
        raise RefusedQueryError(f"'{identity}' is not a valid OpenAlex ID.")
    return int(bare[1:])


def _bare(identity: str) -> str:
    return identity.strip().rsplit("/", 1)[-1].upper()


def _bare_doi(doi: str) -> str:
    return doi.strip().lower().removeprefix("https://doi.org/").removeprefix("doi:")


def _span(name: str, text: str) -> range:
    """Whole numbers meant by `5`, `>5`, `<5`, `2-5`, `2-` or `-5`."""
    try:
        if text.startswith(">"):
            return range(int(text[1:]) + 1, 10**9)
        if text.startswith("<"):
            return range(-1, int(text[1:]))
        low, dash, high = text.partition("-")
        if dash:
            return range(int(low or -1), int(high or 10**9) + 1)
        return range(int(low), int(low) + 1)
    except ValueError:
        raise RefusedQueryError(f"Value for param {name} must be a number.") from None


def _signed(value: int, falls: bool) -> int:
    return -value if falls else value


def _key_of(query: ListQuery) -> SortKey:
    """Where the cursor of a query stands."""
    values = decode_cursor(query.cursor or "", width=len(query.sort) + 3)
    *chosen, _, count, identity = values
    falls = [falling for _, falling in query.sort]
    try:
        keys = [_signed(int(v), f) for v, f in zip(chosen, falls, strict=True)]
        return (*keys, -int(count), work_number(str(identity)))
    except (TypeError, ValueError):
        raise RefusedQueryError("Cursor value is invalid.", error="Pagination error.") from None


def _facts_of(work: Mapping[str, Any]) -> _Facts:
    sources = [place["source"] for place in work["locations"] if place["source"]]
    primary = (work["primary_location"] or {}).get("source")
    return _Facts(
        cited_by_count=work["cited_by_count"],
        publication_year=work["publication_year"],
        publication_date=date.fromisoformat(work["publication_date"]).toordinal(),
        sources=frozenset(_bare(source["id"]) for source in sources),
        primary_source=_bare(primary["id"]) if primary else None,
        doi=_bare_doi(work["doi"]) if work["doi"] else None,
    )


def _index_entries(facts: _Facts) -> list[tuple[str, str]]:
    entries = [("source", source) for source in facts.sources]
    entries += [("year", str(facts.publication_year))]
    entries += [("primary", facts.primary_source)] if facts.primary_source else []
    entries += [("doi", facts.doi)] if facts.doi else []
    return entries
