"""The road from a curriculum to one challenger, and what may decide on the way."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl
import pytest
import torch

from pipeline.errors import TrainingError
from pipeline.models.bi_encoder import MeanPooledEncoder
from pipeline.models.encoding import Vectors
from pipeline.models.query_tower import QueryTower, TowerEncoder
from pipeline.models.qwen3_encoder import Qwen3Encoder
from pipeline.models.tiny import write_tiny_encoder
from pipeline.models.tiny_qwen3 import write_tiny_qwen3
from pipeline.retrieval.evaluation import NDCG, measure_systems
from pipeline.retrieval.judgments import Judgments
from pipeline.retrieval.query_set import QuerySet
from pipeline.training.adapters import ADAPTERS
from pipeline.training.campaign import (
    Challenger,
    dev_table,
    encode_words,
    judge_challenger,
    start_config,
    train_challenger,
)
from pipeline.training.config import TrainingConfig
from pipeline.training.curriculum import Curriculum
from pipeline.training.forward import encode_adapted
from pipeline.training.recipe import AdapterKind, Recipe
from pipeline.training.source_spec import SourceSpec
from pipeline.training.targets import QuerySource
from pipeline.training.verdict import GateRule

TITLES = [
    f"{a} {b} for {c}"
    for a in ("graph", "image")
    for b in ("networks", "retrieval", "models")
    for c in ("robots", "speech", "proofs", "molecules", "maps", "search")
]
INSTRUCTIONS = ("", "find papers like", "computer science paper:")
KINDS = get_args(AdapterKind)


def _recipe(adapter: str = "soft_prompt", **changes: object) -> Recipe:
    fields = {
        "name": "test",
        "profile": "minilm",
        "adapter": adapter,
        "num_virtual_tokens": 4,
        "rank": 4,
        "bottleneck": 4,
        "sources": (SourceSpec(name="own_vector", loss="corpus_kl"),),
        "training": TrainingConfig(epochs=2, batch=12, seeds=(0, 1)),
        "gate_rule": GateRule(min_queries=10, resamples=999),
    }
    return Recipe.model_validate(fields | changes)


@pytest.fixture(scope="module", params=["bert", "qwen3"])
def encoder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> TowerEncoder:
    folder: Path = tmp_path_factory.mktemp("models") / "tiny"
    if request.param == "bert":
        write_tiny_encoder(folder, seed=0)
        return MeanPooledEncoder.load(folder, "tiny", dtype=torch.float32)
    write_tiny_qwen3(folder, seed=0)
    return Qwen3Encoder.load(folder, "tiny", dtype=torch.float32, device="cpu")


@pytest.fixture(scope="module")
def tower(encoder: TowerEncoder) -> QueryTower:
    return QueryTower(encoder)


def _finding(targets: Vectors, titles: list[str]) -> tuple[QuerySet, Vectors]:
    """Queries each answered by the document that is its target; documents are the targets."""
    answers = np.arange(len(titles), dtype=np.int32)[:, None]
    queries = QuerySet(
        name="dev",
        query_ids=[f"q{i}" for i in range(len(titles))],
        texts=titles,
        domains=["acl"] * len(titles),
        judgments=Judgments.from_padded(answers, np.ones(answers.shape)),
        itself=np.full(len(titles), -1, np.int32),
    )
    return queries, targets


def _curriculum(documents: Vectors) -> Curriculum:
    rows = np.arange(len(TITLES), dtype=np.int32)
    source = QuerySource(
        name="own_vector",
        weight=1.0,
        loss="corpus_kl",
        texts=TITLES,
        papers=rows,
        domains=["acl"] * len(TITLES),
        candidates=np.empty((len(TITLES), 0), np.int32),
        scores=np.empty((len(TITLES), 0), np.float32),
        teacher_vectors=documents,
    )
    return Curriculum((source,), documents, rows, pl.DataFrame())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_every_kind_starts_as_the_instruction(
    encoder: TowerEncoder, tower: QueryTower, kind: str, instruction: str
) -> None:
    """What starts elsewhere can start worse, and its gain is measured from the wrong line."""
    config = start_config(_recipe(kind), instruction)
    adapter = ADAPTERS[kind](tower, config, rng=np.random.default_rng(0))
    expected = encoder.encode_queries(TITLES[:6], instruction)
    np.testing.assert_allclose(encode_adapted(tower, adapter, TITLES[:6]), expected, atol=3e-6)
    np.testing.assert_allclose(encode_words(tower, instruction, TITLES[:6]), expected, atol=3e-6)


def test_a_prompt_without_words_has_the_length_of_the_recipe(tower: QueryTower) -> None:
    """The recipe's number of tokens, which only a prompt that starts as the plain query takes."""
    for kind in ("soft_prompt", "prompt_with_residual"):
        adapter = ADAPTERS[kind](
            tower, start_config(_recipe(kind), ""), rng=np.random.default_rng(0)
        )
        prompt = adapter.adaptation().prompt
        assert prompt is not None
        assert len(prompt) == 4
        assert adapter.adaptation().gate is not None


def _challenge(tower: QueryTower, dev: QuerySet, documents: Vectors) -> Challenger:
    return train_challenger(
        tower,
        _curriculum(documents),
        dev,
        documents,
        _recipe(),
        instructions=INSTRUCTIONS,
        progress=lambda _: None,
    )


def _plain(encoder: TowerEncoder, instruction: str) -> Callable[..., Vectors]:
    return partial(encoder.encode_queries, instruction=instruction)


def test_the_instruction_to_beat_is_the_best_on_dev(
    encoder: TowerEncoder, tower: QueryTower
) -> None:
    """Beating the plain query is no feat where a few words do better."""
    # Directions in which only this instruction points: other ones find other documents.
    best = INSTRUCTIONS[2]
    mean = encoder.encode_queries(TITLES, best).mean(0)
    targets = encoder.encode_queries(TITLES, best) - mean
    targets += encoder.encode_queries(TITLES, best)
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    dev, documents = _finding(targets.astype(np.float32), TITLES)
    measured = measure_systems(dev, {t: _plain(encoder, t) for t in INSTRUCTIONS}, documents)
    numbers = {text: float(values[NDCG].mean()) for text, values in measured.items()}
    challenger = _challenge(tower, dev, documents)
    assert challenger.rival == max(numbers, key=lambda text: numbers[text])
    table = dict(dev_table(challenger).rows())
    for text, value in numbers.items():
        name = f"“{text}”" if text else "plain"
        assert table[name] == pytest.approx(value, abs=1e-6)
    assert challenger.start.dev == pytest.approx(max(numbers.values()), abs=1e-6)
    assert challenger.result.dev >= challenger.start.dev - 1e-9
    assert table["challenger"] == pytest.approx(challenger.result.dev)


def test_a_challenger_that_learnt_nothing_is_its_start(tower: QueryTower) -> None:
    """A run that only got worse on dev must hand on the start, which the gate then refuses."""
    documents = tower.encoder.encode_queries(TITLES)
    dev, _ = _finding(documents, TITLES)  # the plain query is perfect: nothing can be better
    challenger = _challenge(tower, dev, documents)
    assert challenger.result.dev == 1.0
    assert (challenger.rival, challenger.result.chosen) == ("", "start")
    plain = {"challenger": tower.encoder.encode_queries, "plain": tower.encoder.encode_queries}
    verdict = judge_challenger(
        plain, dev, documents, prompt_id="x", training_ids=[], recipe=_recipe(), look=1, seed=0
    )
    assert not verdict.promoted
    assert [c.rival for c in verdict.overall] == ["plain"]
    assert verdict.overall[0].gain == 0


def test_without_development_queries_nothing_is_chosen(tower: QueryTower) -> None:
    """A mean over nothing is NaN, and the first of five instructions by name would be "best"."""
    dev, documents = _finding(tower.encoder.encode_queries([]), [])
    with pytest.raises(TrainingError, match="expected labelled development queries"):
        _challenge(tower, dev, documents)
