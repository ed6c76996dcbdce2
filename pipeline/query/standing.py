"""Where a count stands among those of a pool.

Belongs here: ranks, ties and quantiles of known counts. Not: the percentile of `tncsi_sp`, with
which the score is published (pipeline/impact).
"""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Standing:
    """Where a count stands among the known counts of its pool. Ranks begin at 1, ties share one."""

    n_known: int
    least: int
    q25: float
    median: float
    q75: float
    most: int
    mean: float
    n_more: int | None
    n_equal: int | None
    n_fewer: int | None

    @property
    def rank(self) -> int | None:
        """1 + members with more citations; None where the paper's own are unknown."""
        return None if self.n_more is None else self.n_more + 1

    @classmethod
    def of(cls, cited: int | None, pool: pl.DataFrame) -> "Standing | None":
        """Of a count in a pool's `cited_by_count`, null ones left out; None if all are null."""
        counts = pool["cited_by_count"].drop_nulls().cast(pl.Int64)
        if not counts.len():
            return None
        values = counts.sort().to_list()
        n_more, n_equal, n_fewer = (
            (None, None, None)
            if cited is None
            else (int((counts > cited).sum()), int((counts == cited).sum()),
                  int((counts < cited).sum()))
        )  # fmt: skip
        q25, median, q75 = (float(counts.quantile(q, "linear") or 0) for q in (0.25, 0.5, 0.75))
        return cls(
            len(values), values[0], q25, median, q75, values[-1], sum(values) / len(values),
            n_more, n_equal, n_fewer,
        )  # fmt: skip
