"""Prices of two small runs, counted by hand."""

import polars as pl
import pytest

from pipeline.labels.pricing import BodyCost, Teacher, price_labels

BODY = BodyCost(per_token=100.0, per_attended=1.0, width=5)
PAIRS = pl.DataFrame({"query_hash": ["a", "a", "b"], "document_hash": ["b", "c", "c"]})
TOKENS = {"a": 2, "b": 4, "c": 6}


def test_qwen3_costs_what_is_published() -> None:
    """Heads wider than hidden/heads, or ungated layers, put the price off by a third."""
    config = {
        "model_type": "qwen3", "hidden_size": 1024, "num_attention_heads": 16, "head_dim": 128,
        "num_key_value_heads": 8, "intermediate_size": 3072, "num_hidden_layers": 28,
    }  # fmt: skip
    body = BodyCost.of(config)
    assert body.per_token / 1e9 == pytest.approx(0.88, abs=0.005)
    assert body.per_attended == 4 * 28 * 16 * 128


def test_minilm_costs_twice_its_matrices() -> None:
    """Two operations per weight: 6 layers of 4·384² + 2·384·1536 weights."""
    config = {
        "model_type": "bert", "hidden_size": 384, "num_attention_heads": 12,
        "intermediate_size": 1536, "num_hidden_layers": 6,
    }  # fmt: skip
    assert BodyCost.of(config).per_token == 2 * 6 * (4 * 384**2 + 2 * 384 * 1536)


@pytest.mark.parametrize(
    ("teacher", "fixed", "tokens", "unshared", "flop"),
    [
        # Start 10; queries 2+1 and 4+1; documents 4+2, 6+2, 6+2: 10 + 8 + 22. Attended: 50;
        # 3·11.5 + 5·12.5; 6·(13+3) + 8·(13+4) + 8·(15+4).
        ("decoder", (10, 1, 2), 40, 24 + 39, 4000 + 50 + 34.5 + 62.5 + 96 + 136 + 152),
        # Pairs of 2+4+3, 2+6+3 and 4+6+3 tokens.
        ("cross_encoder", (1, 1, 1), 33, 33, 3300 + 81 + 121 + 169),
        # Texts of 4, 6 and 8; products of 2·4 + 2·6 + 4·6 cosines of width 5.
        ("late_interaction", (1, 0, 1), 18, 36, 1800 + 16 + 36 + 64 + 10 * 44),
    ],
)
def test_prices_by_hand(
    teacher: Teacher, fixed: tuple[int, int, int], tokens: int, unshared: int, flop: float
) -> None:
    """A shared prefix counted per pair makes a run look four times as dear."""
    row = price_labels(
        PAIRS, TOKENS, BODY, text_input="title", teacher=teacher, flops_per_second=1e3,
        fixed_tokens=fixed,
    ).row(0, named=True)  # fmt: skip
    assert (row["pairs"], row["unique_texts"]) == (3, 3)
    assert (row["tokens"], row["tokens_unshared"]) == (tokens, unshared)
    assert row["tflop"] * 1e12 == pytest.approx(flop)
    assert row["seconds"] == pytest.approx(flop / 1e3)


def test_nothing_costs_nothing() -> None:
    """A run with no pair left must not be quoted a price, nor fail on an empty sum."""
    row = price_labels(
        PAIRS[:0], {}, BODY, text_input="title", teacher="late_interaction", flops_per_second=1.0
    ).row(0, named=True)
    assert (row["pairs"], row["tokens"], row["seconds"]) == (0, 0, 0)
