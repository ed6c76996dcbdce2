"""What the automation's tests share: a tiny library, an instance that forgets, runs that wait."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from resources.workspace import Workspace
from tests.library import tiny_workspace


@pytest.fixture(autouse=True)
def _tiny_encoder_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    for name in ("CSIMPACT_AUTOMATION", "CSIMPACT_TRAINING", "CSIMPACT_WEBHOOK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty library."""
    return tiny_workspace(tmp_path)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Runs and events in memory."""
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral
