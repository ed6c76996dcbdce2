"""The real lists through the whole chain, delivered in steps and at once; the slow suite.

Tiny random vectors stand in for MiniLM's: what is tested is that the way of delivery leaves no
trace, over real dirt, real retitled papers and real gaps.
"""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from resources.workspace import Workspace
from tests.library import assert_same_tables, run_stages, tables_of, tiny_workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

OLDER, NEWER = "2025-05-01", "2026-02-23"
VENUES_OF_OLDER = ("acl", "aistats", "cvpr")


@pytest.fixture(autouse=True)
def tiny_encoder_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both libraries encode with the tiny encoder."""
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")


def deliver(workspace: Workspace, *paths: Path) -> None:
    """Import files or folders; none may be refused."""
    _, refused = workspace.inbox().import_paths(paths)
    assert not refused, refused


def test_older_lists_then_newer_ones_equal_both_at_once(real_lists: Path, tmp_path: Path) -> None:
    """A trace of superseded lists: retitled papers minted twice, gone papers kept, lost counts."""
    lists = real_lists / "paper_copilot"
    newer = [lists / NEWER / venue for venue in VENUES_OF_OLDER]
    steps, once = (tiny_workspace(tmp_path / name) for name in ("steps", "once"))
    deliver(steps, lists / OLDER)
    run_stages(steps)
    deliver(steps, *newer)
    run_stages(steps)
    deliver(once, lists / OLDER, *newer)
    run_stages(once)
    assert_same_tables(tables_of(steps), tables_of(once))
    assert steps.lake.read("papers", ("cvpr", 2025)).height > 2000  # stands in the older one only


@pytest.mark.parametrize("venue_year", ["cvpr2016", "iclr2018", "icra2010"])
def test_a_third_withheld_then_delivered_equals_all_at_once(
    real_lists: Path, tmp_path: Path, venue_year: str
) -> None:
    """Rows or counts that arrive on the second night leaving another library than on the first."""
    venue, year = venue_year[:-4], venue_year[-4:]
    whole = sorted((real_lists / "paper_copilot" / NEWER).glob(f"*/*{year}.json.gz"))
    [mine] = [path for path in whole if path.name == f"{venue_year}.json.gz"]
    others = [path for path in whole if path != mine]
    partial = tmp_path / "first-night" / f"{venue_year}.json.gz"
    partial.parent.mkdir()
    partial.write_bytes(gzip.compress(json.dumps(withheld(mine, seed=7)).encode()))
    steps, once = (tiny_workspace(tmp_path / name) for name in ("steps", "once"))
    deliver(steps, *others, partial)
    run_stages(steps)
    made = steps.lake.read("papers", (venue, int(year))).height
    deliver(steps, mine)
    run_stages(steps)
    deliver(once, *whole)
    run_stages(once)
    assert_same_tables(tables_of(steps), tables_of(once))
    assert made < once.lake.read("papers", (venue, int(year))).height


def withheld(path: Path, *, seed: int) -> list[dict[str, Any]]:
    """The rows of a list without a third of them, and without a third of the counts."""
    rng = random.Random(seed)
    rows = [row for row in json.loads(gzip.decompress(path.read_bytes())) if rng.random() > 1 / 3]
    return [row | {"gs_citation": -1} if rng.random() < 1 / 3 else row for row in rows]
