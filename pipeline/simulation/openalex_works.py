"""The simulated literature as OpenAlex would describe it: one work object per paper.

Belongs here: what a literature puts into a work. Not: the shape of a work (openalex_shape.py),
the server that hands works out (openalex_server.py), nor the reading of works.

The quirks of the real thing are kept: a paper may be known by its preprint alone, some have no
DOI or no abstract, `counts_by_year` covers ten years. Everything simulated says so: ids begin
with a 9 behind their letter, countries are codes that ISO leaves to users, ORCID iDs lie outside
the range ever assigned, DOIs have the prefix kept for examples.
"""

import hashlib
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from pipeline.simulation.literature import Literature, topic_numbers
from pipeline.simulation.openalex_shape import (
    YEARS_COUNTED,
    AuthorValues,
    InstitutionValues,
    inverted_index,
    location_json,
    work_json,
)
from pipeline.simulation.text import uniform_rows
from pipeline.venues import Venue, load_venues

__all__ = [
    "AuthorValues", "InstitutionValues", "inverted_index", "iterate_works", "location_json",
    "openalex_id_of", "source_id_of", "sources_of", "work_json", "works_of",
]  # fmt: skip

FIRST_WORK, FIRST_AUTHOR, FIRST_INSTITUTION = 9_000_000_000, 9_000_000_000, 9_000_000_000
REPOSITORY_ID, REPOSITORY_NAME = "S9000000000", "Simulated Preprints"
WITH_DOI = 0.6
WITH_PREPRINT, PREPRINT_FIRST = 0.25, 0.05  # shares of works; the latter lead with the preprint
WITHOUT_ABSTRACT, RETRACTED, WITH_ORCID = 0.03, 0.002, 0.6
N_INSTITUTIONS = 60
_QUIRK_STREAM = 31


def openalex_id_of(sim_id: str) -> str:
    """The work id of a simulated paper: `W9000000012` of `sim-0000012`."""
    return f"W{FIRST_WORK + int(sim_id.removeprefix('sim-'))}"


def source_id_of(slug: str) -> str:
    """The first source registered for a venue; one made of the slug where none is registered."""
    return sources_of(load_venues()[slug])[0]


def sources_of(venue: Venue) -> tuple[str, ...]:
    """Every source of a venue: those registered, or the one made of its slug."""
    return venue.openalex_sources or (f"S9{zlib.crc32(venue.slug.encode()):010d}",)


def author_of(name: str) -> AuthorValues:
    """The author of this name: one id per name, wherever it stands."""
    # Wide enough that no two of a hundred thousand people share a number.
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % 10**12
    place = number % N_INSTITUTIONS
    institution = InstitutionValues(
        id=f"I{FIRST_INSTITUTION + place}",
        name=f"Simulated University {place + 1}",
        country=f"X{'ABCDE'[place % 5]}",  # XA to XZ are left to users of ISO 3166
    )
    known = number // N_INSTITUTIONS % 100 < 100 * WITH_ORCID
    return AuthorValues(
        id=f"A9{number:012d}",
        name=name,
        orcid=_orcid(number) if known else None,
        institutions=[institution],
    )


def works_of(literature: Literature) -> list[dict[str, Any]]:
    """A work for every paper, in the order of the papers; the same for the same literature."""
    return list(iterate_works(literature))


def iterate_works(literature: Literature) -> Iterator[dict[str, Any]]:
    """`works_of`, one at a time: a hundred thousand at once would fill the memory."""
    papers = literature.papers
    registry = load_venues()
    venues = {slug: registry[slug] for slug in papers["venue"].unique()}
    authors = {name: author_of(name) for name in papers["authors"].explode().unique().drop_nulls()}
    references = _references(literature)
    yearly = _received_by_year(literature)
    standing = papers.select(
        fwci=(pl.col("cited_by_count") / pl.col("cited_by_count").mean().over("year", "topic")),
        percentile=pl.col("cited_by_count").rank("min").over("year") / pl.len().over("year"),
    )
    quirks = uniform_rows(0, _QUIRK_STREAM, np.arange(papers.height), 5).tolist()
    topics = topic_numbers(papers).tolist()
    rows = zip(papers.iter_rows(named=True), standing.iter_rows(), quirks, topics, strict=True)
    for paper, (fwci, percentile), (u_doi, u_text, u_retracted, u_preprint, _), topic in rows:
        sim_id, total, year = paper["sim_id"], paper["cited_by_count"], paper["year"]
        number = sim_id.removeprefix("sim-")
        doi = f"10.5555/sim.{number}" if u_doi < WITH_DOI else None
        places = [_venue_location(number, doi, venues[paper["venue"]])]
        if u_preprint < WITH_PREPRINT:
            places.insert(int(u_preprint >= PREPRINT_FIRST), _preprint_location(number))
        yield work_json(
            openalex_id=openalex_id_of(sim_id),
            title=paper["title"],
            abstract=paper["abstract"] if u_text >= WITHOUT_ABSTRACT else None,
            authors=[authors[name] for name in paper["authors"]],
            publication_year=year,
            publication_date=str(paper["publication_date"]),
            doi=doi,
            locations=places,
            cited_by_count=total,
            counts_by_year=_counts_by_year(
                total, yearly.get(sim_id, {}), year, literature.as_of.year
            ),
            referenced_works=references.get(sim_id, ()),
            keywords=paper["keywords"],
            topic=(f"T9{topic:04d}", f"Simulated topic: {paper['topic']}"),
            fwci=round(fwci, 4) if total else 0.0,
            percentile=round(percentile, 8),
            is_retracted=u_retracted < RETRACTED,
            updated_date=f"{literature.as_of}T03:46:38.306776",
            created_date=f"{paper['publication_date']}T00:00:00",
        )


def _references(literature: Literature) -> dict[str, list[str]]:
    """Work ids cited by each paper, in the order of their numbers."""
    cited = literature.references.sort("citing", "cited").with_columns(
        pl.format("W{}", FIRST_WORK + pl.col("cited").str.slice(4).cast(pl.Int64)).alias("cited")
    )
    return dict(cited.group_by("citing", maintain_order=True).agg("cited").iter_rows())


def _received_by_year(literature: Literature) -> dict[str, dict[int, int]]:
    """Citations from within the literature, by year of the citing paper."""
    year = literature.papers.select(citing="sim_id", year="year")
    counted = literature.references.join(year, on="citing").group_by("cited", "year").len()
    received: dict[str, dict[int, int]] = {}
    for cited, when, n in counted.sort("cited", "year").iter_rows():
        received.setdefault(cited, {})[when] = n
    return received


def _counts_by_year(
    total: int, received: Mapping[int, int], published: int, now: int
) -> dict[int, int]:
    """`total` spread over the last ten years: what the literature knows, the rest evenly.

    What was received more than ten years ago is in the total alone, as in OpenAlex.
    """
    outside = total - sum(received.values())
    years = range(published, now + 1)
    each, left = divmod(outside, len(years))
    # The remainder goes to the newest years, so that one more citation shows this year.
    spread = {y: received.get(y, 0) + each + (y > now - left) for y in years}
    return {y: n for y, n in spread.items() if y > now - YEARS_COUNTED}


def _venue_location(number: str, doi: str | None, venue: Venue) -> dict[str, Any]:
    address = f"https://doi.org/{doi}" if doi else f"https://simulated.invalid/{number}"
    return location_json(
        id=f"doi:{doi}" if doi else f"pmh:oai:simulated.invalid:{number}",
        source_id=sources_of(venue)[0],
        source_name=venue.name,
        landing_page_url=address,
        raw_type="proceedings-article",
    )


def _preprint_location(number: str) -> dict[str, Any]:
    return location_json(
        id=f"pmh:oai:preprints.invalid:{number}",
        source_id=REPOSITORY_ID,
        source_name=REPOSITORY_NAME,
        source_type="repository",
        is_oa=True,
        landing_page_url=f"https://preprints.invalid/{number}",
        raw_type="preprint",
    )


def _orcid(number: int) -> str:
    """An iD with a right check digit (ISO 7064 mod 11-2), beyond every iD assigned."""
    digits = f"9{number:014d}"
    total = 0
    for digit in digits:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    text = digits + ("X" if check == 10 else str(check))
    return "-".join(text[k : k + 4] for k in range(0, 16, 4))
