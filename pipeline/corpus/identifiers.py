"""Identifiers as sources write them -> the one way we write them.

Belongs here: DOI, arXiv, OpenAlex and Semantic Scholar ids, one string at a time. None for what is
no such id.
"""

import re

_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:)?\s*(10\.\d{4,9}/\S+)", re.I)
_ARXIV = re.compile(
    r"(?:(?:https?://)?(?:www\.|export\.)?arxiv\.org/(?:abs|pdf|html)/|arxiv:|"
    r"(?:https?://doi\.org/)?10\.48550/arxiv\.)?"
    r"((?:\d{4}\.\d{4,5})|(?:[a-z-]+(?:\.[a-z]{2})?/\d{7}))(?:v\d+)?(?:\.pdf)?",
    re.I,
)
_OPENALEX = re.compile(r"(?:https?://(?:api\.)?openalex\.org/(?:works/)?)?(W\d{2,12})", re.I)


def doi(text: str | None) -> str | None:
    """DOI in lower case without resolver prefix; DOIs ignore case."""
    found = _DOI.fullmatch(text.strip()) if text else None
    return found.group(1).rstrip(".,;").lower() if found else None


def arxiv_id(text: str | None) -> str | None:
    """arXiv id without version, lower case: `2402.12928`, `cs/0112017`."""
    found = _ARXIV.fullmatch(text.strip()) if text else None
    return found.group(1).lower() if found else None


def openalex_id(text: str | None) -> str | None:
    """OpenAlex work id without its address: `W2741809807`."""
    found = _OPENALEX.fullmatch(text.strip()) if text else None
    return found.group(1).upper() if found else None
