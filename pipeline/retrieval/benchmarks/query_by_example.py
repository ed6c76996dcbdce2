"""Query by example with pools: papers judged 0–3 against a paper, by facet (CSFCube's layout).

Layout: `abstracts-*.jsonl` (paper_id, title, abstract as sentences) and one
`test-pid2anns-<set>[-<facet>].json` per facet: query paper -> {cands, relevance_adju}.
Mysore et al. 2021, arXiv 2103.12906; the authors of Aspire publish RELISH and TREC-COVID so, too.
"""

from pathlib import Path

from pipeline.errors import InputError
from pipeline.retrieval.benchmarks.benchmark import Benchmark, Contents, assemble
from pipeline.retrieval.benchmarks.records import paper_of, read_object, read_parts
from pipeline.retrieval.benchmarks.scidocs import query_text

ANNOTATIONS = "test-pid2anns-*.json"


def is_query_by_example(path: Path) -> bool:
    """Whether the folder has this layout."""
    return path.is_dir() and any(path.glob(ANNOTATIONS))


def read_query_by_example(path: Path, *, title_only: bool) -> Benchmark:
    """One benchmark; its domains are the facets, its query ids `<paper>_<facet>`."""
    papers = {
        str(row["paper_id"]): paper_of(row)
        for row in read_parts(path, "abstracts-*.jsonl*", "paper_id", "title", "abstract")
    }
    queries: dict[str, str] = {}
    domains: dict[str, str] = {}
    itself: dict[str, str] = {}
    judged: list[tuple[str, str, float]] = []
    pools: dict[str, list[str]] = {}
    for file in sorted(path.glob(ANNOTATIONS)):
        facet = file.stem.split("-")[-1]
        for paper, found in read_object(file).items():
            query = f"{paper}_{facet}"
            pools[query], gains = _pool(file, paper, found)
            judged += [(query, d, g) for d, g in zip(pools[query], gains, strict=True)]
            domains[query], itself[query] = facet, paper
            if paper in papers:
                queries[query] = query_text(papers[paper], title_only)
    contents = Contents(queries, papers, judged, domains, pools, itself)
    return assemble(path.name, contents)


def _pool(file: Path, paper: str, found: object) -> tuple[list[str], list[float]]:
    """Candidates and their gains."""
    pool = found if isinstance(found, dict) else {}
    documents, gains = pool.get("cands"), pool.get("relevance_adju")
    if not (
        isinstance(documents, list) and isinstance(gains, list) and len(documents) == len(gains)
    ):
        raise InputError(
            f"{file}, query {paper}: expected as many `cands` as `relevance_adju`, received "
            "others; fetch it again"
        )
    return [str(d) for d in documents], [float(g) for g in gains]
