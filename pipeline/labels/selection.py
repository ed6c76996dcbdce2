"""From teacher scores to training lists: which scored pairs a student should learn from.

Belongs here: thresholds, masking, thinning, and a tally of what was left out and why. Not: who
scored (scoring.py) or which papers may be trained on (splits.py).

Sources. Positive and negative thresholds with the unsure pairs between them left out: RocketQA's
denoised negatives (Qu et al. 2021). Masking of likely false negatives, s > s⁺ + margin: GISTEmbed
(Solatorio 2024), Qwen3-Embedding (Zhang et al. 2025). Teachers have scales of their own, so
thresholds are quantiles of the teacher's scores, and spreads are in its standard deviations.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import LabelError
from pipeline.labels.scoring import one_teacher

_PAIR = ("query_id", "document_id")


class SelectionRule(BaseModel):
    """What is kept of a query's scored documents, and which queries are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    length: int = Field(32, ge=2, description="most documents per query, evenly over their ranks")
    rank_gap: int = Field(1, ge=1, description="distance of documents kept, teacher's ranks")
    min_spread: float = Field(
        0.25, ge=0, description="least range of a query's scores, standard deviations of all"
    )
    mask_margin: float | None = Field(
        0.1, ge=0, description="unknown documents above s⁺ + this are masked, teacher's unit"
    )
    mask_share: float | None = Field(
        None, ge=0, description="the same as a share of s⁺ − the query's lowest score"
    )


@dataclass(frozen=True)
class Thresholds:
    """Scores of one teacher: at or above `positive` relevant, at or below `negative` not."""

    teacher_id: str
    text_input: str
    positive: float
    negative: float

    def __post_init__(self) -> None:
        if not self.negative < self.positive:
            raise LabelError(
                f"expected negative < positive, received {self.negative:g} and {self.positive:g}; "
                "choose quantiles farther apart"
            )


@dataclass(frozen=True)
class TrainingLists:
    """Documents and scores of each query, best scored first; −1 and NaN where padded.

    `documents` and `scores` [query, c]; `tally`: `reason, n_pairs, n_queries` of all that was left
    out; `dropped`: `query_id, reason` of every query that was.
    """

    query_ids: list[str]
    documents: NDArray[np.int32]
    scores: NDArray[np.float32]
    tally: pl.DataFrame
    dropped: pl.DataFrame


def calibrate(labels: pl.DataFrame, *, positive: float = 0.9, negative: float = 0.5) -> Thresholds:
    """The thresholds at these quantiles (0..1) of the scores of `labels`, of one teacher."""
    teacher_id, text_input = one_teacher(labels)
    scores = labels["score"].drop_nulls().drop_nans()
    if scores.is_empty():
        raise LabelError("expected scores to calibrate on, received none; label pairs first")
    low, high = np.quantile(scores.to_numpy(), [negative, positive])
    return Thresholds(teacher_id, text_input, float(high), float(low))


def select_lists(
    labels: pl.DataFrame,
    paper_ids: pl.Series,
    *,
    rule: SelectionRule,
    thresholds: Thresholds | None = None,
) -> TrainingLists:
    """The lists to train on, queries by id.

    Args:
        labels: `query_id, document_id, teacher_id, text_input, score`, each pair once; a column
            `is_known` marks documents known to be relevant (cited, own abstract): they set s⁺ and
            are never masked. Without it nothing is masked.
        paper_ids: row i of the document matrix is paper `paper_ids[i]`.
        rule: what to keep.
        thresholds: where given, pairs between them are left out, and queries that have no document
            on both sides.

    Raises:
        LabelError: labels of two teachers or inputs, thresholds of another, a pair twice.
    """
    _check(labels, thresholds)
    row = pl.DataFrame({"document_id": paper_ids, "row": np.arange(len(paper_ids), dtype=np.int32)})
    pairs = labels.join(row, on="document_id", how="left")
    tally = _Tally(pairs)
    pairs = tally.keep("quarantined", pairs, pl.col("score").is_finite().fill_null(value=False))
    pairs = tally.keep("unknown_document", pairs, pl.col("row").is_not_null())
    least_range = rule.min_spread * _deviation(pairs["score"])
    if "is_known" in pairs.columns:
        pairs = tally.keep("false_negative", pairs, ~_masked(rule))
    if thresholds is not None:
        pairs = tally.keep("unsure", pairs, _sure(thresholds))
        pairs = tally.keep("one_sided", pairs, _both_sides(thresholds))
    pairs = tally.keep("flat", pairs, _range().over("query_id") >= least_range)
    # A range of 0 has nothing to order, whatever the rule says; one document has range 0.
    pairs = tally.keep("flat", pairs, _range().over("query_id") > 0)
    pairs = pairs.sort("query_id", -pl.col("score"), "row")
    pairs = tally.keep("thinned", pairs, _spread_out(rule))
    return _padded(pairs, tally)


class _Tally:
    """Counts what each step takes out: pairs, and queries that lose their last pair by it."""

    def __init__(self, pairs: pl.DataFrame) -> None:
        self._steps: list[pl.DataFrame] = []
        self._dropped = [pl.DataFrame(schema={"query_id": pl.String, "reason": pl.String})]

    def keep(self, reason: str, pairs: pl.DataFrame, condition: pl.Expr) -> pl.DataFrame:
        kept = pairs.filter(condition)
        gone = pairs.select("query_id").unique().join(kept, on="query_id", how="anti")
        counts = {"reason": reason, "n_pairs": pairs.height - kept.height, "n_queries": gone.height}
        self._steps.append(pl.DataFrame([counts]))
        self._dropped.append(gone.select("query_id", pl.lit(reason).alias("reason")))
        return kept

    def counts(self) -> pl.DataFrame:
        steps = pl.concat(self._steps).group_by("reason", maintain_order=True)
        return steps.agg(pl.col("n_pairs", "n_queries").sum())

    def dropped(self) -> pl.DataFrame:
        return pl.concat(self._dropped).sort("query_id")


def _deviation(scores: pl.Series) -> float:
    return float(np.std(scores.to_numpy())) if len(scores) else 0.0


def _range() -> pl.Expr:
    return pl.col("score").max() - pl.col("score").min()


def _masked(rule: SelectionRule) -> pl.Expr:
    """Documents not known to be relevant that the teacher puts clearly above one that is."""
    known = pl.col("score").filter(pl.col("is_known")).max().over("query_id")
    above = pl.col("score") - known
    span = known - pl.col("score").min().over("query_id")
    beyond = pl.lit(value=False)
    if rule.mask_margin is not None:
        beyond = beyond | (above > rule.mask_margin)
    if rule.mask_share is not None:
        beyond = beyond | (above > rule.mask_share * span)
    return (~pl.col("is_known") & beyond).fill_null(value=False)  # null: nothing known of the query


def _sure(thresholds: Thresholds) -> pl.Expr:
    score = pl.col("score")
    return (score >= thresholds.positive) | (score <= thresholds.negative)


def _both_sides(thresholds: Thresholds) -> pl.Expr:
    best, worst = (f().over("query_id") for f in (pl.col("score").max, pl.col("score").min))
    return (best >= thresholds.positive) & (worst <= thresholds.negative)


def _spread_out(rule: SelectionRule) -> pl.Expr:
    """Every `rank_gap`-th document, and of these `length` evenly spaced, first and last included.

    Expects each query's documents together, best first.
    """
    rank = pl.int_range(pl.len()).over("query_id")
    place, n = rank // rule.rank_gap, (pl.len().over("query_id") - 1) // rule.rank_gap + 1
    # Place p is taken where the even grid of `length` points over n places steps onto it.
    grid = (place * (rule.length - 1)) // (n - 1).clip(1)
    before = ((place - 1) * (rule.length - 1)) // (n - 1).clip(1)
    on_grid = (n <= rule.length) | (place == 0) | (grid > before)
    return (rank % rule.rank_gap == 0) & on_grid


def _padded(pairs: pl.DataFrame, tally: _Tally) -> TrainingLists:
    grouped = pairs.group_by("query_id", maintain_order=True).agg("row", "score")
    lengths = grouped["row"].list.len().to_numpy()
    width = int(lengths.max()) if lengths.size else 0
    documents = np.full((grouped.height, width), -1, np.int32)
    scores = np.full((grouped.height, width), np.nan, np.float32)
    filled = np.arange(width) < lengths[:, None]
    documents[filled], scores[filled] = pairs["row"].to_numpy(), pairs["score"].to_numpy()
    ids = grouped["query_id"].to_list()
    return TrainingLists(ids, documents, scores, tally.counts(), tally.dropped())


def _check(labels: pl.DataFrame, thresholds: Thresholds | None) -> None:
    teacher = one_teacher(labels) if labels.height else None
    if thresholds and teacher and teacher != (thresholds.teacher_id, thresholds.text_input):
        raise LabelError(
            f"expected thresholds of {teacher[0]} on {teacher[1]}, received those of "
            f"{thresholds.teacher_id} on {thresholds.text_input}; calibrate them anew"
        )
    if repeated := labels.height - labels.select(pl.struct(_PAIR).n_unique()).item():
        raise LabelError(
            f"expected each pair once, received {repeated} again: keep those of the present texts"
        )
