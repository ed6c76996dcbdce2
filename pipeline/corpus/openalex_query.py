"""What is asked of OpenAlex: queries as path and parameters, their price, and content digests.

Belongs here: which works of a venue-year, which fields of them, and what that costs. Not: sending
queries (resources/openalex.py) nor reading works as records (openalex_works.py).

pyalex builds the queries. Its builders change in place, so each is made anew and used once, and
nobody outside sees one.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pyalex

from pipeline.corpus.identifiers import openalex_id
from pipeline.errors import InputError
from pipeline.venues import Venue

Work = dict[str, Any]
"""A work as OpenAlex writes it, as far as it was selected."""

PER_PAGE = 100  # works a list call may return, and ids an OR filter may hold
LIST_CALL_USD = 0.0001
FREE_USD_A_DAY = 1.0  # with a key; a work asked for by its id alone is free

DIGEST_FIELDS = (
    "title", "publication_date", "publication_year", "doi", "type", "is_retracted", "is_paratext",
    "referenced_works_count", "abstract_inverted_index",
)  # fmt: skip
"""What the nightly poll sees of a work's content: about 0.7 kB a work on the way here.

A call costs the same whatever is selected, and abstracts come and go: of 1,163 works seen three
days apart, 105 had another count, 98 another abstract, 26 other locations, 2 other authorships,
and nothing else of what we select. The last two are seen by the next crawl.
"""

SELECT = (
    "id", *DIGEST_FIELDS, "authorships", "cited_by_count", "referenced_works", "primary_location",
    "locations",
)  # fmt: skip
"""What a crawl asks for, and no more.

Not `updated_date`: it moves with figures nobody here uses and would make every crawl news. Not
`ids` and `display_name`, which repeat id, DOI and title.
"""

POLL_SELECT = ("id", "cited_by_count", *DIGEST_FIELDS)


@dataclass(frozen=True)
class Query:
    """A list query without cursor, page size and key."""

    path: str
    params: Mapping[str, str]

    @property
    def digest(self) -> str:
        """16 hex digits; a checkpoint of another query is of no use to this one."""
        told = orjson.dumps([self.path, self.params], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(told).hexdigest()[:16]


@dataclass(frozen=True)
class Cost:
    """List calls and what they cost."""

    calls: int

    @property
    def cents(self) -> float:
        """US cents."""
        return self.calls * LIST_CALL_USD * 100


def venue_year_query(venue: Venue, year: int) -> Query:
    """All works of a venue's sources with that year of publication.

    Newest first rather than by OpenAlex's own order: cursors carry sort values, and a citation
    count that moves between two pages would move its work past the cursor.
    """
    return _query(_works_of(venue, year).sort(publication_date="desc").select(list(SELECT)))


def probe_query(venue: Venue, year: int) -> Query:
    """How many of the works that `venue_year_query` lists have each citation count."""
    return _query(_works_of(venue, year).group_by("cited_by_count"))


def works_query(ids: Sequence[str], fields: Sequence[str]) -> Query:
    """The works of these ids (at most 100), as `W123` or with their address."""
    bare = [openalex_id(text) for text in ids]
    if len(bare) > PER_PAGE or None in bare:
        raise InputError(
            f"expected at most {PER_PAGE} OpenAlex work ids, received {len(bare)}: "
            f"{', '.join(map(str, ids[:3]))}"
        )
    return _query(pyalex.Works().filter_or(openalex=bare).select(list(fields)))


def _works_of(venue: Venue, year: int) -> Any:
    if not venue.openalex_sources:
        raise InputError(
            f"{venue.slug}: no OpenAlex source is registered: add its ids as openalex_sources in "
            "venues.toml"
        )
    place = {"source": {"id": "|".join(venue.openalex_sources)}}
    return pyalex.Works().filter(locations=place, publication_year=year)


def _query(builder: Any) -> Query:
    url = urlsplit(builder.url)
    return Query(url.path, dict(parse_qsl(url.query)))


def crawl_cost(n_works: int) -> Cost:
    """What crawling that many works of one venue-year takes; that there are none costs a call."""
    return Cost(max(1, ceil(n_works / PER_PAGE)))


def poll_plan(n_works: int, *, share_moved: float = 0.01) -> Cost:
    """What one night's poll takes: every id once, and in full the works whose content moved."""
    return Cost(ceil(n_works / PER_PAGE) + ceil(n_works * share_moved / PER_PAGE))


def batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """The ids in batches that one call can ask for."""
    return (ids[start : start + PER_PAGE] for start in range(0, len(ids), PER_PAGE))


def content_digest(work: Mapping[str, Any]) -> str:
    """16 hex digits over the fields a poll sees, citation counts not among them.

    Of a crawled work and of a polled one they are equal while the content is.
    """
    told = orjson.dumps([work.get(name) for name in DIGEST_FIELDS])
    return hashlib.sha256(told).hexdigest()[:16]
