"""How well a clustering of records agrees with the truth, in pairs of records.

Belongs here: pairwise precision, recall and F1, from counts alone. Not: who is who
(resolution.py), nor where the truth comes from.

A pair of records is found if both are in one found cluster, and true if both are of one work.
Pairs are counted from cluster sizes (a cluster of n records holds n(n − 1)/2 of them) and never
listed: 200,000 records have 20,000,000,000. A null stands for a cluster of its own.
"""

from dataclasses import dataclass

import polars as pl

from pipeline.errors import InputError


@dataclass(frozen=True)
class Agreement:
    """Pairs that are both found and true, as shares of those found and of those true.

    `n_pairs`: true pairs. A share of nothing is 1: where nothing was found, nothing is wrong.
    """

    precision: float
    recall: float
    f1: float
    n_pairs: int


def pairwise_agreement(found: pl.Series, truth: pl.Series) -> Agreement:
    """Agreement of two clusterings of the same records, given as labels in the same order."""
    return _agreement(*_pair_counts(_labels(found, truth)))


def agreement_by_case(found: pl.Series, truth: pl.Series, case: pl.Series) -> dict[str, Agreement]:
    """Agreement per case, in the order of the alphabet, over pairs with a record of that case.

    Records whose case is empty or null have none, but are partners of those that do.
    """
    labels = _labels(found, truth).with_columns(case=_of_same_length(case, found))
    total = _pair_counts(labels)
    cases = labels["case"].drop_nulls().unique().sort().to_list()
    rest = {c: _pair_counts(labels.filter(pl.col("case").ne_missing(c))) for c in cases if c}
    # What is lost with the records of a case are the pairs they take part in.
    return {
        c: _agreement(*(all_ - left for all_, left in zip(total, without, strict=True)))
        for c, without in rest.items()
    }


def _labels(found: pl.Series, truth: pl.Series) -> pl.DataFrame:
    """Both clusterings as numbers of clusters; nulls get numbers that nothing else has."""
    frame = pl.DataFrame({"found": found, "truth": _of_same_length(truth, found)})
    alone = -1 - pl.int_range(pl.len(), dtype=pl.Int64)
    return frame.select(
        pl.when(pl.col(c).is_null()).then(alone).otherwise(pl.col(c).rank("dense")).alias(c)
        for c in frame.columns
    )


def _of_same_length(labels: pl.Series, found: pl.Series) -> pl.Series:
    if len(labels) != len(found):
        raise InputError(
            f"labels: expected one for each of {len(found)} records, received {len(labels)}"
        )
    return labels


def _pair_counts(labels: pl.DataFrame) -> tuple[int, int, int]:
    """Pairs both found and true, pairs found, pairs true."""
    both = _n_pairs(labels, "found", "truth")
    return both, _n_pairs(labels, "found"), _n_pairs(labels, "truth")


def _n_pairs(labels: pl.DataFrame, *by: str) -> int:
    size = pl.col("n").cast(pl.Int64)
    sizes = labels.group_by(by).agg(n=pl.len())
    return int(sizes.select((size * (size - 1) // 2).sum()).item())


def _agreement(both: int, found: int, true: int) -> Agreement:
    precision = both / found if found else 1.0
    recall = both / true if true else 1.0
    f1 = 2 * both / (found + true) if found + true else 1.0
    return Agreement(precision, recall, f1, true)
