"""DBLP's dump (`dblp.xml`) -> records; `dblp.xml.gz` from https://dblp.org/xml/.

Belongs here: the XML as a stream, and why it is safe to read one from a stranger. Not: what a
publication means (dblp_records.py).

The file names a DTD for its character entities (`&uuml;`) that does not come with it. Nothing is
ever fetched: the file's DOCTYPE is replaced by one of ours, which declares HTML's character
entities and nothing else. A file that declares entities of its own is refused before the parser
sees it, so that no entity can expand to more than one character or name a file.

Rows are the children of the root: `article`, `inproceedings` and `proceedings` are used, all else
(books, theses, home pages) is outside.
"""

import re
from collections.abc import Iterator
from html.entities import name2codepoint
from typing import Any, BinaryIO

from lxml import etree

from pipeline.corpus.dblp_records import SOURCE, Publication, record
from pipeline.corpus.gathering import gather
from pipeline.corpus.incoming import Batch, Head, Recognised, Scope
from pipeline.corpus.places import Places
from pipeline.errors import UnreadableFileError

USED = ("article", "inproceedings", "proceedings")
HEAD = 1 << 16  # what a file is recognised by, its DOCTYPE included
CHUNK = 1 << 18
LONGEST = 1 << 24
"""Bytes without the end of a publication after which the file cannot be DBLP's: its longest
entries, proceedings with hundreds of authors, have under 100 kB."""

# Possessive and atomic throughout: a crafted prolog must not set the expression backtracking.
_SPACE = rb"(?:\s++|(?><!--.*?-->)|(?><\?(?!xml\s).*?\?>))*+"
_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml\s(?P<declaration>[^>]*)>)?" + _SPACE +
    rb"(?P<doctype><!DOCTYPE\s++dblp\b[^\[>]*+(?P<end>[\[>])" + _SPACE + rb")?"
    rb"(?P<root><dblp[\s>])?",
    re.S,
)  # fmt: skip
_ENCODING = re.compile(rb"""\bencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_ENCODINGS = {b"iso-8859-1", b"us-ascii", b"utf-8"}
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s++|(?><!--.*?-->))*+<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_PREDEFINED = {"amp", "lt", "gt", "quot"}
_ENTITIES = "".join(
    f'<!ENTITY {name} "&#{code};">'
    for name, code in sorted(name2codepoint.items())
    if name not in _PREDEFINED
).encode()
_OTHERS = ("book", "incollection", "phdthesis", "mastersthesis", "www", "person", "data")


class DblpXml:
    """The importer of `dblp.xml`."""

    def recognise(self, head: Head) -> Recognised | None:
        """A document whose root, or whose DOCTYPE, is `dblp`."""
        start = _START.match(head.data)
        if start is None or not (start["root"] or start["doctype"]):
            return None
        return Recognised(SOURCE, "dblp_xml", Scope(whole_source=True))

    def read(self, file: BinaryIO, recognised: Recognised, places: Places) -> Iterator[Batch]:
        """Records of registered venues; see the module for what makes a file unusable."""

        def parse(element: Any) -> dict[str, Any] | None:
            key = None if element is None else element.get("key", "")
            if key is None or element.tag not in USED:
                return None
            if key and places.of_dblp_key(key) is None:
                return None  # most of the file; not worth reading further
            return record(_publication(element), places)

        yield from gather(_rows(file), parse, _shown)


IMPORTER = DblpXml()


def describe_unknown(head: Head) -> str:
    """One line on a file that is no `dblp.xml` but came in its place; empty if there is none."""
    if _HTML.match(head.data):
        return (
            "an HTML page, as DBLP's download answers to robots: "
            "open https://dblp.org/xml/ in a browser and save dblp.xml.gz from there"
        )
    return ""


def _rows(file: BinaryIO) -> Iterator[Any]:
    """The children of the root, complete; None for each that is of no known kind."""
    parser = etree.XMLPullParser(
        events=("end",), tag=(*USED, *_OTHERS), load_dtd=False, no_network=True,
        resolve_entities="internal", huge_tree=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    root, n_children, n_rows, since_last = None, 0, 0, 0
    for chunk in _with_own_doctype(file):
        since_last += len(chunk or b"")
        for element in _events(parser, chunk):
            root = element.getroottree().getroot() if root is None else root
            if element.getparent() is root:
                n_rows, since_last = n_rows + 1, 0
                yield element
        if since_last > LONGEST:
            raise UnreadableFileError(
                f"dblp.xml: expected publications, received {LONGEST >> 20} MiB without the end "
                f"of one after number {n_rows}; download it again"
            )
        if root is not None:
            n_children += len(root) - 1
            del root[:-1]  # what is read; the last child may still be growing
    n_children += 0 if root is None else len(root)
    yield from (None for _ in range(n_children - n_rows))


def _events(parser: Any, chunk: bytes | None) -> Iterator[Any]:
    try:
        parser.close() if chunk is None else parser.feed(chunk)
    except etree.XMLSyntaxError as error:
        found = " ".join(str(error.msg).split())[:200]
        raise UnreadableFileError(
            f"dblp.xml: expected well-formed XML to the end, received {found}; download it again"
        ) from error
    for _, element in parser.read_events():
        yield element


def _with_own_doctype(file: BinaryIO) -> Iterator[bytes | None]:
    """The stream with our DOCTYPE in place of its own; None at its end."""
    head = b""
    while len(head) < HEAD and (more := file.read(HEAD - len(head))):
        head += more
    start = _START.match(head)
    if start is None or start["root"] is None:
        raise UnreadableFileError(_why_not(start))
    declared = _ENCODING.search(start["declaration"] or b"")
    encoding = declared.group(1).lower() if declared else b"utf-8"
    # Of these a DOCTYPE cannot hide in bytes that do not spell one.
    if encoding not in _ENCODINGS:
        raise UnreadableFileError(
            "dblp.xml: expected the encoding ISO-8859-1, US-ASCII or UTF-8, "
            f"received {encoding.decode():.40}"
        )
    own = b'<?xml version="1.0" encoding="%b"?><!DOCTYPE dblp [%b]>' % (encoding, _ENTITIES)
    yield own + head[start.start("root") :]
    while chunk := file.read(CHUNK):
        yield chunk
    yield None


def _why_not(start: re.Match[bytes] | None) -> str:
    if start is not None and start["end"] == b"[":
        return (
            "dblp.xml: expected a DOCTYPE that only names DBLP's DTD, received one with "
            "declarations of its own, which DBLP never publishes; download the file from dblp.org"
        )
    return "dblp.xml: expected <dblp> at the beginning, received something else; download it again"


def _publication(element: Any) -> Publication:
    """What the XML of a publication says."""
    texts: dict[str, str] = {
        "title": "",
        "year": "",
        "journal": "",
        "booktitle": "",
        "crossref": "",
    }
    authors, links = [], []
    for child in element:
        tag = child.tag
        if tag == "author":
            authors.append((child.text or "", child.get("orcid", "")))
        elif tag == "ee":
            links.append(child.text or "")
        elif tag in texts:
            # Titles hold <sub>, <sup>, <i> and <tt>.
            texts[tag] = "".join(child.itertext()) if len(child) else child.text or ""
    key = element.get("key", "")
    is_volume = element.tag == "proceedings"
    withdrawn = "withdrawn" in element.get("publtype", "").split()
    return Publication(
        key,
        texts["title"],
        texts["year"],
        authors,
        links,
        container=texts["booktitle"] or texts["journal"],
        volume=key if is_volume else texts["crossref"],
        kind="withdrawn" if withdrawn else "front_matter" if is_volume else "paper",
    )


def _shown(element: Any) -> str:
    return " ".join(etree.tostring(element, encoding="unicode", with_tail=False).split())
