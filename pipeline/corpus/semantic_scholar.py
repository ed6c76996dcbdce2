"""Semantic Scholar's files -> batches: the datasets, their diffs, Graph API objects, S2ORC.

Belongs here: telling the files apart. Not: what a row means (semantic_scholar_papers.py,
semantic_scholar_edges.py), nor lines and chunks (json_lines.py).

The datasets are gzipped JSON lines (https://api.semanticscholar.org/api-docs/datasets). A diff has
`update_files`, which look like the dataset, and `delete_files`, whose rows have the primary key and
nothing else.
"""

from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from pipeline.corpus import semantic_scholar_edges as edges
from pipeline.corpus import semantic_scholar_papers as papers
from pipeline.corpus.incoming import Batch, Head, Importer, Recognised
from pipeline.corpus.json_lines import Understand, first_objects, read_batches
from pipeline.corpus.places import Places

SOURCE = "semantic_scholar"
# The dataset `papers` tells neither abstracts nor references: they come by themselves.
UNTOLD = {"papers": ("abstract", "references")}
KINDS_OF_PAPERS = ("papers", "graph_papers", "s2orc")
"""Kinds whose rows have a venue and a year of their own."""

_EDGE_KEYS = {"citationid", "citingcorpusid", "citedcorpusid"}


class SemanticScholar:
    """The importer of every file of papers, abstracts and citations of Semantic Scholar."""

    def recognise(self, head: Head) -> Recognised | None:
        """Which of its files this is, by the keys of the first rows.

        Delete files of papers, of abstracts and of other datasets look alike: there the name must
        say `papers` or `abstracts`, or nobody knows what is to be deleted.
        """
        rows = first_objects(head.data)
        kinds = [kind for row in rows if (kind := _kind(set(row), head.name.lower()))]
        if 2 * len(kinds) <= len(rows):  # most, not all: the very first rows may be damaged
            return None
        kind = max(kinds, key=kinds.count)
        return Recognised(
            SOURCE, kind, by_id=kind not in KINDS_OF_PAPERS, untold=UNTOLD.get(kind, ())
        )

    def read(self, file: BinaryIO, recognised: Recognised, places: Places) -> Iterator[Batch]:
        """See Importer."""
        understand: dict[str, Understand] = {
            "papers": partial(papers.paper, places=places),
            "papers_deleted": papers.deleted_paper,
            "graph_papers": partial(papers.graph_paper, places=places),
            "s2orc": partial(papers.s2orc_paper, places=places),
            "abstracts": papers.abstract,
            "abstracts_deleted": papers.deleted_abstract,
            "citations": edges.edge,
            "citations_deleted": edges.deleted_edge,
        }
        kind = recognised.kind
        return read_batches(file, understand[kind], edges=kind.startswith("citations"))


IMPORTER: Importer = SemanticScholar()


def _kind(keys: set[str], name: str) -> str | None:
    """The kind of a file that has rows with these keys."""
    if {"citingcorpusid", "citationid"} & keys:
        # A pair alone may also be somebody's own extract of the edges.
        bare = keys == {"citationid"} or (keys <= _EDGE_KEYS and "delete" in name)
        return "citations_deleted" if bare else "citations"
    if keys == {"corpusid"}:
        named = [kind for kind in ("papers", "abstracts") if kind in name]
        return f"{named[0]}_deleted" if len(named) == 1 else None
    if "corpusid" in keys and "title" in keys:
        return "papers"
    if "corpusid" in keys and "abstract" in keys:
        return "abstracts"
    if {"paper_id", "outbound_citations"} <= keys:
        return "s2orc"
    return "graph_papers" if "title" in keys and {"paperId", "corpusId"} & keys else None
