"""`dataset_release` as Dagster shows it."""

from pathlib import Path

import dagster as dg
import pytest

from assets.materialise import DATA_VERSION
from assets.release import RELEASE, UPSTREAM
from assets.wholes import as_whole_asset
from pipeline.tables import TABLES
from tests.library import deliver, papers, reopened, run_stages, tiny_workspace


def test_a_release_is_materialised_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the UI a release must say what it holds, where it lies and what changed."""
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    workspace = tiny_workspace(tmp_path)
    manifest = workspace.data.releases / "2026-03-01" / "manifest.json"
    asset = as_whole_asset(RELEASE)
    deliver(workspace, ("cvpr", 2016), papers(range(4)))
    other = reopened(workspace.data)
    stale = dg.materialize([asset], resources={"workspace": other}, raise_on_error=False)
    assert not stale.success
    run_stages(workspace)
    result = dg.materialize([asset], resources={"workspace": workspace})
    made = result.asset_materializations_for_node("dataset_release")[0]
    told = {name: value.value for name, value in made.metadata.items()}
    assert told["words"] == "- The first release: 4 papers."
    assert told["path"].endswith("releases/2026-03-01")
    assert told["dagster/row_count"] == 4
    assert (
        told["bytes"] == told["bytes_linked"] + told["bytes_new_on_disk"] - manifest.stat().st_size
    )
    assert "| papers | 4 | 1 |" in told["tables"]
    again = dg.materialize([asset], resources={"workspace": workspace})
    same = again.asset_materializations_for_node("dataset_release")[0]
    assert (same.tags or {})[DATA_VERSION] == (made.tags or {})[DATA_VERSION]
    assert same.metadata["new"].value is False
    assert set(UPSTREAM) <= {table.asset for table in TABLES.values()}
