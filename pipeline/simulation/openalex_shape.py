"""The shape of an OpenAlex work: plain values in, a JSON object out.

Belongs here: keys, their order and the quirks of works as the API returned them in March 2026.
Not: what the simulated literature puts into them (openalex_works.py), nor the server.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

PREFIX = "https://openalex.org/"
YEARS_COUNTED = 10


class InstitutionValues(TypedDict):
    """What is known of an institution."""

    id: str
    name: str
    country: str


class AuthorValues(TypedDict):
    """What is known of an author of one work."""

    id: str | None
    name: str
    orcid: str | None
    institutions: Sequence[InstitutionValues]


def inverted_index(text: str | None) -> dict[str, list[int]] | None:
    """Words with the places where they stand; null without a text."""
    if not text:
        return None
    index: dict[str, list[int]] = {}
    for place, word in enumerate(text.split()):
        index.setdefault(word, []).append(place)
    return index


def location_json(
    *,
    id: str,
    source_id: str | None,
    source_name: str | None,
    source_type: str = "conference",
    is_oa: bool = False,
    landing_page_url: str | None = None,
    raw_type: str | None = None,
) -> dict[str, Any]:
    """A location of a work, published unless its source is a repository."""
    published = source_type != "repository"
    source = source_json(source_id, source_name, source_type) if source_id else None
    return {
        "id": id, "is_oa": is_oa, "landing_page_url": landing_page_url, "pdf_url": None,
        "source": source, "license": None, "license_id": None,
        "version": "publishedVersion" if published else "submittedVersion",
        "is_accepted": published, "is_published": published,
        "raw_source_name": source_name, "raw_type": raw_type,
    }  # fmt: skip


def source_json(source_id: str, name: str | None, kind: str) -> dict[str, Any]:
    """A source as it stands inside a location."""
    return {
        "id": PREFIX + source_id, "display_name": name, "issn_l": None, "issn": None,
        "is_oa": kind == "repository", "is_in_doaj": False, "is_core": False,
        "host_organization": None, "host_organization_name": None,
        "host_organization_lineage": [], "host_organization_lineage_names": [], "type": kind,
    }  # fmt: skip


def work_json(
    *,
    openalex_id: str,
    title: str | None,
    publication_year: int | None,
    publication_date: str | None = None,
    abstract: str | None = None,
    authors: Sequence[AuthorValues] = (),
    doi: str | None = None,
    locations: Sequence[Mapping[str, Any]] = (),
    cited_by_count: int = 0,
    counts_by_year: Mapping[int, int] | None = None,
    referenced_works: Sequence[str] = (),
    keywords: Sequence[str] = (),
    topic: tuple[str, str] | None = None,
    fwci: float | None = None,
    percentile: float | None = None,
    type: str = "article",
    is_retracted: bool = False,
    is_paratext: bool = False,
    language: str | None = "en",
    updated_date: str = "2026-01-01T00:00:00",
    created_date: str = "2025-10-10T00:00:00",
) -> dict[str, Any]:
    """A work as the API returns it. Ids come bare (`W1`, `10.5555/x`) and leave as addresses.

    The first location is the primary one; `counts_by_year` goes out newest first, without zeros.
    """
    identity = PREFIX + openalex_id
    doi_url = f"https://doi.org/{doi}" if doi else None
    authorships = [_authorship(a, k, len(authors)) for k, a in enumerate(authors)]
    open_at = next((place for place in locations if place["is_oa"]), None)
    topics = [_topic(*topic)] if topic else []
    yearly = sorted((counts_by_year or {}).items(), reverse=True)[:YEARS_COUNTED]
    institutions = {i["id"] for a in authors for i in a["institutions"]}
    corresponding = authors[:1]
    return {
        "id": identity,
        "doi": doi_url,
        "title": title,
        "display_name": title,
        "publication_year": publication_year,
        "publication_date": publication_date or (publication_year and f"{publication_year}-01-01"),
        "ids": {"openalex": identity} | ({"doi": doi_url} if doi_url else {}),
        "language": language,
        "primary_location": dict(locations[0]) if locations else None,
        "type": type,
        "indexed_in": ["crossref"] if doi else [],
        "open_access": {
            "is_oa": open_at is not None,
            "oa_status": "green" if open_at else "closed",
            "oa_url": open_at and open_at["landing_page_url"],
            "any_repository_has_fulltext": open_at is not None,
        },
        "authorships": authorships,
        "institutions": [],
        "countries_distinct_count": len({i["country"] for a in authors for i in a["institutions"]}),
        "institutions_distinct_count": len(institutions),
        "corresponding_author_ids": [PREFIX + a["id"] for a in corresponding if a["id"]],
        "corresponding_institution_ids": [
            i["id"] for a in corresponding for i in a["institutions"]
        ],
        "apc_list": None,
        "apc_paid": None,
        "fwci": fwci,
        "has_fulltext": False,
        "cited_by_count": cited_by_count,
        "citation_normalized_percentile": _percentile(percentile),
        "cited_by_percentile_year": _percentile_span(percentile),
        "biblio": dict.fromkeys(("volume", "issue", "first_page", "last_page")),
        "is_retracted": is_retracted,
        "is_paratext": is_paratext,
        "is_xpac": False,
        "primary_topic": topics[0] if topics else None,
        "topics": topics,
        "keywords": [
            {"id": f"{PREFIX}keywords/{k.replace(' ', '-')}", "display_name": k, "score": 0.5}
            for k in keywords
        ],
        "concepts": [],
        "mesh": [],
        "locations_count": len(locations),
        "locations": [dict(place) for place in locations],
        "best_oa_location": open_at and dict(open_at),
        "sustainable_development_goals": [],
        "awards": [],
        "funders": [],
        "has_content": {"pdf": False, "grobid_xml": False},
        "content_urls": None,
        "referenced_works_count": len(referenced_works),
        "referenced_works": [PREFIX + cited for cited in referenced_works],
        "related_works": [],
        "abstract_inverted_index": inverted_index(abstract),
        "counts_by_year": [{"year": y, "cited_by_count": n} for y, n in yearly if n],
        "updated_date": updated_date,
        "created_date": created_date,
    }


def _authorship(author: AuthorValues, place: int, n: int) -> dict[str, Any]:
    institutions = [
        {
            "id": PREFIX + i["id"], "display_name": i["name"], "ror": None,
            "country_code": i["country"], "type": "education", "lineage": [PREFIX + i["id"]],
        }
        for i in author["institutions"]
    ]  # fmt: skip
    raw = [f"{i['name']}, {i['country']}" for i in author["institutions"]]
    return {
        "author_position": "first" if place == 0 else "last" if place == n - 1 else "middle",
        "author": {
            "id": PREFIX + author["id"] if author["id"] else None,
            "display_name": author["name"],
            "orcid": f"https://orcid.org/{author['orcid']}" if author["orcid"] else None,
        },
        "institutions": institutions,
        "countries": sorted({i["country"] for i in author["institutions"]}),
        "is_corresponding": place == 0,
        "raw_author_name": author["name"],
        "raw_affiliation_strings": raw,
        "affiliations": [
            {"raw_affiliation_string": text, "institution_ids": [i["id"]]}
            for text, i in zip(raw, institutions, strict=True)
        ],
    }


def _topic(identity: str, name: str) -> dict[str, Any]:
    return {
        "id": PREFIX + identity, "display_name": name, "score": 0.99,
        "subfield": {"id": f"{PREFIX}subfields/1702", "display_name": "Artificial Intelligence"},
        "field": {"id": f"{PREFIX}fields/17", "display_name": "Computer Science"},
        "domain": {"id": f"{PREFIX}domains/3", "display_name": "Physical Sciences"},
    }  # fmt: skip


def _percentile(value: float | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {
        "value": value,
        "is_in_top_1_percent": value >= 0.99,
        "is_in_top_10_percent": value >= 0.9,
    }


def _percentile_span(value: float | None) -> dict[str, int] | None:
    if value is None:
        return None
    return {"min": min(99, int(100 * value)), "max": min(100, int(100 * value) + 1)}
