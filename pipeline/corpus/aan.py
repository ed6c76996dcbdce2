"""The ACL Anthology Network: papers (`acl-metadata.txt`) and citations (`acl.txt`) -> rows.

Belongs here: the two formats and what their ids and venues mean. Not: judging citations; those of
a paper by itself or by an older paper are rows like any other.

A release is whole: its metadata replace those of the release before.
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from pipeline.corpus.front_matter import is_front_matter
from pipeline.corpus.gathering import (
    Unusable,
    dated,
    gather,
    in_order,
    natural_name,
    placed,
    sound_title,
    year_number,
)
from pipeline.corpus.incoming import Batch, Head, Recognised, Scope
from pipeline.corpus.lines import bounded_lines
from pipeline.corpus.places import Places
from pipeline.corpus.rows import BadRowError
from pipeline.corpus.text import clean_text

SOURCE = "aan"
PAPERS = "aan_papers"
CITATIONS = "aan_citations"
CATCH_ALL = "aclanthology"
MAX_LINES = 100  # of a block; it has five

# Volumes of one venue carry its letter, satellite sessions included; H, I, W and the rest are
# shared by many. The names of venues, by contrast, come in 423 spellings.
_VENUE_OF_LETTER = {
    "P": "acl", "E": "eacl", "N": "naacl", "D": "emnlp", "C": "coling", "J": "cl",
}  # fmt: skip
_ID = r"[A-Z]\d\d-\d{4}[a-z]?"
_BLOCK = re.compile(rb"\s*id = \{" + _ID.encode() + rb"\}\s*\n\s*author = \{")
_EDGE = re.compile(rf"({_ID})\s*(?:,|==>)\s*({_ID})")
_EDGE_LINES = re.compile(rb"\s*(?:" + _EDGE.pattern.encode() + rb"\s*){2}")  # older: `==>`
_FIELD = re.compile(r"\s*(\w+) = \{(.*)\}\s*")
_SATELLITES = {
    "workshop": "workshop", "student": "student", "doctoral": "student", "demo": "demo",
    "interactive": "demo", "poster": "poster", "short": "short", "tutorial": "tutorial",
}  # fmt: skip

Fields = dict[str, str]


class Aan:
    """The importer of both files."""

    def recognise(self, head: Head) -> Recognised | None:
        """Blocks that open with `id = {D10-1001}`, or lines such as `C08-3004 , A00-1002`."""
        if _BLOCK.match(head.data):
            return Recognised(SOURCE, PAPERS, Scope(whole_source=True))
        if _EDGE_LINES.match(head.data):
            return Recognised(SOURCE, CITATIONS, by_id=True)
        return None

    def read(self, file: BinaryIO, recognised: Recognised, places: Places) -> Iterator[Batch]:
        """A record per block, or an edge per line with the citing paper first."""
        if recognised.kind == CITATIONS:
            yield from gather(_lines(file), _edge, edges=True)
        else:
            yield from gather(_blocks(file), lambda block: _record(block, places), "; ".join)


IMPORTER = Aan()


def _lines(file: BinaryIO) -> Iterator[str | Unusable]:
    for line in bounded_lines(file, 1 << 16):
        if line is None:
            yield Unusable("expected a line of a few words, received more than 64 KiB", "")
        elif line.strip():
            yield _decoded(line)


def _decoded(line: bytes) -> str:
    """The file is Latin-1 by name, but holds Windows quotes and, here and there, UTF-8."""
    for encoding in ("utf-8", "cp1252"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1")


def _edge(line: str) -> dict[str, Any]:
    found = _EDGE.fullmatch(line.strip())
    if found is None:
        raise BadRowError("expected two ids such as `C08-3004 , A00-1002`")
    return {"citing_id": found.group(1), "cited_id": found.group(2)}


def _blocks(file: BinaryIO) -> Iterator[list[str] | Unusable]:
    """The lines of each block; blocks end at an empty line or where the next `id` begins."""
    block: list[str] = []
    for line in bounded_lines(file, 1 << 16):
        text = "" if line is None else _decoded(line).strip()
        if block and (line == b"" or not text or text.startswith("id = ")):
            yield _whole(block)
            block = []
        if line is None:
            yield Unusable("expected lines of at most 64 KiB, received a longer one", "")
        elif text and len(block) <= MAX_LINES:
            block.append(text)
    if block:
        yield _whole(block)


def _whole(block: list[str]) -> list[str] | Unusable:
    if len(block) > MAX_LINES:
        return Unusable(f"expected a block of five lines, received over {MAX_LINES}", block[0])
    return block


def _record(block: list[str], places: Places) -> dict[str, Any] | None:
    fields = _fields(block)
    paper_id = fields["id"]
    if re.fullmatch(_ID, paper_id) is None:
        raise BadRowError(f"id: expected one such as D10-1001, received {paper_id:.40}")
    venue = clean_text(fields["venue"])
    slug = _slug(paper_id, venue, places)
    if slug is None:
        return None
    title = sound_title(fields["title"])
    year = year_number(fields["year"])
    return {
        "source_id": paper_id,
        "acl_id": paper_id if paper_id[-1].isdigit() else None,  # letters are the AAN's own
        "title": title,
        "authors": _authors(fields["author"]),
        "track": "main" if places.named(venue) == slug else _track(venue),
        "excluded_because": "front_matter" if is_front_matter(title) else None,
        "keywords": [],
        "citation_source": SOURCE,
        **placed(places, slug, year),
        **dated(year),
    }


def _fields(block: list[str]) -> Fields:
    fields: Fields = {}
    for line in block:
        found = _FIELD.fullmatch(line)
        if found is None:
            raise BadRowError(f"expected `name = {{value}}`, received {line:.60}")
        if found.group(1) in fields:
            raise BadRowError(f"{found.group(1)}: expected once, received twice")
        fields[found.group(1)] = found.group(2)
    if missing := [n for n in ("id", "author", "title", "venue", "year") if n not in fields]:
        raise BadRowError(
            f"expected id, author, title, venue and year; missing: {', '.join(missing)}"
        )
    return fields


def _slug(paper_id: str, venue: str, places: Places) -> str | None:
    """The venue by the id's letter, else by its name, else the catch-all."""
    return (
        places.named(_VENUE_OF_LETTER.get(paper_id[0]))
        or places.named(venue)
        or places.named(CATCH_ALL)
    )


def _track(venue: str) -> str:
    """`main`, or what the name of the volume says it holds: workshop, demo, student, …"""
    name = venue.lower()
    return next((track for word, track in _SATELLITES.items() if word in name), "main")


def _authors(text: str) -> list[str]:
    # Entities end in the semicolon that separates names, so they are decoded first.
    return in_order(natural_name(name) for name in clean_text(text).split(";"))
