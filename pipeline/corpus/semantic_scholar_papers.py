"""Semantic Scholar's rows of papers and abstracts -> records.

Belongs here: what such a row means, whichever file it comes in. Not: which file that is
(semantic_scholar.py) nor citations (semantic_scholar_edges.py).

One paper has three shapes: rows of the dataset `papers`, objects of the Graph API (`corpusId`,
`citationCount`, …), and metadata of S2ORC, whose `paper_id` is the corpus id.
"""

from collections.abc import Iterable
from typing import Any

from pipeline.corpus.front_matter import not_a_paper
from pipeline.corpus.identifiers import arxiv_id, doi
from pipeline.corpus.places import Places
from pipeline.corpus.rows import (
    MAX_COUNT,
    Row,
    cell_of,
    check_title,
    needed_id,
    number_id,
    objects,
    one_object,
    publication_date,
    text,
    texts,
    track_of,
    truth,
    whole_number,
)
from pipeline.corpus.text import clean_text, plain_text

CITATION_SOURCE = "semantic_scholar"


def paper(row: Row, places: Places) -> dict[str, Any] | None:
    """The record of a row of `papers`; None if its venue is not registered."""
    corpus_id = needed_id(row, "corpusid")
    ids = one_object(row, "externalids")
    dblp_key, name = text(ids, "DBLP"), text(row, "venue")
    # DBLP's key first: it names the venue exactly, where names are Semantic Scholar's guess.
    venue = places.of_dblp_key(dblp_key) or places.named(name)
    if venue is None:
        return None
    authors = ((text(a, "name"), number_id(a, "authorId")) for a in objects(row, "authors"))
    record = _record(row, corpus_id, venue, places, authors)
    day, precision = publication_date(row, "publicationdate", record["year"])
    return record | {
        "track": track_of(name, venue, places),
        "doi": doi(text(ids, "DOI")),
        "arxiv_id": arxiv_id(text(ids, "ArXiv")),
        "dblp_key": plain_text(dblp_key) or None,
        "acl_id": plain_text(text(ids, "ACL")) or None,
        "url": plain_text(text(row, "url")) or None,
        "cited_by_count": whole_number(row, "citationcount", MAX_COUNT),
        "publication_date": day,
        "date_precision": precision,
    }


def graph_paper(row: Row, places: Places) -> dict[str, Any] | None:
    """The record of an object of the Graph API; None if its venue is not registered."""
    plain = {key.lower(): value for key, value in row.items()}
    if plain.get("corpusid") is None:
        plain["corpusid"] = one_object(plain, "externalids").get("CorpusId")
    return paper(plain, places)


def s2orc_paper(row: Row, places: Places) -> dict[str, Any] | None:
    """The record of a metadata row of S2ORC; None if its venue is not registered."""
    corpus_id = needed_id(row, "paper_id")
    name, journal = text(row, "venue"), text(row, "journal")
    venue = places.named(name) or places.named(journal)
    if venue is None:
        return None
    authors = ((_joined_name(a), None) for a in objects(row, "authors"))
    record = _record(row, corpus_id, venue, places, authors)
    day, precision = publication_date({}, "", record["year"])  # S2ORC tells years only
    return record | {
        "author_ids": None,
        "track": track_of(name or journal, venue, places),
        "doi": doi(text(row, "doi")),
        "arxiv_id": arxiv_id(text(row, "arxiv_id")),
        "acl_id": plain_text(text(row, "acl_id")) or None,
        "url": plain_text(text(row, "s2_url")) or None,
        # Its own list of citing papers ends where S2ORC ends: no count of citations.
        "publication_date": day,
        "date_precision": precision,
        "references": texts(row, "outbound_citations")
        if truth(row, "has_outbound_citations")
        else None,
    }


def abstract(row: Row) -> dict[str, Any] | None:
    """The patch of a row of `abstracts`; None if there is no text in it."""
    corpus_id = needed_id(row, "corpusid")
    found = clean_text(text(row, "abstract"))
    return {"op": "patch", "source_id": corpus_id, "abstract": found} if found else None


def deleted_paper(row: Row) -> dict[str, Any]:
    """The deletion of a paper."""
    return {"op": "delete", "source_id": needed_id(row, "corpusid")}


def deleted_abstract(row: Row) -> dict[str, Any]:
    """The patch that takes an abstract away: the paper itself stays."""
    return {"op": "patch", "source_id": needed_id(row, "corpusid"), "abstract": ""}


def _record(
    row: Row,
    corpus_id: str,
    venue: str,
    places: Places,
    people: Iterable[tuple[str, str | None]],
) -> dict[str, Any]:
    """What the three shapes have in common."""
    _, year = cell_of(row, "year", venue, places)
    # Two authors may share a name, but then not an id.
    authors = dict.fromkeys((name, i or "") for raw, i in people if (name := clean_text(raw)))
    names = [name for name, _ in authors]
    title = clean_text(text(row, "title"))
    excluded = not_a_paper(title, names)
    check_title(title, excluded)
    return {
        "op": "row",
        "venue": venue,
        "year": year,
        "source_id": corpus_id,
        "title": title,
        "abstract": clean_text(text(row, "abstract")) or None,
        "authors": names,
        "author_ids": [i for _, i in authors],
        "excluded_because": excluded,
        "keywords": [],
        "s2_corpus_id": corpus_id,
        "citation_source": CITATION_SOURCE,
    }


def _joined_name(author: Row) -> str:
    """First, middle and last name with the suffix, as one line."""
    parts = [text(author, "first"), *texts(author, "middle"), text(author, "last")]
    return " ".join([*parts, text(author, "suffix")])
