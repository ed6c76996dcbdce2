"""Whoever is killed in a merge is finished by the next one, and memory has a bound."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from shutil import copytree

import pytest

from pipeline.settings import PROJECT
from resources.source_files import SourceFile
from resources.source_store import SourceStore
from tests.telling import (
    A,
    B,
    C,
    Desk,
    assert_same_store,
    edge,
    edges_in_force,
    open_store,
    record,
    said,
    told_file,
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(open_store(tmp_path / "sources"), tmp_path / "files")


# ── crashes ───────────────────────────────────────────────────────────────────────────
CHILD = """
import os, signal, sys
from pathlib import Path
from tests.telling import again, open_store

left, replace = int(os.environ["KILL_AT"]), Path.replace

def dying(self, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)

store = open_store(Path(sys.argv[1]))
Path.replace = dying
store.deliver(again(Path(sys.argv[2])), "news.jsonl", "", accept_shrink=True)
"""


class Killed(BaseException):
    """As sudden as SIGKILL, as far as files are concerned."""


@pytest.fixture
def eventful(desk: Desk) -> SourceFile:
    """A file to merge into `desk`'s store after which everything is different."""
    places = {"p": A, "q": A, "r": B, "s": C, "t": C}
    desk.tell(*(record(i, cell, abstract=i) for i, cell in places.items()), day=1)
    links = [edge(i, "x", edge_id=f"{n}") for n, i in enumerate("pqrst")]
    desk.tell(*links, day=1, by_id=True, kind="edges")
    return desk.file(
        record("p", B), record("q", A, title="other"), record("new", C), {"bad": "no title"},
        {"op": "merge", "source_id": "s", "merged_into": "q"},
        edge("q", "y"), edge("r", "x", "delete"),
        {"op": "delete", "edge_id": "1", "citing_id": None, "cited_id": None},
        day=2, whole_source=True, untold=["abstract"],
    )  # fmt: skip


def uninterrupted(desk: Desk, file: SourceFile, folder: Path) -> SourceStore:
    copytree(desk.store.root, folder)
    store = open_store(folder)
    store.deliver(file, "news.jsonl", "", accept_shrink=True)
    assert said(store, "title", "abstract") == {
        "p": (B, "p", "p"), "q": (A, "other", "q"), "new": (C, "new", None)
    }  # fmt: skip
    assert set(edges_in_force(store)) == {("p", "x"), ("q", "y")}
    return store


def test_a_merge_killed_anywhere_is_finished(
    desk: Desk, eventful: SourceFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a merge lost deletions, citations and its accounts, for good."""
    whole = uninterrupted(desk, eventful, tmp_path / "whole")
    replace, n_before = Path.replace, len(desk.store.deliveries)
    for kill_at in range(100):
        root, left = tmp_path / f"killed {kill_at}", [kill_at]
        copytree(desk.store.root, root)

        def dying(self: Path, target: Path, left: list[int] = left) -> Path:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return replace(self, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", dying)
            try:
                open_store(root).deliver(eventful, "news.jsonl", "", accept_shrink=True)
                break
            except Killed:
                pass
        store = open_store(root)
        if store.finish() is None and len(store.deliveries) == n_before:
            store.deliver(eventful, "news.jsonl", "", accept_shrink=True)  # it never was sealed
        assert store.finish() is None
        assert_same_store(store, whole)
    assert kill_at > 20  # every file that is written was a place to die at


@pytest.mark.parametrize("kill_at", [2, 12, 24])
def test_a_process_killed_in_a_merge(
    desk: Desk, eventful: SourceFile, tmp_path: Path, kill_at: int
) -> None:
    """The same with a real process and a real SIGKILL."""
    whole = uninterrupted(desk, eventful, tmp_path / "whole")
    died = subprocess.run(
        [sys.executable, "-c", CHILD, str(desk.store.root), str(eventful.path)],
        env=os.environ | {"KILL_AT": str(kill_at)}, cwd=PROJECT, capture_output=True, check=False,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    store = open_store(desk.store.root)
    assert store.finish() is not None
    assert_same_store(store, whole)


@pytest.mark.slow
def test_processes_killed_at_random(desk: Desk, eventful: SourceFile, tmp_path: Path) -> None:
    """Between the places where files are replaced, too."""
    whole, chance = uninterrupted(desk, eventful, tmp_path / "whole"), random.Random(3)
    for i in range(25):
        root = tmp_path / f"killed {i}"
        copytree(desk.store.root, root)
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(root), str(eventful.path)],
            env=os.environ | {"KILL_AT": "1000"}, cwd=PROJECT,
        )  # fmt: skip
        while child.poll() is None and not (root / ".staging").exists():
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.1))
        child.kill()
        child.wait()
        store = open_store(root)
        if store.finish() is None and len(store.deliveries) == len(desk.store.deliveries):
            store.deliver(eventful, "news.jsonl", "", accept_shrink=True)
        assert_same_store(store, whole)


# ── size ──────────────────────────────────────────────────────────────────────────────
LARGE = """
import sys
from pathlib import Path
from tests.telling import again, open_store

store = open_store(Path(sys.argv[1]))
done = store.deliver(again(Path(sys.argv[2])), "large.jsonl.gz", "")
# Not getrusage: it counts what the parent held when it started this process.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(done.n_new, int(peak.split()[1]) // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Dumps are larger than memory; 400,000 papers must pass through one gibibyte."""
    chance, venues = random.Random(1), ["acl", "cvpr", "iclr", "icml", "kdd", "aaai", "emnlp"]
    rows = (
        record(
            f"{n}", (chance.choice(venues), chance.randint(2015, 2025)), title=f"Title {n} " * 5,
            abstract=f"Abstract of {n} with words. " * 40, authors=[f"Ada {n}", "Bob Bee"],
        )
        for n in range(400_000)
    )  # fmt: skip
    file = told_file(tmp_path / "large.jsonl.gz", rows, day=1, options={"batch": 5_000})
    told = subprocess.run(
        [sys.executable, "-c", LARGE, str(tmp_path / "sources"), str(file.path)],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    n_new, mebibytes = map(int, told.stdout.split())
    assert n_new == 400_000
    assert mebibytes < 1024
