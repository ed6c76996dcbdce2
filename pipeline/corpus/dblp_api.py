"""Answers of DBLP's search API (`https://dblp.org/search/publ/api?format=json`) -> records.

Belongs here: the shape of an answer. Not: what a publication means (dblp_records.py), nor asking
(no request is made here).

An answer tells of what was found, not of all there is: it has no scope, so an empty one changes
nothing. The API sends at most 1,000 hits; an answer that holds fewer than were found is used all
the same, for what it holds is sound, and the log says how to ask for the rest.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import orjson

from pipeline.corpus.dblp_records import SOURCE, Publication, record
from pipeline.corpus.gathering import gather, shown
from pipeline.corpus.incoming import Batch, Head, Recognised
from pipeline.corpus.places import Places
from pipeline.corpus.rows import BadRowError
from pipeline.errors import UnreadableFileError

MAX_BYTES = 1 << 26  # an answer has at most 1,000 hits of about 1 kB

_ANSWER = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"result"\s*:\s*\{')
_HITS = re.compile(rb'"hits"\s*:\s*\{\s*"@total"')
_KINDS = {"Editorship": "front_matter", "Withdrawn Items": "withdrawn"}

_log = logging.getLogger(__name__)


class DblpAnswer:
    """The importer of answers of the publication search."""

    def recognise(self, head: Head) -> Recognised | None:
        """A JSON document `{"result": {… "hits": {"@total": …`."""
        if _ANSWER.match(head.data) and _HITS.search(head.data):
            return Recognised(SOURCE, "dblp_api")
        return None

    def read(self, file: BinaryIO, recognised: Recognised, places: Places) -> Iterator[Batch]:
        """Records of registered venues among the hits."""
        hits = _hits(file)
        yield from gather(hits, lambda hit: record(_publication(hit), places), shown)


IMPORTER = DblpAnswer()


def _hits(file: BinaryIO) -> list[object]:
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UnreadableFileError(
            f"DBLP answer: expected at most {MAX_BYTES >> 20} MiB, received more; "
            "ask for 1,000 hits at a time"
        )
    try:
        answer = orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
        hits = answer["result"]["hits"]
        found = hits.get("hit", [])
        total = int(hits["@total"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableFileError(
            f"DBLP answer: expected result.hits with @total and hit, received {error!s:.120}; "
            "fetch it again"
        ) from error
    found = found if isinstance(found, list) else [found]
    if len(found) < total:
        _log.warning(
            "DBLP answer: %d publications found, %d in the file; ask for the rest with &f=%d",
            total, len(found), len(found),
        )  # fmt: skip
    return found


def _publication(hit: object) -> Publication:
    """What a hit says."""
    info = hit.get("info") if isinstance(hit, dict) else None
    if not isinstance(info, dict):
        raise BadRowError("expected an object with `info`, received something else")
    return Publication(
        _text(info, "key"),
        _text(info, "title"),
        _text(info, "year"),
        [] if info.get("type") == "Editorship" else _authors(info),
        _listed(info, "ee"),
        container="; ".join(_listed(info, "venue")),
        kind=_KINDS.get(_text(info, "type"), "paper"),
    )


def _authors(info: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, no ORCID) each; one author comes as an object, several as a list of them."""
    authors = info.get("authors")
    given = authors.get("author", []) if isinstance(authors, dict) else authors or []
    each = given if isinstance(given, list) else [given]
    names = [author.get("text") if isinstance(author, dict) else author for author in each]
    texts = [name for name in names if isinstance(name, str)]
    if len(texts) < len(names):
        raise BadRowError("authors: expected names, received something else")
    return [(name, "") for name in texts]


def _text(info: Mapping[str, Any], key: str) -> str:
    value = info.get(key, "")
    if not isinstance(value, str):
        raise BadRowError(f"{key}: expected text, received {type(value).__name__}")
    return value


def _listed(info: Mapping[str, Any], key: str) -> list[str]:
    """One text or a list of them, as a list."""
    value = info.get(key, [])
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise BadRowError(f"{key}: expected text, received {type(value).__name__}")
    return texts
