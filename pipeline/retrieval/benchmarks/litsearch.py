"""LitSearch: 597 questions of researchers over 64,183 papers, 1 or 2 of them right.

Layout: `query/full-*.parquet` (query_set, query, specificity, quality, corpusids) and
`corpus_clean/full-*.parquet` (corpusid, title, abstract, citations, full_paper).
Ajith et al. 2024, arXiv 2407.18940.
"""

from pathlib import Path

from pipeline.retrieval.benchmarks.benchmark import Benchmark, Contents, assemble
from pipeline.retrieval.benchmarks.records import as_text, paper_of, read_parts

PARTS = "*.parquet"


def is_litsearch(path: Path) -> bool:
    """Whether the folder has this layout."""
    return any((path / "query").glob(PARTS)) and any((path / "corpus_clean").glob(PARTS))


def read_litsearch(path: Path) -> Benchmark:
    """The benchmark; its domains tell where a question comes from (`query_set`)."""
    rows = list(read_parts(path / "query", PARTS, "query_set", "query", "corpusids"))
    papers = read_parts(path / "corpus_clean", PARTS, "corpusid", "title", "abstract")
    contents = Contents(
        queries={str(i): as_text(row["query"]) for i, row in enumerate(rows)},
        documents={str(paper["corpusid"]): paper_of(paper) for paper in papers},
        judged=[(str(i), str(d), 1.0) for i, row in enumerate(rows) for d in row["corpusids"]],
        domains={str(i): as_text(row["query_set"]) for i, row in enumerate(rows)},
    )
    return assemble("litsearch", contents)
