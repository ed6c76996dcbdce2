"""What an answer of OpenAlex says: a page of a list, groups, a work, or what became of one.

Belongs here: whether a body is what was asked for. Not: asking, or asking again (openalex.py).
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from pipeline.corpus.identifiers import openalex_id
from pipeline.corpus.openalex_probe import Told
from pipeline.corpus.openalex_query import Work
from pipeline.errors import SourceError

REDIRECTS = {301, 302, 307, 308}
NO_MORE = {404, 410}


@dataclass(frozen=True)
class Page:
    """Works of one list call, how many the whole list holds, and where it goes on (None: end)."""

    works: list[Work]
    count: int
    next_cursor: str | None


@dataclass(frozen=True)
class Gone:
    """A work that is no more, or is now known as another."""

    merged_into: str | None = None  # `W123`


class PassingFault(Exception):  # noqa: N818  # it is none until it has lasted
    """Worth asking again; `wait_s` is how long the server wants to be left alone."""

    def __init__(self, text: str, wait_s: float | None = None) -> None:
        super().__init__(text)
        self.wait_s = wait_s


def read_page(response: httpx.Response) -> Page:
    """The page in an answer; raises PassingFault if it is none."""
    document = _list(response)
    meta, works = document.get("meta"), document.get("results")
    if not isinstance(meta, dict) or not isinstance(works, list):
        raise PassingFault("with JSON that is no list of works")
    count, cursor = meta.get("count"), meta.get("next_cursor")
    if not isinstance(count, int) or count < 0 or not isinstance(cursor, str | None):
        raise PassingFault("with a list that does not say how long it is, or how it goes on")
    if not all(isinstance(w, dict) and openalex_id(str(w.get("id"))) for w in works):
        raise PassingFault("with a list of things that have no id of a work")
    return Page(works, count, cursor)


def read_groups(response: httpx.Response) -> Told:
    """The histogram in the answer to a query by groups; raises PassingFault if it is none."""
    document = _list(response)
    try:
        n_works = document["meta"]["count"]
        found = {int(group["key"]): group["count"] for group in document["group_by"]}
    except (TypeError, KeyError, ValueError):
        raise PassingFault("with JSON that is no list of groups") from None
    if not all(type(n) is int and n >= 0 for n in (n_works, *found.values())):
        raise PassingFault("with groups that do not say how large they are")
    # Of no size: groups that could be; negative: the key of works without a count.
    return Told(n_works, {count: n for count, n in found.items() if n and count >= 0})


def read_work(work_id: str, response: httpx.Response) -> Work | Gone:
    """The work in the answer to `work_id`, or what became of it; PassingFault if neither."""
    if response.status_code in NO_MORE:
        return Gone()
    if response.status_code in REDIRECTS:
        place = urlsplit(response.headers.get("location", "")).path
        now, work = openalex_id(place.rpartition("/")[2]), {}
    else:
        work = _document(response)
        now = openalex_id(str(work.get("id")))
    if now is None or (response.status_code in REDIRECTS and now == work_id):
        raise PassingFault("with something that is no work and leads to none")
    return work if now == work_id else Gone(merged_into=now)


def _list(response: httpx.Response) -> dict[str, Any]:
    if response.status_code != 200:
        raise SourceError(
            f"OpenAlex's list was expected at this address, received status "
            f"{response.status_code}: check CSIMPACT_OPENALEX_URL"
        )
    return _document(response)


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = orjson.loads(response.content)
    except orjson.JSONDecodeError as problem:
        kind = response.headers.get("content-type", "unnamed")
        raise PassingFault(f"with a body that is not JSON ({kind}; {problem})") from None
    if not isinstance(document, dict):
        raise PassingFault("with JSON that is no object")
    return document
