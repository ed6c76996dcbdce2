"""A tiny encoder in two number formats; written once per session."""

from pathlib import Path

import pytest

from pipeline.models.bi_encoder import MeanPooledEncoder
from pipeline.models.tiny import write_tiny_encoder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_tiny_encoder(folder, seed=0)
    return folder


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> MeanPooledEncoder:
    import torch

    return MeanPooledEncoder.load(tiny_folder, "tiny", dtype=torch.float32)
