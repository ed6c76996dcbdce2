"""A library with labels, and a copy of it for tests that write."""

import shutil
from pathlib import Path

import pytest

from assets import labels
from pipeline.labels.labelling_rule import LabellingRule
from pipeline.settings import DataDir
from resources.workspace import open_workspace

QUERIES = 40


@pytest.fixture(scope="session")
def labelled_library(small_library: DataDir, tmp_path_factory: pytest.TempPathFactory) -> DataDir:
    """`small_library` with pairs mined and labelled; read only."""
    data = DataDir(tmp_path_factory.mktemp("labelled") / "data")
    shutil.copytree(small_library.root, data.root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        workspace = open_workspace(data)
        workspace.labelling = LabellingRule(queries=QUERIES)
        for stage in labels.STAGES:
            list(stage.run(workspace, stage.stale(workspace)))
    return data


@pytest.fixture
def labelled(labelled_library: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDir:
    """A copy of the labelled library, as the one the code under test takes for its own."""
    data = DataDir(tmp_path / "library")
    shutil.copytree(labelled_library.root, data.root)
    monkeypatch.setenv("CSIMPACT_DATA", str(data.root))
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    return data
