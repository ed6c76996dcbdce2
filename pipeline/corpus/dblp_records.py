"""What DBLP says of one publication -> a record, whether it came as XML or from the search API.

Belongs here: what DBLP's keys, types, names and links mean. Not: either format (dblp.py,
dblp_api.py).

One publication reads the same from both, so that an answer of the API may correct a dump. What the
API leaves out: ORCIDs, and the volume (`crossref`) that tells the year of the edition.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pipeline.corpus.front_matter import is_front_matter
from pipeline.corpus.gathering import dated, placed, sound_title, year_number
from pipeline.corpus.identifiers import arxiv_id, doi
from pipeline.corpus.places import Places
from pipeline.corpus.rows import BadRowError
from pipeline.corpus.text import clean_text, plain_text

SOURCE = "dblp"

_NUMBERED = re.compile(r" \d{4}$")
_VOLUME = re.compile(r"(?:conf|journals)/[^/]+/(?:[a-z]*)((?:19|20)\d\d)(?!\d)", re.I)
_PART = re.compile(r"\((?!\d+\))([^()]+)\)\s*$|(companion|extended abstracts|findings)\b", re.I)


@dataclass(frozen=True)
class Publication:
    """A publication of DBLP as given; `authors` are (numbered name, ORCID or empty).

    `container` is the book title or journal, `volume` the key of the proceedings, `kind` one of
    `paper`, `front_matter`, `withdrawn`.
    """

    key: str
    title: str
    year: str
    authors: Sequence[tuple[str, str]]
    links: Sequence[str]
    container: str = ""
    volume: str = ""
    kind: str = "paper"


def record(publication: Publication, places: Places) -> dict[str, Any] | None:
    """The columns DBLP knows of; None if the venue is not registered."""
    if not publication.key:
        raise BadRowError("expected a key such as conf/nips/VaswaniSPUJGKP17, received none")
    slug = places.of_dblp_key(publication.key)
    if slug is None:
        return None
    title = _without_period(sound_title(publication.title))
    published = year_number(publication.year)
    return {
        "source_id": publication.key,
        "dblp_key": publication.key,
        "title": title,
        "track": _track(publication.container),
        "excluded_because": _exclusion(publication, title),
        "keywords": [],
        "citation_source": SOURCE,
        **placed(places, slug, _edition(published, publication.volume)),
        **dated(published),
        **_authors(publication.authors),
        **_identifiers(publication.links),
    }


def _edition(published: int, volume: str) -> int:
    """Year of the edition: the one in the key of the proceedings, if it is within a year.

    `<year>` is when the proceedings were printed, which for some is the year after the conference;
    `conf/ecir/2005` is named after the conference. Keys without a year, or with one that is no
    neighbour (a slip, a collected volume), leave the printed year standing.
    """
    named = _VOLUME.match(volume)
    year = int(named.group(1)) if named else published
    return year if abs(year - published) <= 1 else published


def _without_period(title: str) -> str:
    """DBLP ends every title in a period of its own; an ellipsis is the author's."""
    return title[:-1].rstrip() if title.endswith(".") and not title.endswith("..") else title


def _track(container: str) -> str:
    """`workshop`, the named part of the proceedings (`EMNLP (Findings)`), or `main`."""
    text = clean_text(container)
    if "workshop" in text.lower():
        return "workshop"
    part = _PART.search(text)
    return (part.group(1) or part.group(2)) if part else "main"


def _exclusion(publication: Publication, title: str) -> str | None:
    if publication.kind != "paper":
        return publication.kind
    # DBLP lists the authors of every paper; what has none is "Awards" or "Past IJCAI Conferences".
    return "front_matter" if is_front_matter(title) or not publication.authors else None


def _authors(authors: Sequence[tuple[str, str]]) -> dict[str, Any]:
    # Two of one name on one paper are told apart by their numbers, and both stay.
    unique = {(name, orcid): None for raw, orcid in authors if (name := clean_text(raw))}
    return {
        "authors": [_NUMBERED.sub("", name) for name, _ in unique],
        "author_ids": [plain_text(orcid) or name for name, orcid in unique],
    }


def _identifiers(links: Sequence[str]) -> dict[str, Any]:
    urls = [plain_text(link) for link in links]
    preprints = [arxiv_id(url) for url in urls]
    # A DOI of arXiv names the preprint, which its arXiv id does already.
    dois = [doi(unquote(u)) for u, preprint in zip(urls, preprints, strict=True) if not preprint]
    return {
        "doi": next((d for d in dois if d), None),
        "arxiv_id": next((p for p in preprints if p), None),
        "url": next((u for u in urls if u), None),
    }
