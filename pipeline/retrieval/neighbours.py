"""Exact nearest neighbours among the papers of a date window.

Belongs here: which papers are the K nearest within ±half_window_days, for any subset of papers,
the same however the work is cut (blocks.py), and who stands next to that edge on either side. Not:
what the pools are used for (pipeline/impact), storage.

Method. Candidates lie sorted by day, so that a window is a contiguous slice. A block of queries
takes one matrix product against the union of its windows; products of quantised vectors are exact
integers (pipeline/retrieval/quantise.py). Queries of one day share one window, so each such run
selects inside its own slice of the product: nothing is masked, and no neighbour is lost to a
wider filter. Product and `tie_rank` make one integer per candidate, so that the K best are selected
among whole numbers without ties (pipeline/retrieval/selection.py).
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.retrieval.blocks import Block, Plan, cut_blocks, cut_runs
from pipeline.retrieval.quantise import quantise
from pipeline.retrieval.selection import EXCLUDED, best_keys, products_of, ranks_of
from pipeline.retrieval.windows import (
    NO_DAY,
    REACH,
    Frontier,
    Pools,
    Reach,
    WindowRule,
    offsets_of,
)


class WindowNeighbours:
    """Papers prepared for neighbour search; ask `pools` as often as needed.

    Holds `vectors` by reference and one quantised copy of the candidates, sorted by day.
    """

    def __init__(
        self,
        vectors: NDArray[np.float32],
        *,
        day: NDArray[np.int32],
        member_id: NDArray[np.int32],
        tie_rank: NDArray[np.int32],
        candidate: NDArray[np.bool_],
        rule: WindowRule,
        reach: Reach = REACH,
        windows: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
        itself: bool = False,
    ) -> None:
        """Prepare n papers, one per row of `vectors` (n, d), of length 1.

        Args:
            vectors: unit vectors, float32.
            day: days since any epoch, or NO_DAY.
            member_id: what `Pools.members` reports; unique.
            tie_rank: which of two equally similar papers comes first (the lower); unique.
            candidate: whether the paper may be a member; others still get a pool when asked for.
            rule: window and number of members.
            reach: how much of the surroundings of each pool's edge is reported.
            windows: first and last day (n) of the window of each paper, where it is not ±
                `rule.half_window_days`; of two papers asked for together, the one whose window
                begins later may not end earlier.
            itself: whether a candidate is in its own pool.

        Raises:
            InputError: arrays disagree in length, ids repeat, or vectors are not unit vectors.
        """
        n = len(vectors)
        arrays = {"day": day, "member_id": member_id, "tie_rank": tie_rank, "candidate": candidate}
        for name, array in arrays.items():
            if array.shape != (n,):
                raise InputError(f"expected {n} values of {name}, received shape {array.shape}")
        for name, array in (("member_id", member_id), ("tie_rank", tie_rank)):
            if np.unique(array).size != n:
                raise InputError(f"expected one {name} per paper, received repeated values")
        self.rule, self._reach = rule, reach
        self._vectors, self._day = vectors, day.astype(np.int64)
        half = rule.half_window_days
        self._first, self._last = windows or (self._day - half, self._day + half)
        self._itself = itself
        eligible = np.flatnonzero(candidate & (day != NO_DAY))
        eligible = eligible[np.lexsort((member_id[eligible], day[eligible]))]
        self._candidates = vectors[eligible]
        quantise(self._candidates, out=self._candidates)
        self._candidate_day = self._day[eligible]
        by_rank = np.argsort(tie_rank[eligible])
        self._id_of_rank = member_id[eligible][by_rank].astype(np.int32)
        self._rank = np.empty(eligible.size, np.int64)
        self._rank[by_rank] = np.arange(eligible.size)
        self._place = np.full(n, -1, np.int64)
        self._place[eligible] = np.arange(eligible.size)

    def pools(
        self,
        queries: NDArray[np.int64],
        *,
        vectors: NDArray[np.float32] | None = None,
        block: int = 1024,
        workers: int | None = None,
    ) -> Pools:
        """The pools of the papers in rows `queries`; equal for every `block` and any subset.

        `vectors` (queries, d) look for neighbours in place of the papers' own, if given. Memory
        beyond the answer stays near 256 MB: `block` rows at most, fewer in wide windows.
        """
        plan, answer = self._plan(queries)
        blocks = list(cut_blocks(plan, block))
        buffer = np.empty(max((rows.floats for rows in blocks), default=0), np.float32)
        with ThreadPoolExecutor(workers or os.cpu_count()) as threads:
            for rows in blocks:
                products = buffer[: rows.floats].reshape(rows.stop - rows.start, -1)
                places = plan.order[rows.start : rows.stop]
                look = self._vectors[queries[places]] if vectors is None else vectors[places]
                np.matmul(quantise(look), self._candidates[rows.low : rows.high].T, out=products)
                runs = [(products, rows, begin, end) for begin, end in cut_runs(plan, rows)]
                for _ in threads.map(lambda run: self._select(plan, answer, *run), runs):
                    pass  # raises what a thread raised
        return answer

    def _plan(self, queries: NDArray[np.int64]) -> tuple[Plan, Pools]:
        """Windows, sizes and an answer to be filled in: all known before any product."""
        start, stop = self._windows(queries)
        itself = np.full(len(queries), -1) if self._itself else self._place[queries]
        n_window = np.where(self._day[queries] == NO_DAY, 0, stop - start - (itself >= 0))
        k = self.rule.pool_size(n_window)
        first, last = self._reach.ranks(k, n_window)
        answer = Pools(
            n_window=n_window.astype(np.int32),
            k=k.astype(np.int32),
            threshold=np.zeros(len(queries), np.int32),
            members=np.empty(k.sum(), np.int32),
            offsets=offsets_of(k),
            frontier=Frontier(
                n_above=first.astype(np.int32),
                rows=np.empty((last - first).sum(), np.int32),
                products=np.empty((last - first).sum(), np.int32),
                offsets=offsets_of(last - first),
            ),
        )
        order = np.lexsort((itself >= 0, start, stop))
        order = order[k[order] > 0]
        return Plan(order, start[order], stop[order], itself[order]), answer

    def _windows(self, queries: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and past-the-last candidate of each query's window."""
        start = np.searchsorted(self._candidate_day, self._first[queries], side="left")
        return start, np.searchsorted(self._candidate_day, self._last[queries], side="right")

    def _select(
        self,
        plan: Plan,
        answer: Pools,
        products: NDArray[np.float32],
        rows: Block,
        begin: int,
        end: int,
    ) -> None:
        """Write the pools of queries `begin` to `end`, which share window and size."""
        low, high = plan.start[begin], plan.stop[begin]
        similar = products[begin - rows.start : end - rows.start, low - rows.low : high - rows.low]
        if plan.itself[begin] >= 0:
            similar[np.arange(end - begin), plan.itself[begin:end] - low] = EXCLUDED
        places, one = plan.order[begin:end], plan.order[begin]
        k, edge = int(answer.k[one]), answer.frontier
        first = int(edge.n_above[one])
        beside = np.arange(edge.offsets[one + 1] - edge.offsets[one])
        keys = best_keys(similar, self._rank[low:high], first, first + beside.size)
        ids = self._id_of_rank[ranks_of(keys)]
        answer.threshold[places] = products_of(keys[:, k - 1])
        around = edge.offsets[places][:, None] + beside
        edge.rows[around], edge.products[around] = ids[:, first:], products_of(keys[:, first:])
        answer.members[answer.offsets[places][:, None] + np.arange(k)] = np.sort(ids[:, :k], axis=1)
