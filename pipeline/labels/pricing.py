"""The price of labels before anybody pays it.

Belongs here: pairs, texts, tokens, floating-point operations and seconds of a labelling run, by the
kind of teacher. Not: scoring (scoring.py), or how fast a machine is (benchmarks/labelling.py).
A multiplication and an addition are two operations. Matrix products and attention are counted,
norms and activations are not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

Teacher = Literal["decoder", "cross_encoder", "late_interaction"]


@dataclass(frozen=True)
class BodyCost:
    """Operations per token, and per token and token attended to, over all layers of a body."""

    per_token: float
    per_attended: float
    width: int

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "BodyCost":
        """Of a Qwen3-shaped (`head_dim`, gated feed-forward) or BERT-shaped `config.json`."""
        hidden, heads = config["hidden_size"], config["num_attention_heads"]
        gated = config["model_type"] == "qwen3"
        head = config.get("head_dim") or hidden // heads
        key_value = config.get("num_key_value_heads", heads)
        attention = 2 * hidden * head * (heads + key_value)
        forward = (3 if gated else 2) * hidden * config["intermediate_size"]
        layers = config["num_hidden_layers"]
        return cls(2.0 * layers * (attention + forward), 4.0 * layers * heads * head, hidden)


def price_labels(
    pairs: pl.DataFrame,
    tokens: Mapping[str, int],
    body: BodyCost,
    *,
    text_input: str,
    teacher: Teacher,
    flops_per_second: float,
    fixed_tokens: tuple[int, int, int] = (0, 0, 0),
) -> pl.DataFrame:
    """One row: what scoring `pairs` takes; rows of both inputs stack.

    Columns: text_input, pairs, unique_texts, tokens (computed), tokens_unshared (every pair alone),
    tflop, seconds.

    Args:
        pairs: distinct `query_hash`, `document_hash` still to be scored.
        tokens: tokens of each hash's text, as truncated, without special tokens.
        body: of the teacher.
        text_input: for the row.
        teacher: `decoder` reads a query once per group and the start once; `cross_encoder` reads
            every pair whole; `late_interaction` reads every text once and compares all tokens.
        flops_per_second: as measured on the device to be used.
        fixed_tokens: of the start that all share, before the documents, and behind a document; for
            the other teachers special tokens of a pair, or of a text, are their sum.
    """

    def lengths(hashes: pl.Series) -> NDArray[np.float64]:
        return np.array([tokens[h] for h in hashes], dtype=np.float64)

    q, d = lengths(pairs["query_hash"]), lengths(pairs["document_hash"])
    texts = pl.concat([pairs["query_hash"], pairs["document_hash"]]).unique()
    start, before, behind = fixed_tokens
    special = sum(fixed_tokens)
    extra = 0.0
    if teacher == "decoder":
        queries = lengths(pairs["query_hash"].unique()) + before
        own, past = d + behind, q + before + start
        shared = start if pairs.height else 0
        computed = shared + queries.sum() + own.sum()
        # Causal: a token attends to all before its part, and on average to half of the part.
        attended = shared**2 / 2 + (queries * (start + queries / 2)).sum()
        attended += (own * (past + own / 2)).sum()
    elif teacher == "cross_encoder":
        whole = q + d + special
        computed, attended = whole.sum(), (whole**2).sum()
    else:
        each_text = lengths(texts) + special
        computed, attended = each_text.sum(), (each_text**2).sum()
        extra = 2.0 * body.width * float(q @ d)
    flop = float(computed * body.per_token + attended * body.per_attended + extra)
    each = 2 * special if teacher == "late_interaction" else special
    return pl.DataFrame(
        {
            "text_input": [text_input],
            "pairs": [pairs.height],
            "unique_texts": [len(texts)],
            "tokens": [int(computed)],
            "tokens_unshared": [int((q + d + each).sum())],
            "tflop": [flop / 1e12],
            "seconds": [flop / flops_per_second],
        }
    )
