"""`csimpact search`: time cold and warm, and how many of the true nearest ten it finds.

    python -m benchmarks.search DATA_DIR [--queries 200] [--rounds 3]

Cold is the whole command in a fresh process, imports included, the median of some rounds; files
are in the system's cache after the first. Warm is `Library.search` inside Python, encoding of the
text included. Texts are titles of held papers cut to their first six words, so that none is
anybody's exact text. Recall is against a plain product over the vectors of the lake, for what
`Library` does and for the LanceDB index it falls back on beyond `MAX_IN_MEMORY` papers.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

import pipeline.query.holdings as holdings_module
from benchmarks.machine import machine_line
from pipeline.query import Library
from pipeline.query.search import encode
from pipeline.settings import DataDir
from resources.workspace import open_workspace

K = 10


def cold_seconds(data: Path, rounds: int) -> list[float]:
    """Seconds of the whole command, one fresh process per round."""
    command = [sys.executable, "-m", "pipeline.cli.main", "search", "graph neural networks"]
    environment = os.environ | {"CSIMPACT_DATA": str(data)}
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run(
            [*command, "--format", "json"], env=environment, check=True, stdout=subprocess.DEVNULL
        )
        taken.append(time.perf_counter() - started)
    return taken


def warm_ms(search: Callable[[str], pl.DataFrame], texts: list[str]) -> list[float]:
    """Milliseconds per text, after ten that do not count."""
    for text in texts[:10]:
        search(text)
    taken = []
    for text in texts:
        started = time.perf_counter()
        search(text)
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def true_nearest(library: Library, texts: list[str]) -> list[set[str]]:
    """Ids of the nearest ten of each text by a product in float64 over all stored vectors."""
    workspace = library._workspace
    stored = workspace.lake.read_all("paper_embeddings").unique("text_hash")
    papers = workspace.lake.read_all("papers", ["paper_id", "text_hash"])
    joined = papers.join(stored, on="text_hash")
    matrix = np.stack(joined["vector"].to_list()).astype(np.float64)
    # One by one, as they are asked: in bfloat16 a batch of another shape is another vector.
    queries = [encode(library._workspace, text).astype(np.float64) for text in texts]
    ids = joined["paper_id"].to_numpy()
    return [set(ids[np.argsort(-(matrix @ query))[:K]]) for query in queries]


def recall(search: Callable[[str], pl.DataFrame], texts: list[str], true: list[set[str]]) -> float:
    hits = [
        len(set(search(text)["paper_id"]) & nearest) / K
        for text, nearest in zip(texts, true, strict=True)
    ]
    return statistics.fmean(hits)


def filtered(library: Library, texts: list[str]) -> None:
    """Milliseconds of searches with filters, and of the first, which reads authors or scores."""
    query = "SELECT author_name FROM paper_authors GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    author = str(library.sql(query).item())
    venue, year = library.sql("SELECT venue, year FROM venue_years ORDER BY n_papers DESC").row(0)
    for name, filters in (
        ("venue and year", {"venue": venue, "year": year}),
        ("years", {"year": (year - 2, year + 2)}),
        ("domain", {"domain": library._workspace.venues[venue].domain}),
        ("least score", {"min_score": 0.9}),
        ("author", {"author": author}),
    ):
        started = time.perf_counter()
        library.search(texts[0], **filters)
        first = (time.perf_counter() - started) * 1000
        times = warm_ms(lambda text, f=filters: library.search(text, **f), texts)
        p95 = statistics.quantiles(times, n=20)[-1]
        print(f"{f'  by {name}':28} {statistics.median(times):8.1f} {p95:8.1f} {first:9.0f} first")


def report(name: str, times: list[float], found: float) -> None:
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"{name:28} {statistics.median(times):8.1f} {p95:8.1f} {found:10.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    data = DataDir(options.data.absolute())
    print(machine_line("torch", "polars", "lancedb"))
    cold = cold_seconds(data.root, options.rounds)
    print(f"cold: median {statistics.median(cold):.2f} s of {[round(c, 2) for c in cold]}")

    library = Library(data)
    titles = open_workspace(data).lake.read_all("papers", ["title"])["title"].to_list()
    sample = random.Random(0).sample(titles, min(options.queries, len(titles)))
    texts = [" ".join(title.split()[:6]) for title in sample]
    true = true_nearest(library, texts)
    print(f"{len(titles):,} papers, {len(texts)} texts, K = {K}")
    print(f"{'warm':28} {'median':>8} {'p95 ms':>8} {'recall@10':>10}")
    report(
        "Library (in memory)", warm_ms(library.search, texts), recall(library.search, texts, true)
    )
    filtered(library, texts)
    if library._workspace.vectors.exists():
        holdings_module.MAX_IN_MEMORY = 0
        other = Library(data)
        report("Library (LanceDB)", warm_ms(other.search, texts), recall(other.search, texts, true))


if __name__ == "__main__":
    main()
