"""What the companions add to the time of the plain scores, as a stage and as a function.

    python -m benchmarks.companions DATA_DIR [--rounds 5]

DATA_DIR is the state folder of a refreshed library; its files are linked into a temporary folder,
nothing in it is written. With and without companions by turns, so that a busy machine slows both
alike; what counts is the least of all rounds. Exits with 1 if the stage misses its target.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets import STAGES, tncsi_sp
from benchmarks.incremental import copy_of
from benchmarks.machine import machine_line
from pipeline.impact import segments, tncsi
from pipeline.impact.companions import PaperFacts
from pipeline.impact.pool_measures import Counts, Measured
from pipeline.impact.segments import UNKNOWN, flatten
from pipeline.tables import TNCSI_SP
from resources.workspace import Workspace

MOST = 1.5  # times the stage without companions
COMPANIONS = [
    name for name in TNCSI_SP.schema.names()[TNCSI_SP.schema.names().index("pool_share") + 1 :]
    if name != "pool_radius"
]  # fmt: skip
NO_FACTS = PaperFacts(np.empty(0, np.int32), np.empty(0, np.int8))


def fits(
    pools: pl.DataFrame,
    counts: Counts,
    precedence: Sequence[str],
    chosen: NDArray[np.int64],
    *_: object,
) -> Measured:
    """Number, sum and least of the known counts: all that a score needs of its pool."""
    found = Measured.nothing(pools.height)
    start = 0
    for chunk in pools["members"].get_chunks():
        here = slice(start, start := start + len(chunk))
        (position,) = np.unique(chosen[here])
        statistics = count_statistics(*flatten(chunk), counts[precedence[position]])
        found.n[here], found.total[here], found.loc[here] = statistics
    return found


def count_statistics(
    rows: NDArray[np.int32], offsets: NDArray[np.int64], counts: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int32]]:
    """How many of `counts[rows]` are known, their sum and their smallest, per list.

    All that a score needs of its pool. UNKNOWN entries are left out, the smallest of none is that.
    """
    n_lists = len(offsets) - 1
    known, total = np.zeros(n_lists, np.int32), np.zeros(n_lists, np.int64)
    smallest = np.full(n_lists, UNKNOWN, np.int32)
    for lists, gathered, starts in segments._chunks(rows, offsets, counts):
        known[lists] = np.add.reduceat((gathered >= 0).astype(np.int32), starts)
        total[lists] = np.add.reduceat(np.maximum(gathered, 0).astype(np.int64), starts)
        # As unsigned numbers, UNKNOWN is the largest of all.
        smallest[lists] = np.minimum.reduceat(gathered.view(np.uint32), starts).view(np.int32)
    return known, total, smallest


@contextmanager
def plain() -> Iterator[None]:
    """Scores with every companion null, and nothing read for them."""

    def nulls(scores: pl.DataFrame, *_: object) -> pl.DataFrame:
        return TNCSI_SP.empty().select(COMPANIONS).clear(scores.height)

    with (
        mock.patch.object(tncsi, "measure_pools", fits),
        mock.patch.object(tncsi, "companions", nulls),
        mock.patch.object(tncsi_sp, "_facts", return_value=NO_FACTS),
    ):
        yield


def stage_seconds(workspace: Workspace) -> tuple[float, float]:
    """Wall and processor seconds of the stage from nothing: read, score, write."""
    stage = next(s for s in STAGES if s.output == "tncsi_sp")
    lake = workspace.lake
    cells = [cell for cell in lake.states("papers") if cell]
    for cell in cells:
        lake.path("tncsi_sp", cell).unlink(missing_ok=True)
        lake.forget("tncsi_sp", cell)
    return timed(lambda: sum(one.rows["tncsi_sp"] for one in stage.run(workspace, cells)))


def function_seconds(workspace: Workspace) -> Callable[[], tuple[float, float]]:
    """Wall and processor seconds of `score_pools` for all pools, held in memory."""
    lake = workspace.lake
    pools, counts = lake.read_all("topic_pools"), lake.read_all("citation_counts")
    n_rows = tncsi_sp._n_rows(pools)
    dense = tncsi.reaching(tncsi.dense_counts(counts, n_rows), n_rows)
    papers = lake.read_all("papers", ["paper_row", "venue", "date_precision"])
    facts = PaperFacts.of(papers, workspace.domains).reaching(n_rows)
    return lambda: timed(
        lambda: tncsi.score_pools(
            pools,
            dense,
            undated=np.empty(0, np.int32),
            precedence=tncsi_sp.precedence_of(counts),
            rule=workspace.rule,
            facts=facts,
        )
    )


def timed(work: Callable[[], object]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def compare(name: str, rounds: int, work: Callable[[], tuple[float, float]]) -> float:
    """Print the least seconds of either, and how many times as long companions take."""
    work()  # tables of quantiles, imports, the page cache
    with_all, without = [], []
    for _ in range(rounds):
        with_all.append(work())
        with plain():
            without.append(work())
    rich, poor = np.array(with_all), np.array(without)
    ratios = rich[:, 0] / poor[:, 0]
    for i, clock in enumerate(("wall", "processor")):
        least = rich[:, i].min(), poor[:, i].min()
        print(f"{name:10}{clock:10} with {least[0]:.3f} s, without {least[1]:.3f} s, "
              f"ratio {least[0] / least[1]:.2f}")  # fmt: skip
    print(f"{name:10}ratio by round: {np.round(np.sort(ratios), 2).tolist()}")
    return float(rich[:, 0].min() / poor[:, 0].min())


def main() -> int:
    """Parse the arguments, print the machine, run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, help="state folder of a refreshed library")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print(machine_line("numpy", "scipy", "polars"))
    with tempfile.TemporaryDirectory() as folder:
        workspace = copy_of(asked.data, Path(folder))
        ratio = compare("stage", asked.rounds, lambda: stage_seconds(workspace))
        compare("function", asked.rounds, function_seconds(workspace))
    print(f"{'ok    ' if ratio <= MOST else 'MISSED'} stage (at most {MOST}): {ratio:.2f}")
    return 0 if ratio <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
