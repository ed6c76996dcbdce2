"""A process that labels is killed again and again; what it leaves is what one run would have made.

The teacher writes down every pair that it is asked for: a pair scored twice shows, whichever
process asked.
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import pytest

from assets import labels
from pipeline.labels import scoring
from pipeline.models.reranker import PairGroup, Scores
from pipeline.settings import PROJECT, DataDir
from pipeline.tables import PAIR_LABELS
from resources.lake import Lake
from resources.workspace import Workspace
from tests.library import TODAY
from tests.planted import CELLS, RULE, NoisyTeacher, planted_rows, planted_workspace

CHUNK = 60  # pairs: what a kill may lose is one chunk, rounded up to whole queries
PAIRS, LABELS = labels.STAGES


class WritingTeacher(NoisyTeacher):
    """Writes down what it is asked for, takes its time, then answers."""

    def __init__(self, asked: Path, seconds: float) -> None:
        super().__init__()
        self._asked, self._seconds = asked, seconds

    def score_groups(self, groups: Iterable[PairGroup]) -> Iterator[Scores]:
        for group in groups:
            with self._asked.open("a") as file:
                file.write("".join(f"{_key(group.query, d)}\n" for d in group.documents))
            time.sleep(self._seconds)
            yield from super().score_groups([group])


def _key(query: str, document: str) -> str:
    return " ".join(hashlib.sha256(text.encode()).hexdigest()[:32] for text in (query, document))


def run_labelling(folder: Path, seconds: float) -> Lake:
    """What the killed process does: the stage, as a training would run it."""
    workspace = Workspace(DataDir(folder / "data"), today=TODAY)
    workspace.teacher = WritingTeacher(folder / "asked", seconds)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        patch.setattr(labels, "score_pairs", partial(scoring.score_pairs, chunk_pairs=CHUNK))
        list(LABELS.run(workspace, CELLS))
    return workspace.lake


CHILD = """
import sys
from pathlib import Path
from tests.assets.test_killed_labelling import run_labelling

run_labelling(Path(sys.argv[1]), float(sys.argv[2]))
"""


def _asked(folder: Path) -> Counter[str]:
    path = folder / "asked"
    return Counter(path.read_text().splitlines() if path.exists() else [])


def _held(lake: Lake) -> set[str]:
    rows = lake.read_all("pair_labels")
    return set((rows["query_hash"] + " " + rows["document_hash"]).to_list())


def _label_and_kill(folder: Path, rng: random.Random, most: int) -> None:
    """Start the process, and kill it at a random moment after it began to score."""
    run = [sys.executable, "-c", CHILD, str(folder), "0.02"]
    before = _asked(folder).total()
    child = subprocess.Popen(run, cwd=PROJECT, env=os.environ | {"PYTHONPATH": str(PROJECT)})
    goal, deadline = before + rng.randrange(1, most), time.monotonic() + 60
    while _asked(folder).total() < goal and time.monotonic() < deadline:
        if child.poll() is not None:
            break
        time.sleep(0.002)
    time.sleep(rng.random() * 0.05)  # between two groups as well as within one
    child.send_signal(signal.SIGKILL)
    child.wait()


def _check(folder: Path, queries: int, kills: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        rule = RULE.model_copy(update={"queries": queries})
        workspace = planted_workspace(folder, planted_rows(max(60, queries)), rule)
        list(PAIRS.run(workspace, CELLS))
    lake, rng = workspace.lake, random.Random(0)
    pairs = lake.read_all("title_pairs").height
    kept: list[tuple[set[str], Counter[str]]] = []
    for _ in range(kills):
        _label_and_kill(folder, rng, most=pairs // kills)
        kept.append((_held(lake), _asked(folder)))
    assert kept[-1][0], "killed before anything was written: the test tests nothing"
    assert len(kept[-1][0]) < pairs, "nothing was left to do after the last kill"
    run_labelling(folder, 0)
    resumed, asked = lake.read_all("pair_labels"), _asked(folder)
    for held, then in kept:
        assert all(asked[pair] == then[pair] for pair in held)  # what was written is not asked
    largest = lake.read_all("title_pairs").group_by("query_id").len()["len"].max()
    assert asked.total() - len(asked) <= kills * (CHUNK + int(str(largest)))
    assert len(asked) == resumed.height == pairs
    for cell in CELLS:
        lake.path("pair_labels", cell).unlink()
    run_labelling(folder, 0)
    key = list(PAIR_LABELS.key)
    assert resumed.sort(key).equals(lake.read_all("pair_labels").sort(key))


def test_labels_of_a_killed_process_are_those_of_one_that_was_left_alone(tmp_path: Path) -> None:
    """Hours of a GPU lost to one SIGKILL, pairs paid for twice, or half a chunk that counts."""
    _check(tmp_path, queries=30, kills=2)


@pytest.mark.slow
def test_many_kills_at_random_moments(tmp_path: Path) -> None:
    """A window of a few milliseconds, between two files, that two kills do not meet."""
    _check(tmp_path, queries=200, kills=12)
