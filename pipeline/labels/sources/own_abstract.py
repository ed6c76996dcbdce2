"""Title -> the paper's own document.

Belongs here: queries that are titles and the abstracts that answer them. Not: encoding either.
Source: the title/abstract task of citation-free scientific retrieval, e.g. SciRepEval (Singh et
al. 2022, arXiv 2211.13308) and LaPraDoR's title-body pairs (Xu et al. 2022, arXiv 2203.06169).

The document matrix holds title + abstract, so a title meets itself there: MiniLM ranks its own
document first nine times in ten, the abstract alone six times in ten. `abstract_documents` gives
the latter; a trainer that encodes them once uses their vectors in place of the papers' rows for
this source, and then there is something to learn. Papers without an abstract are left out, for
their document is the title itself.
"""

from collections.abc import Sequence

from pipeline.labels.sources.mined import MinedQueries, Rows, about_themselves
from pipeline.labels.sources.words import content_words

_LEAST_WORDS = 20  # of an abstract; below are "no abstract available", dates and page numbers


def mine_own_abstract(
    titles: Sequence[str], abstracts: Sequence[str | None], rows: Rows
) -> MinedQueries:
    """One query per paper of `rows` that has a title and an abstract of 20 content words."""
    kept = [row for row in rows if titles[row].strip() and _tells(abstracts[row])]
    return about_themselves("own_abstract", [titles[row] for row in kept], kept)


def abstract_documents(abstracts: Sequence[str | None], queries: MinedQueries) -> list[str]:
    """The abstract alone of each query's paper, in the order of the queries."""
    return [abstracts[row] or "" for row in queries.papers]


def _tells(abstract: str | None) -> bool:
    return abstract is not None and len(content_words(abstract)) >= _LEAST_WORDS
