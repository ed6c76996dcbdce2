"""A real list delivered over two nights: the second report lists what was withheld, and only that.

Tiny random vectors stand in for MiniLM's.
"""

import gzip
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from assets.night_report import night_report
from assets.wholes import TrainConfig
from resources.reports import Reports
from tests.library import deliver, run_stages, tiny_workspace

CVPR = ("cvpr", 2016)


def test_what_was_withheld_is_what_is_told(
    real_lists: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over real titles and gaps: a row too few, or one that never moved, in the report."""
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    path = real_lists / "paper_copilot" / "2026-02-23" / "cvpr" / "cvpr2016.json.gz"
    rows, rng = json.loads(gzip.decompress(path.read_bytes()))[:150], random.Random(3)
    withheld = set(rng.sample(range(len(rows)), 9))
    stayed = [i for i in range(len(rows)) if i not in withheld]
    known = [i for i in stayed if rows[i]["gs_citation"] > 0]
    moved, unknown = set(known[:20:2]), set(known[1:21:2])
    first = [
        rows[i] | ({"gs_citation": rows[i]["gs_citation"] - 1} if i in moved else {})
        | ({"gs_citation": -1} if i in unknown else {})
        for i in stayed
    ]  # fmt: skip
    workspace = tiny_workspace(tmp_path)
    for day, delivered in (("2026-02-01", first), ("2026-02-23", rows)):
        deliver(workspace, CVPR, delivered, day)
        run_stages(workspace)
        assert night_report(workspace, TrainConfig()).made
    sections = Reports(workspace.data.reports).last().document()["sections"]
    papers, counts = sections["papers"], sections["counts"]
    told = Counter(row["title"] for row in papers["tables"]["new"]["rows"])
    assert told == Counter(" ".join(rows[i]["title"].split()) for i in withheld)
    assert papers["numbers"] | {"changed": 0} == {
        "new": 9, "gone": 0, "retitled": 0, "re_dated": 0, "moved_home": 0, "changed": 0,
    }  # fmt: skip
    assert [row["change"] for row in counts["tables"]["moved"]["rows"]] == [1] * 10
    counted = sum(rows[i]["gs_citation"] >= 0 for i in withheld)
    assert counts["numbers"] == {"moved": 10, "change": 10, "known": 10 + counted, "lost": 0}
    titles = {row["title"] for row in counts["tables"]["moved"]["rows"]}
    assert titles == {" ".join(rows[i]["title"].split()) for i in moved}
