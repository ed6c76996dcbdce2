"""The recipes by name, and that a recipe's code path runs on tiny models."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.errors import TrainingError
from pipeline.models.bi_encoder import MeanPooledEncoder
from pipeline.models.query_tower import QueryTower
from pipeline.models.tiny import write_tiny_encoder
from pipeline.training.adapters import ADAPTERS
from pipeline.training.averaging import train_seeds
from pipeline.training.forward import EncodeQueries, encode_adapted
from pipeline.training.losses.registry import LOSSES
from pipeline.training.presets import PRESETS, find_preset, start_config
from pipeline.training.starts import choose_start
from pipeline.training.targets import QuerySource

TITLES = [
    f"{a} {b} for {c}"
    for a in ("graph", "image")
    for b in ("networks", "retrieval", "models")
    for c in ("robots", "speech", "proofs", "molecules", "maps", "search")
]


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_name_what_exists(name: str) -> None:
    """A misspelt adapter or loss would be found only after the labels were paid for."""
    preset = find_preset(name)
    assert preset.adapter in ADAPTERS
    assert preset.loss in LOSSES
    assert "" in preset.instructions  # the plain query is always a competitor


def test_an_unknown_preset_lists_the_known() -> None:
    """The one line must say what to type instead."""
    with pytest.raises(TrainingError, match=r"minilm, qwen3-bpr.*received \'bpr\'"):
        find_preset("bpr")


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_recipe_runs_from_starts_to_result(name: str, tmp_path: Path) -> None:
    """Parts that fit one by one may still not fit together."""
    write_tiny_encoder(tmp_path, seed=0)
    encoder = MeanPooledEncoder.load(tmp_path, "tiny", dtype=torch.float32)
    tower, preset = QueryTower(encoder), find_preset(name)
    documents = encoder.encode_documents([f"{t}\nWe study {t[::-1]}." for t in TITLES])
    scores = documents @ documents.T
    rows = np.arange(len(TITLES), dtype=np.int32)
    source = QuerySource(
        name="title",
        weight=1.0,
        loss=preset.loss,
        texts=TITLES,
        papers=rows,
        domains=["cvpr"] * len(TITLES),
        candidates=np.tile(rows, (len(TITLES), 1)),
        scores=preset.teacher_scale * scores,
        teacher_vectors=documents,
        scale=preset.teacher_scale,
    )

    def validate(encode: EncodeQueries) -> float:
        return float((encode(TITLES) * documents).sum(1).mean())

    starts = {
        text: ADAPTERS[preset.adapter](
            tower, start_config(preset, text), rng=np.random.default_rng(0)
        )
        for text in preset.instructions
    }
    for text, adapter in starts.items():  # step 0 is the instruction itself
        expected = encoder.encode_queries([f"{text} {title}".strip() for title in TITLES])
        np.testing.assert_allclose(encode_adapted(tower, adapter, TITLES), expected, atol=2e-6)
    start = choose_start(tower, starts, validate=validate)
    quick = {"epochs": 2, "batch": 12, "seeds": (0, 1)}
    config = preset.training.model_copy(update=quick)
    result = train_seeds(tower, start.adapter, documents, [source], config, validate=validate)
    assert result.start_dev == pytest.approx(start.dev, abs=1e-6)
    assert result.dev >= result.start_dev
    assert all(run.failure is None for run in result.runs)
    assert all(run.history["loss"].drop_nulls().is_finite().all() for run in result.runs)
