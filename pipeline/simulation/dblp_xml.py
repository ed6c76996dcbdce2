"""A sighting as the record DBLP would print: XML with its entities, keys, links and volumes.

Belongs here: elements and their order. Not: the file around them (sources.py).

As in `dblp.xml`: ISO-8859-1, Latin-1 letters as the entities of DBLP's DTD, all others as
numbers, titles that end with a period and may hold mark-up.
"""

import html.entities
from html import escape

from pipeline.simulation.lists import SITE
from pipeline.simulation.sightings import Sighting
from pipeline.venues import VenueRegistry

HEAD = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<!DOCTYPE dblp SYSTEM "dblp.dtd">\n<dblp>\n'
FOOT = "</dblp>\n"


def dblp_record(seen: Sighting, venues: VenueRegistry, *, day: str) -> str:
    """The element of a record, with a line for each field."""
    stream, _, name = seen.key.rpartition("/")
    kind = _kind(seen)
    fields = [("author", author) for author in seen.authors]
    fields += [("title", _title(seen)), ("year", str(seen.year))]
    if kind == "article":
        venue = venues[seen.venue].name if seen.venue else "CoRR"
        volume = f"abs/{seen.arxiv_id}" if seen.arxiv_id else str(seen.year - 1980)
        fields += [("volume", volume), ("journal", venue)]
    elif kind == "inproceedings":
        fields += [("booktitle", (seen.venue or "").upper()), ("crossref", f"{stream}/{seen.year}")]
    fields += [("ee", f"https://doi.org/{seen.doi}" if seen.doi else f"{SITE}/{seen.key}")]
    fields += [("url", f"db/{stream}/{stream.rpartition('/')[2]}{seen.year}.html#{name}")]
    lines = [f"<{tag}>{_marked(text, tag)}</{tag}>\n" for tag, text in fields]
    return f'<{kind} mdate="{day}" key="{escape(seen.key)}">\n{"".join(lines)}</{kind}>\n'


def _kind(seen: Sighting) -> str:
    if seen.form == "proceedings":
        return "proceedings"
    return "article" if seen.key.startswith("journals/") else "inproceedings"


def _title(seen: Sighting) -> str:
    return seen.title if seen.title.endswith((".", "?", "!")) else f"{seen.title}."


def _marked(text: str, tag: str) -> str:
    """The text in ASCII; some titles have a word in italics."""
    marked = escape(text, quote=False)
    if tag == "title" and " via " in marked and len(marked) % 7 == 0:
        marked = marked.replace(" via ", " <i>via</i> ", 1)
    return marked if marked.isascii() else "".join(map(_ascii, marked))


def _ascii(letter: str) -> str:
    code = ord(letter)
    if code < 128:
        return letter
    # Signs such as the degree sign are no letters, and not among DBLP's entities.
    named = html.entities.codepoint2name.get(code) if 0xC0 <= code <= 0xFF else None
    return f"&{named};" if named and letter.isalpha() else f"&#{code};"
