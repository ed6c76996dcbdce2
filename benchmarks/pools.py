"""Pools and scores: time, memory, and the two ways to do without them.

    python -m benchmarks.pools [lake folder, or vectors.npy]

Without an argument the vectors are random clusters. Compared with the bare float32 product over
the same blocks (the floor: no neighbour search without an index is faster) and with one LanceDB
query per paper, date-prefiltered, on a sample. Exits with 1 if a target is missed.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import polars as pl
import pyarrow as pa
from lancedb.index import BTree
from numpy.typing import NDArray

from benchmarks.machine import machine_line
from pipeline.impact.pools import PoolBuilder, PoolRule
from pipeline.impact.tncsi import score_pools
from pipeline.retrieval import quantise
from pipeline.retrieval.blocks import cut_blocks

RULE = PoolRule()
FIRST_YEAR, LAST_YEAR = 1987, 2025
LARGE = 200_000  # papers; beyond, year by year


def year_sizes(n: int) -> NDArray[np.int64]:
    """Papers per year: exponential growth that flattens, as in conference libraries."""
    weight = np.exp(np.minimum(np.arange(LAST_YEAR - FIRST_YEAR + 1) * 0.16, 34 * 0.16))
    sizes = np.floor(n * weight / weight.sum()).astype(np.int64)
    sizes[-1] += n - sizes.sum()
    return sizes


def million_sizes(n: int) -> NDArray[np.int64]:
    """A tenth of the papers in the newest year, the rest as above."""
    sizes = year_sizes(n - n // 10)
    sizes[:-1] += sizes[-1] // (sizes.size - 1)
    sizes[-1] = 0
    sizes[-1] = n - sizes.sum()
    return sizes


def clustered(n: int, d: int = 384, clusters: int = 400) -> NDArray[np.float32]:
    """Unit vectors with about the spread of sentence embeddings, in chunks to spare memory."""
    rng = np.random.default_rng(0)
    centre = rng.standard_normal((clusters, d), dtype=np.float32)
    vectors = np.empty((n, d), np.float32)
    for part in np.array_split(vectors, max(1, n // 50_000)):
        part[:] = rng.standard_normal(part.shape, dtype=np.float32)
        part += 0.7 * centre[rng.integers(0, clusters, len(part))]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def invent_papers(sizes: NDArray[np.int64], spread: bool) -> pl.DataFrame:
    """Papers of 2 July of their year, or of any day of it; a twentieth outside the pools."""
    n, rng = int(sizes.sum()), np.random.default_rng(1)
    year = np.repeat(np.arange(FIRST_YEAR, LAST_YEAR + 1), sizes)
    first = np.array([date(int(y), 1, 1).toordinal() for y in np.unique(year)]) - 719_163
    day = first[year - year.min()] + (rng.integers(0, 365, n) if spread else 182)
    return pl.DataFrame(
        {
            "paper_id": [f"p{i:07}" for i in rng.permutation(n)],
            "paper_row": np.arange(n, dtype=np.int32),
            "venue": [f"v{i}" for i in rng.integers(0, 5, n)],
            "year": year.astype(np.int32),
            "publication_date": pl.Series(day.astype(np.int32)).cast(pl.Date),
            "in_pools": rng.random(n) < 0.95,
        }
    )


def read_lake(lake: Path) -> tuple[pl.DataFrame, NDArray[np.float32]]:
    """Papers with a stored vector, and those vectors."""
    papers = pl.read_parquet(lake / "papers" / "**" / "*.parquet")
    vectors = pl.read_parquet(lake / "paper_embeddings" / "**" / "*.parquet")
    one = vectors.unique("text_hash", keep="first").select("text_hash", "vector")
    both = papers.join(one, on="text_hash", maintain_order="left")
    matrix = np.ascontiguousarray(np.stack(both["vector"].to_numpy()), dtype=np.float32)
    return both.drop("vector"), matrix


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def floor_seconds(builder: PoolBuilder, cell: NDArray[np.bool_] | None) -> float:
    """The matrix products alone, over the blocks the pools are computed in."""
    found = builder._neighbours
    rows = np.arange(builder._papers.height) if cell is None else np.flatnonzero(cell)
    plan, _ = found._plan(rows)
    blocks = list(cut_blocks(plan, 1024))
    buffer = np.empty(max(b.floats for b in blocks), np.float32)
    asked = found._vectors[rows[plan.order]]
    start = time.perf_counter()
    for b in blocks:
        out = buffer[: b.floats].reshape(b.stop - b.start, -1)
        np.matmul(asked[b.start : b.stop], found._candidates[b.low : b.high].T, out=out)
    return time.perf_counter() - start


def lancedb_seconds(
    papers: pl.DataFrame, vectors: NDArray[np.float32], pools: pl.DataFrame, sample: int
) -> tuple[float, float]:
    """Seconds for all papers, one query each, extrapolated; and overlap with our pools."""
    with tempfile.TemporaryDirectory() as folder:
        day = papers["publication_date"].to_physical()
        flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
        columns = {"paper_row": papers["paper_row"].to_arrow(), "day": day.to_arrow()}
        columns |= {"in_pools": papers["in_pools"].to_arrow(), "vector": flat}
        table = lancedb.connect(folder).create_table("papers", pa.table(columns))
        table.create_index("day", config=BTree())
        dated = np.flatnonzero((pools["pool_k"] > 0).to_numpy())
        chosen = np.random.default_rng(3).choice(dated, sample)

        def ask(i: int) -> set[int]:
            half, k = RULE.half_window_days, pools["pool_k"][i]
            where = f"day >= {day[i] - half} AND day <= {day[i] + half} AND in_pools"
            query = table.search(vectors[i]).distance_type("dot").where(where, prefilter=True)
            rows = (
                query.select(["paper_row", "_distance"])
                .limit(k + 1)
                .to_arrow()["paper_row"]
                .to_pylist()
            )
            return set([r for r in rows if r != papers["paper_row"][i]][:k])

        ask(int(chosen[0]))  # opens the files
        answers, seconds = timed(lambda: [ask(int(i)) for i in chosen])
    shared = [
        len(a & set(pools["members"][int(i)])) / len(a)
        for a, i in zip(answers, chosen, strict=True)
    ]
    return seconds / sample * dated.size, float(np.mean(shared))


def cells(papers: pl.DataFrame, most: int) -> list[tuple[NDArray[np.bool_] | None, float]]:
    """Masks to build one after the other, and how many times as many papers each stands for.

    A large library year by year, since all its pools together would be 4 GB; of each year `most`
    papers at random, or all if 0.
    """
    if papers.height <= LARGE:
        return [(None, 1.0)]
    year, rng = papers["year"].to_numpy(), np.random.default_rng(4)
    masks = []
    for y in np.unique(year):
        rows = np.flatnonzero(year == y)
        some = rng.choice(rows, min(most or rows.size, rows.size), replace=False)
        masks.append((np.isin(np.arange(year.size), some), rows.size / some.size))
    return masks


def run(papers: pl.DataFrame, vectors: NDArray[np.float32], sample: int, most: int) -> bool:
    """Print all figures; whether every target is met."""
    print(f"papers {papers.height:,}, {vectors.shape[1]} dimensions, "
          f"largest year {papers['year'].value_counts()['count'].max():,}")  # fmt: skip
    rng = np.random.default_rng(2)
    count = np.floor(rng.lognormal(2.5, 1.5, int(papers["paper_row"].max()) + 1)).astype(np.int32)
    count[rng.random(count.size) < 0.1] = -1
    nobody = np.empty(0, np.int32)

    def score(pools: pl.DataFrame) -> pl.DataFrame:
        return score_pools(pools, {"s": count}, undated=nobody, precedence=["s"], rule=RULE)

    large = papers.height > LARGE
    builder, prepare = timed(lambda: PoolBuilder(papers, vectors, rule=RULE, config_id="c"))
    build = scoring = members = 0.0
    floor = 0.0
    for cell, times in cells(papers, most):
        pools, seconds = timed(lambda cell=cell: builder.build(cell))
        build += seconds * times
        members += pools["pool_k"].sum() * times
        scoring += timed(lambda pools=pools: score(pools))[1] * times
        # The better of two where it is quick.
        floor += min(floor_seconds(builder, cell) for _ in range(1 if large else 2)) * times
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    ms = 1000 / papers.height
    print(f"prepare        {prepare:8.2f} s")
    print(f"pools          {build:8.2f} s  {build * ms:.4f} ms per paper, {members:,.0f} members")
    print(f"product alone  {floor:8.2f} s  {floor * ms:.4f} ms per paper")
    print(f"scores         {scoring:8.2f} s")
    print(f"peak memory    {peak:8.2f} GiB")
    targets = {
        "pools / product (at most 3)": ((prepare + build) / floor, 3.0),
        "scores, s (at most 5)": (scoring, 5.0 * max(1, papers.height / 72_000)),
        "scores / all (at most 0.12)": (scoring / (prepare + build + scoring), 0.12),
        "peak memory, GiB (at most 4, large 8)": (peak, 8.0 if large else 4.0),
    }
    if sample and not large:
        lance, overlap = lancedb_seconds(papers, vectors, pools, sample)
        print(f"LanceDB        {lance:8.0f} s, extrapolated from {sample} queries")
        print(f"same members   {overlap:8.4f}, of ours among those from float32 vectors")
        targets["pools / LanceDB (at most 0.05)"] = ((prepare + build) / lance, 0.05)
    for name, (value, limit) in targets.items():
        print(f"{'ok    ' if value <= limit else 'MISSED'} {name}: {value:.3f}")
    return all(value <= limit for value, limit in targets.values())


def main() -> int:
    """Parse the arguments, print the machine, run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("source", nargs="?", type=Path, help="lake folder or vectors.npy")
    parser.add_argument("--papers", type=int, default=72_000)
    parser.add_argument("--spread", action="store_true", help="any day of the year, not 2 July")
    parser.add_argument("--sample", type=int, default=60, help="LanceDB queries; 0: none")
    parser.add_argument(
        "--per-year", type=int, default=0, help="large: papers timed per year, scaled up; 0: all"
    )
    asked = parser.parse_args()
    print(machine_line("numpy", "polars", "lancedb"), f"quantisation {quantise.VERSION}", sep="; ")
    if asked.source and asked.source.is_dir():
        papers, vectors = read_lake(asked.source)
    else:
        vectors = np.load(asked.source) if asked.source else clustered(asked.papers)
        sizes = million_sizes if len(vectors) > LARGE else year_sizes
        papers = invent_papers(sizes(len(vectors)), asked.spread)
    return 0 if run(papers, vectors, asked.sample, asked.per_year) else 1


if __name__ == "__main__":
    sys.exit(main())
