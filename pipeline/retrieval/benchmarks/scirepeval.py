"""SciRepEval's search and proximity tasks: candidates of each query, with their texts.

Layout: `evaluation*.parquet`, `evaluation*.jsonl` or `meta.jsonl` with rows (doc_id, query,
candidates): `query` is a text (search) or a paper (proximity), `candidates` a list of papers
(doc_id, title, abstract, score). Where candidates have no score, it stands in
`test_qrel.jsonl` or `test*.parquet` (query_id, cand_id, score).
Singh et al. 2023, arXiv 2211.13308.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.retrieval.benchmarks.benchmark import Benchmark, Contents, assemble
from pipeline.retrieval.benchmarks.records import as_text, paper_of, read_rows
from pipeline.retrieval.benchmarks.scidocs import query_text

META = ("evaluation*.parquet", "evaluation*.jsonl", "meta.jsonl")
QRELS = ("test_qrel.jsonl", "test*.parquet")


def is_scirepeval(path: Path) -> bool:
    """Whether the folder has this layout."""
    return path.is_dir() and bool(_files(path, META))


def read_scirepeval(path: Path, *, title_only: bool) -> Benchmark:
    """The benchmark; the candidates of a query are what it ranks."""
    queries: dict[str, str] = {}
    documents: dict[str, tuple[str, str]] = {}
    itself: dict[str, str] = {}
    pools: dict[str, list[str]] = {}
    judged: list[tuple[str, str, float]] = []
    for file in _files(path, META):
        for row in read_rows(file, "query", "candidates", optional=("doc_id",)):
            query = _add_query(row, file, queries, itself, title_only)
            for candidate in row["candidates"]:
                document = _id(candidate, file)
                documents.setdefault(document, paper_of(candidate))
                pools.setdefault(query, []).append(document)
                if candidate.get("score") is not None:
                    judged.append((query, document, float(candidate["score"])))
    for file in _files(path, QRELS) if not judged else []:
        judged += [
            (str(row["query_id"]), str(row["cand_id"]), float(row["score"]))
            for row in read_rows(file, "query_id", "cand_id", "score")
        ]
    contents = Contents(queries, documents, judged, {}, pools, itself)
    return assemble(path.name, contents)


def _add_query(
    row: Mapping[str, Any],
    file: Path,
    queries: dict[str, str],
    itself: dict[str, str],
    title_only: bool,
) -> str:
    """The query's id, after adding its text, and its paper where it is one."""
    query = row["query"]
    if isinstance(query, Mapping):
        name = _id(query, file)
        queries[name] = query_text(paper_of(query), title_only)
        itself[name] = name
    else:
        name = _id(row, file)
        queries[name] = as_text(query)
    return name


def _id(row: object, file: Path) -> str:
    if not isinstance(row, Mapping) or row.get("doc_id") is None:
        raise InputError(
            f"{file}: expected a `doc_id` with every query and candidate, received one without; "
            "fetch it again"
        )
    return str(row["doc_id"])


def _files(path: Path, patterns: tuple[str, ...]) -> list[Path]:
    """Files of the first pattern that has any."""
    for pattern in patterns:
        if found := sorted(path.glob(pattern)):
            return found
    return []
