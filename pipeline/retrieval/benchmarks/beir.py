"""BEIR folders, and the same as Parquet on the Hugging Face hub (RuSciBench's retrieval tasks).

Layout: `corpus.jsonl` (_id, title, text), `queries.jsonl` (_id, text), `qrels/test.tsv` (query-id,
corpus-id, score, with a header). As Parquet, per configuration: `corpus-<c>/*.parquet`,
`queries-<c>/*.parquet`, `<c>/test-*.parquet`; or `corpus/`, `queries/` and `qrels/` or `data/`.
Thakur et al. 2021, arXiv 2104.08663.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.retrieval.benchmarks.benchmark import Benchmark, Contents, assemble
from pipeline.retrieval.benchmarks.records import (
    as_text,
    paper_of,
    read_parts,
    read_qrels,
    read_rows,
)

PAIR = ("query-id", "corpus-id", "score")


def is_beir(path: Path) -> bool:
    """Whether the folder has the layout of JSON lines."""
    return (path / "corpus.jsonl").is_file() and (path / "queries.jsonl").is_file()


def read_beir(path: Path) -> Benchmark:
    """The benchmark; queries of other splits are left out with their judgments."""
    return assemble(
        path.name,
        _contents(
            read_rows(path / "queries.jsonl", "_id", "text"),
            read_rows(path / "corpus.jsonl", "_id", "text"),
            read_qrels(path / "qrels" / "test.tsv"),
        ),
    )


def configurations(path: Path) -> list[tuple[str, str]]:
    """(suffix of corpus and queries, folder of judgments) of each Parquet configuration."""
    found = []
    for corpus in sorted(path.glob("corpus*")):
        suffix = corpus.name.removeprefix("corpus")
        judged = [name for name in (suffix.removeprefix("-"), "qrels", "data") if name]
        for name in judged:
            has = any((path / name).glob("test*.parquet"))
            if has and any((path / f"queries{suffix}").glob("*.parquet")):
                found.append((suffix, name))
                break
    return found


def read_beir_parquet(path: Path) -> list[Benchmark]:
    """One benchmark per configuration, named `<folder>/<configuration>` where there are several.

    In RuSciBench's translation search a configuration is a direction, `en-ru` or `ru-en`: titles
    and abstracts in one language are to find their own translation in the other.
    """
    benchmarks = []
    for suffix, judged in configurations(path):
        name = path.name + suffix.replace("-", "/", 1)
        pairs = (
            (str(row["query-id"]), str(row["corpus-id"]), float(row["score"]))
            for row in read_parts(path / judged, "test*.parquet", *PAIR)
        )
        queries = read_parts(path / f"queries{suffix}", "*.parquet", "_id", "text")
        corpus = read_parts(path / f"corpus{suffix}", "*.parquet", "_id", "title", "text")
        benchmarks.append(assemble(name, _contents(queries, corpus, pairs)))
    return benchmarks


def _contents(
    queries: Iterable[dict[str, Any]],
    corpus: Iterable[dict[str, Any]],
    judged: Iterable[tuple[str, str, float]],
) -> Contents:
    return Contents(
        queries={str(row["_id"]): as_text(row["text"]) for row in queries},
        documents={str(row["_id"]): paper_of(row, "text") for row in corpus},
        judged=list(judged),
    )
