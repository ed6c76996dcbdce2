"""A sighting as the row its source would hand out: lists, OpenAlex, Semantic Scholar.

Belongs here: which field of a row holds what. Not: files (sources.py), DBLP's XML (dblp_xml.py),
nor what a source has seen (sightings.py).

Field names are those of the Paper Copilot lists and of Semantic Scholar's bulk datasets; every id
lies outside what these services have ever given out.
"""

import zlib
from collections.abc import Iterator
from typing import Any

from pipeline.simulation.lists import SITE, list_row
from pipeline.simulation.openalex_works import REPOSITORY_ID, author_of, location_json, work_json
from pipeline.simulation.sightings import Sighting
from pipeline.venues import Venue, VenueRegistry

ARXIV = "https://arxiv.org/abs/"


def scholar_row(seen: Sighting) -> dict[str, Any]:
    """The row of a list; without an `id` where the list has none."""
    status = "Workshop" if seen.form == "workshop" else "Poster"
    row = list_row(seen.key, seen.title, status) | {
        "abstract": seen.abstract,
        "author": "; ".join(seen.authors),
        "site": f"{SITE}/list/{seen.venue}{seen.year}",
        "gs_citation": -1 if seen.cited_by_count is None else seen.cited_by_count,
    }
    return row if seen.key else {k: v for k, v in row.items() if k != "id"}


def openalex_work(seen: Sighting, venues: VenueRegistry) -> dict[str, Any]:
    """The work, at its venue or, for preprints, first of all on arXiv."""
    places = [] if seen.venue is None else [_at_venue(seen, venues[seen.venue])]
    if seen.arxiv_id:
        places.insert(0 if seen.form == "preprint" else len(places), _on_arxiv(seen.arxiv_id))
    return work_json(
        openalex_id=seen.key,
        title=seen.title,
        abstract=seen.abstract or None,
        authors=[author_of(name) for name in seen.authors],
        publication_year=seen.year,
        publication_date=str(seen.publication_date),
        doi=seen.doi,
        locations=places,
        cited_by_count=seen.cited_by_count or 0,
        referenced_works=seen.references or (),
        type="preprint" if seen.form == "preprint" else "article",
        is_paratext=seen.form == "front_matter",
    )


def _at_venue(seen: Sighting, venue: Venue) -> dict[str, Any]:
    # OpenAlex files one conference under several sources.
    choice = venue.openalex_sources[zlib.crc32(seen.key.encode()) % len(venue.openalex_sources)]
    return location_json(
        id=f"doi:{seen.doi}" if seen.doi else f"pmh:oai:simulated.invalid:{seen.key}",
        source_id=choice,
        source_name=venue.name,
        landing_page_url=f"https://doi.org/{seen.doi}" if seen.doi else f"{SITE}/{seen.key}",
        raw_type="proceedings-article",
    )


def _on_arxiv(arxiv_id: str) -> dict[str, Any]:
    return location_json(
        id=f"pmh:oai:arXiv.org:{arxiv_id}",
        source_id=REPOSITORY_ID,
        source_name="arXiv (simulated)",
        source_type="repository",
        is_oa=True,
        landing_page_url=f"{ARXIV}{arxiv_id}",
        raw_type="preprint",
    )


def s2_paper(seen: Sighting, venues: VenueRegistry) -> dict[str, Any]:
    """The line of the dataset `papers`."""
    identifiers = {
        "MAG": None, "ACL": None, "DBLP": seen.dblp_key, "ArXiv": seen.arxiv_id, "PubMed": None,
        "DOI": seen.doi and seen.doi.upper(), "CorpusId": seen.corpus_id, "PubMedCentral": None,
    }  # fmt: skip
    return {
        "corpusid": int(seen.key),
        "externalids": identifiers,
        "url": f"{SITE}/CorpusID:{seen.key}",
        "title": seen.title,
        "authors": [{"authorId": _author_number(name), "name": name} for name in seen.authors],
        "venue": _s2_venue(seen, venues),
        "publicationvenueid": None,
        "year": seen.year,
        "referencecount": len(seen.references or ()),
        "citationcount": seen.cited_by_count,
        "influentialcitationcount": (seen.cited_by_count or 0) // 12,
        "isopenaccess": seen.arxiv_id is not None,
        "s2fieldsofstudy": [{"category": "Computer Science", "source": "s2-fos-model"}],
        "publicationtypes": None if seen.form == "preprint" else ["JournalArticle", "Conference"],
        "publicationdate": str(seen.publication_date),
        "journal": None,
    }


def s2_abstract(seen: Sighting) -> dict[str, Any]:
    """The line of the dataset `abstracts`."""
    identifiers = {"DOI": seen.doi, "ArXiv": seen.arxiv_id}
    return {
        "corpusid": int(seen.key),
        "openaccessinfo": {
            "externalids": identifiers,
            "license": None,
            "url": None,
            "status": None,
        },
        "abstract": seen.abstract,
    }


def s2_citations(seen: Sighting) -> Iterator[dict[str, Any]]:
    """Lines of the dataset `citations`; one in fifty lists ends with a work S2 does not know."""
    for cited in seen.references or ():
        drawn = zlib.crc32(f"{seen.key}:{cited}".encode())
        yield _citation(seen.key, int(cited), drawn)
    if seen.references and int(seen.key) % 50 == 0:
        yield _citation(seen.key, None, 0)


def _citation(citing: str, cited: int | None, drawn: int) -> dict[str, Any]:
    intents = (None, [["background"]], [["methodology"], ["background"]], [["result"], None])
    return {
        "citationid": int(citing) * 1000 + drawn % 1000,
        "citingcorpusid": int(citing),
        "citedcorpusid": cited,
        "isinfluential": drawn % 9 == 0,
        "contexts": None,
        "intents": intents[drawn % 4],
    }


def _s2_venue(seen: Sighting, venues: VenueRegistry) -> str:
    if seen.venue is None:
        return "arXiv.org"
    if not seen.names_venue:
        return ""
    venue = venues[seen.venue]
    return venue.s2_venue or venue.name


def _author_number(name: str) -> str:
    return str(9_000_000_000 + zlib.crc32(name.encode()))
