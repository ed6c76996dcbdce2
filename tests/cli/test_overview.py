"""`csimpact overview` and `csimpact validate` on a small library, as somebody types them."""

import csv
import io

import pytest

from pipeline.cli import main
from pipeline.impact.validation import calibration, interval_study
from pipeline.settings import DataDir
from pipeline.tables import IMPACT_VALIDATION


def test_an_overview_is_made_once(own: DataDir, capsys: pytest.CaptureFixture[str]) -> None:
    """A page nobody can find, or one that is made again for nothing."""
    assert main.run(["overview"]) == 0
    said = capsys.readouterr().out
    for asset in ("citation_profiles", "topics", "impact_aggregates", "impact_report"):
        assert f"{asset}: made" in said
    assert str(own.impact_report) in said
    assert own.impact_report.read_text().startswith("<!doctype html>")
    before = own.impact_report.stat().st_mtime_ns
    assert main.run(["overview"]) == 0
    assert "Nothing moved since the last overview." in capsys.readouterr().out
    assert own.impact_report.stat().st_mtime_ns == before
    assert main.run(["overview", "--refit-topics"]) == 0
    assert "topics: made" in capsys.readouterr().out


@pytest.mark.usefixtures("small_simulations")
def test_a_validation_is_told_whole_and_in_short(
    own: DataDir, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six hundred rows in a terminal, or a table for programs that lacks most of them."""
    # What is simulated needs no library, and has tests of its own.
    monkeypatch.setattr(interval_study, "POOL_SIZES", (30,))
    monkeypatch.setattr(interval_study.coverage_figures, "__kwdefaults__", {"repetitions": 20})
    monkeypatch.setattr(calibration.planted_calibration, "__kwdefaults__", {"resamples": 2})
    assert main.run(["validate", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capfdbinary.readouterr().out.decode())))
    assert list(rows[0]) == list(IMPACT_VALIDATION.columns)
    assert {row["study"] for row in rows} >= {"coverage", "calibration", "naid"}
    assert main.run(["validate", "--study", "robustness"]) == 0
    said = capfdbinary.readouterr().out.decode()
    assert "robustness" in said
    assert "pit_bin" not in said
    assert main.run(["validate", "--study", "nothing"]) == 2
    assert b"no study 'nothing'; studies held: " in capfdbinary.readouterr().err
