"""`csimpact import` and `csimpact refresh`, and the whole graph on a simulated literature."""

import json
from pathlib import Path

import pytest

from pipeline.cli.main import run
from pipeline.query import Library
from pipeline.settings import DataDir
from pipeline.simulation.lists import write_lists
from pipeline.simulation.literature import simulate_literature
from tests.library import tiny_encoder


def test_a_simulated_literature_goes_through_the_whole_graph(
    data_dir: DataDir,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Lists with planted dirt: every row accounted for as planted, every paper scored once."""
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    data_dir.models.mkdir()
    (data_dir.models / "tiny").symlink_to(tiny_encoder(), target_is_directory=True)
    literature = simulate_literature(
        n_papers=300, seed=3, venues=("acl", "cvpr"), years=(2019, 2020)
    )
    truth = write_lists(literature, tmp_path / "lists", list_date=literature.as_of, dirt=0.03)
    assert run(["import", str(tmp_path / "lists")]) == 0
    assert "4 lists registered of 2 venues" in capfd.readouterr().out
    assert run(["refresh", "--dry-run"]) == 0
    assert "not made yet" in capfd.readouterr().out
    assert run(["refresh"]) == 0
    assert "tncsi_sp" in capfd.readouterr().out
    assert run(["status", "--format", "json"]) == 0
    totals = json.loads(capfd.readouterr().out)["totals"]
    planted = dict(truth["outcome"].value_counts().iter_rows())
    assert totals["records"] == truth.height
    assert totals["papers"] == planted["paper"] == 300
    assert totals["excluded"] == planted["excluded"]
    assert totals["duplicates"] == planted["duplicate"]
    assert totals["quarantined"] == planted["quarantined"]
    assert totals["stale"] == 0
    best = Library(data_dir).top(k=1000)
    assert totals["n_scored"] == best.height == best["paper_id"].n_unique() > 250
    assert run(["refresh"]) == 0
    assert "Nothing is stale" in capfd.readouterr().out


def test_what_cannot_be_imported_or_refreshed_is_one_line(
    data_dir: DataDir, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each ends with exit code 2 and the remedy, never with a traceback."""
    (tmp_path / "empty").mkdir()
    for arguments, words in (
        (["import", str(tmp_path / "absent")], "no such file or folder"),
        (["import", str(tmp_path / "empty")], "found none"),
        (["refresh", "--force"], "--force needs --venue or --year"),
        (["refresh", "--venue", "cvpr"], "is registered: see `csimpact status`"),
        (["refresh", "--venue", "cvrp"], "nearest: cvpr"),
    ):
        assert run(arguments) == 2, arguments
        assert words in capfd.readouterr().err


def test_a_refresh_of_nothing_says_where_to_begin(
    data_dir: DataDir, capfd: pytest.CaptureFixture[str]
) -> None:
    """A newcomer's first command ran Dagster over nothing and showed an empty table."""
    assert run(["refresh"]) == 0
    assert "csimpact import" in capfd.readouterr().out
    assert not data_dir.dagster.exists()
