"""SciDocs: which papers are cited, co-cited, co-read or co-viewed with a paper, among 30 or so.

Layout: `paper_metadata_view_cite_read.json` (id -> title, abstract) and `<task>/test.qrel` with
lines `query 0 document gain`. The judged papers of a query are its candidates. Some judged papers
have no metadata: the suite's own scorer passes over them, and here they are counted.
Cohan et al. 2020, arXiv 2004.07180.
"""

from pathlib import Path

from pipeline.corpus.text import document_text
from pipeline.retrieval.benchmarks.benchmark import Benchmark, Contents, assemble
from pipeline.retrieval.benchmarks.records import paper_of, read_object, read_qrels

METADATA = "paper_metadata_view_cite_read.json"
TASKS = ("cite", "cocite", "coread", "coview")


def is_scidocs(path: Path) -> bool:
    """Whether the folder has this layout."""
    return (path / METADATA).is_file()


def read_scidocs(path: Path, *, title_only: bool) -> Benchmark:
    """One benchmark; its domains are the tasks, its query ids `<task>/<paper>`."""
    papers = {str(k): paper_of(row) for k, row in read_object(path / METADATA).items()}
    judged = [
        (f"{task}/{query}", document, gain)
        for task in TASKS
        if (path / task / "test.qrel").is_file()
        for query, document, gain in read_qrels(path / task / "test.qrel")
    ]
    paper = {query: query.partition("/")[2] for query, _, _ in judged}
    pool: dict[str, list[str]] = {}
    for query, document, _ in judged:
        pool.setdefault(query, []).append(document)
    contents = Contents(
        queries={q: query_text(papers[p], title_only) for q, p in paper.items() if p in papers},
        documents=papers,
        judged=judged,
        domains={query: query.partition("/")[0] for query in paper},
        candidates=pool,
        itself=paper,
    )
    return assemble("scidocs", contents, known_gaps=True)


def query_text(paper: tuple[str, str], title_only: bool) -> str:
    """What a paper asks with: its title, or title and abstract."""
    return paper[0] if title_only else document_text(*paper)
