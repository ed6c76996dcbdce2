"""What the simulated OpenAlex answers to an address: lists and single objects, as JSON.

Belongs here: paths, parameters and bodies. Not: budgets (openalex_meter.py), faults
(openalex_faults.py) nor sockets (openalex_server.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from pipeline.simulation.openalex_groups import group_page
from pipeline.simulation.openalex_meter import CREDIT_USD
from pipeline.simulation.openalex_query import (
    ALSO_SELECTABLE,
    FILTERS,
    GROUPS,
    ListQuery,
    RefusedQueryError,
    parse_list_query,
    parse_select,
)
from pipeline.simulation.openalex_shape import PREFIX, work_json
from pipeline.simulation.openalex_shelf import Page, Shelf, work_number
from pipeline.simulation.openalex_works import REPOSITORY_ID, REPOSITORY_NAME, sources_of
from pipeline.venues import load_venues

JSON = "application/json"
WORK_FIELDS = tuple(work_json(openalex_id="W0", title=None, publication_year=None))
SELECTABLE = (*WORK_FIELDS, *ALSO_SELECTABLE)
SOURCE_FILTERS = ("ids.openalex", "openalex", "openalex_id")
DB_RESPONSE_TIME_MS = 7
NOT_FOUND = (
    "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n"
    "<p>The requested URL was not found on the server.</p>\n"
)


@dataclass(frozen=True)
class Answer:
    """A response before it is sent."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class Catalogue:
    """Works, sources, and what became of ids that are gone."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.merged: dict[int, int] = {}
        self._venue_sources = {
            source: venue.name for venue in load_venues() for source in sources_of(venue)
        } | {REPOSITORY_ID: REPOSITORY_NAME}

    def merge(self, old: int, new: int) -> None:
        """`old` goes; its address points to `new`, which takes its citations over."""
        gone, kept = self.shelf.work(old), self.shelf.work(new)
        self.shelf.remove(old)
        self.shelf.set_count(new, kept["cited_by_count"] + gone["cited_by_count"])
        self.merged[old] = new

    def answer(self, path: str, params: Mapping[str, str]) -> Answer:
        """The answer to a call; what OpenAlex refuses comes back as its 400."""
        kind, _, name = path.strip("/").partition("/")
        try:
            if kind == "works":
                return self._work(name, params) if name else self._works(params)
            if kind == "sources":
                return self._source(name, params) if name else self._sources(params)
        except RefusedQueryError as refusal:
            return json_answer(400, {"error": refusal.error, "message": str(refusal)})
        return not_found()

    def _works(self, params: Mapping[str, str]) -> Answer:
        query = works_query(params)
        if query.group_by:
            return groups_answer(self.shelf.sizes(query.filters, query.group_by), query)
        return list_answer(self.shelf.page(query), query)

    def _work(self, name: str, params: Mapping[str, str]) -> Answer:
        select = parse_select(params, SELECTABLE)
        if "10." in name:
            number = self.shelf.by_doi(name)
        elif (number := work_number(name)) in self.merged:
            address = f"/works/W{self.merged[number]}"
            return Answer(301, b"", "text/html; charset=utf-8", {"Location": address})
        if number is None or number not in self.shelf:
            return not_found()
        return Answer(200, self.shelf.row(number, select))

    def _sources(self, params: Mapping[str, str]) -> Answer:
        every = self._all_sources()
        query = parse_list_query(params, filters=SOURCE_FILTERS, fields=tuple(every[0]))
        if query.sort or query.cursor not in (None, "*"):
            raise RefusedQueryError("Sources of the simulation are paged by number, unsorted.")
        for _, values in query.filters:
            wanted = {value.rsplit("/", 1)[-1].upper() for value in values}
            every = [s for s in every if s["id"].removeprefix(PREFIX) in wanted]
        first = (query.page - 1) * query.per_page
        shown = [_pick(s, query.select) for s in every[first : first + query.per_page]]
        return list_answer(Page([orjson.dumps(s) for s in shown], len(every), None), query)

    def _source(self, name: str, params: Mapping[str, str]) -> Answer:
        every = {s["id"].removeprefix(PREFIX): s for s in self._all_sources()}
        select = parse_select(params, tuple(next(iter(every.values()))))
        source = every.get(name.rsplit("/", 1)[-1].upper())
        return json_answer(200, _pick(source, select)) if source else not_found()

    def _all_sources(self) -> list[dict[str, Any]]:
        """Every registered source and the preprint server, the largest first."""
        counts = self.shelf.counts_of_sources()
        every = [
            _source_json(source, name, *counts.get(source, (0, 0)))
            for source, name in self._venue_sources.items()
        ]
        return sorted(every, key=lambda s: (-s["works_count"], s["id"]))


def works_query(params: Mapping[str, str]) -> ListQuery:
    """The list of works that `params` ask for."""
    return parse_list_query(params, filters=FILTERS, fields=SELECTABLE, groups=GROUPS)


def list_answer(page: Page, query: ListQuery) -> Answer:
    """A page in OpenAlex's envelope; rows are JSON already."""
    meta = _meta(query, page.total, page.next_cursor, groups_count=None)
    parts = b'{"meta":', orjson.dumps(meta), b',"results":[', b",".join(page.rows)
    return Answer(200, b"".join((*parts, b'],"group_by":[]}')))


def groups_answer(sizes: Mapping[int, int], query: ListQuery) -> Answer:
    """Groups of works in the same envelope, with no work in it."""
    page = group_page(sizes, query)
    meta = _meta(query, page.n_works, page.next_cursor, groups_count=len(page.groups))
    return json_answer(200, {"meta": meta, "results": [], "group_by": page.groups})


def _meta(
    query: ListQuery, total: int, next_cursor: str | None, *, groups_count: int | None
) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "count": total,
        "db_response_time_ms": DB_RESPONSE_TIME_MS,
        "page": None if query.cursor else query.page,
        "per_page": query.per_page,
    }
    meta |= {"next_cursor": next_cursor} if query.cursor else {}
    return meta | {"groups_count": groups_count, "cost_usd": CREDIT_USD}


def json_answer(
    status: int, content: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, orjson.dumps(content), headers=headers or {})


def html_answer(status: int, text: str) -> Answer:
    """An answer with a page for people."""
    return Answer(status, text.encode(), "text/html; charset=utf-8")


def not_found() -> Answer:
    """404, in HTML as OpenAlex sends it."""
    return html_answer(404, NOT_FOUND)


def _pick(fields: dict[str, Any], select: frozenset[str] | None) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if select is None or k in select}


def _source_json(source: str, name: str, works_count: int, cited_by_count: int) -> dict[str, Any]:
    """A source with every key of the real ones."""
    identity, preprints = PREFIX + source, source == REPOSITORY_ID
    return {
        "id": identity, "issn_l": None, "issn": None, "display_name": name,
        "host_organization": None, "host_organization_name": None,
        "host_organization_lineage": [], "works_count": works_count,
        "cited_by_count": cited_by_count, "summary_stats": {}, "is_oa": preprints,
        "is_in_doaj": False, "is_indexed_in_scopus": False, "is_core": False,
        "ids": {"openalex": identity}, "homepage_url": None, "apc_prices": None, "apc_usd": None,
        "country_code": None, "societies": [], "alternate_titles": [], "abbreviated_title": None,
        "type": "repository" if preprints else "conference", "topics": [], "topic_share": [],
        "x_concepts": [], "counts_by_year": [],
        "works_api_url": f"/works?filter=primary_location.source.id:{source}",
        "updated_date": "2026-01-01T00:00:00", "created_date": "2025-10-10",
    }  # fmt: skip
