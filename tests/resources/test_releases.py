"""Releases on disk: made of what belongs together, never changed, found out if tampered with."""

import errno
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipeline.errors import BusyError, NotFoundError, ReleaseError, StorageError
from pipeline.release.contents import KEPT_BACK, PUBLIC
from pipeline.settings import PROJECT, DataDir
from resources.release_check import check_release, croissant_findings
from resources.release_making import make_release
from resources.releases import (
    KEEP,
    changed_since_last,
    find_release,
    list_releases,
    prune_releases,
)
from resources.workspace import Workspace
from tests.library import deliver, papers, reopened, run_stages, tiny_workspace

TOMORROW = date(2026, 3, 2)


@pytest.fixture(autouse=True)
def _tiny_encoder_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> DataDir:
    """Two venue-years, refreshed, with one release; read only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        workspace = tiny_workspace(tmp_path_factory.mktemp("library"))
        deliver(workspace, ("cvpr", 2016), papers(range(8)), "2024-01-01")
        deliver(workspace, ("icml", 2016), papers(range(100, 108)), "2024-01-01")
        run_stages(workspace)
        make_release(workspace)
    return workspace.data


@pytest.fixture
def workspace(refreshed: DataDir, tmp_path: Path) -> Workspace:
    """The library with its release, for writing to."""
    shutil.copytree(refreshed.root, tmp_path / "data", symlinks=True)
    return reopened(DataDir(tmp_path / "data"))


def news(workspace: Workspace) -> None:
    """A paper gone, one new, counts moved."""
    deliver(workspace, ("cvpr", 2016), papers(range(1, 9), cites=4), "2024-02-01")
    run_stages(workspace)


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def hidden(data: DataDir) -> list[str]:
    return [path.name for path in data.releases.iterdir() if path.name.startswith(".")]


def test_a_release_holds_the_tables_as_they_are(workspace: Workspace) -> None:
    """Rows lost or altered on the way would be everybody's rows."""
    release = find_release(workspace.data, "latest")
    manifest = release.manifest()
    for table in PUBLIC:
        rows = workspace.lake.read_all(table)
        assert release.lake.read_all(table).equals(rows), table
        assert manifest.rows(table) == rows.height, table
    assert not {p.name for p in release.folder.iterdir()} & KEPT_BACK.keys()
    assert {s.source: (s.records, s.papers) for s in manifest.sources} == {
        "paper_copilot": (16, 16)
    }
    assert "must not be redistributed" in (release.folder / "LICENCES.md").read_text()
    assert manifest.config_id == workspace.config_id
    assert manifest.rows("tncsi_sp") == manifest.rows("papers") == 16


def test_nothing_changes_a_release(workspace: Workspace) -> None:
    """A released number that moves makes every citation of the release wrong."""
    first = find_release(workspace.data, "latest")
    before = hashes(first.folder)
    news(workspace)
    second = make_release(workspace)
    assert second.new
    assert hashes(first.folder) == before
    assert {p.stat().st_mode & 0o777 for p in second.release.folder.rglob("*.*")} >= {0o444}
    assert all(p.stat().st_mode & 0o222 == 0 for p in second.release.folder.rglob("*.parquet"))
    assert check_release(first) == check_release(second.release) == []


def test_a_release_tells_what_changed(workspace: Workspace) -> None:
    """Two releases side by side, and nobody knows why there are two."""
    news(workspace)
    made = make_release(workspace)
    assert str(made.release.name) == "2026-03-01.2"
    assert made.manifest.previous == "2026-03-01"
    assert made.words[0] == "1 paper is new and 1 is gone."
    assert made.words[1].startswith("google_scholar: 7 counts moved, by +84 citations in all;")
    told = json.loads((made.release.folder / "diff.json").read_bytes())
    assert told["words"] == made.words == made.release.words()
    assert {(v["venue"], v["papers_new"], v["papers_gone"]) for v in told["venue_years"]} >= {
        ("cvpr", 1, 1)
    }
    page = (made.release.folder / "CHANGES.md").read_text()
    assert page.startswith("# Changes in 2026-03-01.2 since 2026-03-01\n\n- 1 paper is new")


def test_links_cost_nothing(workspace: Workspace) -> None:
    """A copy of every table every night fills the disk in a month."""
    workspace.today = TOMORROW
    news(workspace)
    made = make_release(workspace)
    assert made.linked.copied == 0
    path = workspace.lake.path("papers", ("icml", 2016))
    assert path.samefile(made.release.lake.path("papers", ("icml", 2016)))


def test_on_another_disk_a_release_is_a_copy(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Releases on a disk of their own must be as good, and unchanged tables be seen at once."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    news(workspace)
    monkeypatch.setattr(os, "link", refuse)
    made = make_release(workspace)
    assert made.linked.copied == made.linked.bytes > 0
    assert check_release(made.release) == []
    assert not changed_since_last(workspace)


def test_without_news_there_is_no_other_release(workspace: Workspace) -> None:
    """A release a night that differs in nothing but its date."""
    assert not changed_since_last(workspace)
    workspace.today = TOMORROW
    again = make_release(workspace)
    assert not again.new
    assert again.words == ["Nothing changed since release 2026-03-01: no other was made."]
    # Equal bytes, other times: a library restored from a backup is no news either.
    for path in workspace.data.lake.rglob("*.parquet"):
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data)
    assert changed_since_last(workspace)
    assert not make_release(workspace).new
    assert [str(r.name) for r in list_releases(workspace.data)] == ["2026-03-01"]
    assert hidden(workspace.data) == []


def test_what_is_stale_is_not_released(workspace: Workspace) -> None:
    """Scores of yesterday's counts beside today's papers: nobody could tell."""
    deliver(workspace, ("cvpr", 2016), papers(range(3)), "2024-02-01")
    with pytest.raises(
        ReleaseError, match=r"cells are not up to date, of dump_records, .*csimpact refresh"
    ):
        make_release(workspace)
    assert [str(r.name) for r in list_releases(workspace.data)] == ["2026-03-01"]


def test_nothing_runs_while_tables_are_linked(workspace: Workspace) -> None:
    """Papers of before a run beside counts of after it."""
    news(workspace)
    for name in ("refresh", "stage-tncsi_sp", "release"):
        with workspace.lock(name), pytest.raises(BusyError, match=f"another {name} is running"):
            make_release(workspace)
    assert make_release(workspace).new


def test_an_empty_library_has_nothing_to_release(tmp_path: Path) -> None:
    """A release of nothing would be the newest, and tomorrow's would tell of everything anew."""
    empty = tiny_workspace(tmp_path)
    assert not changed_since_last(empty)
    with pytest.raises(ReleaseError, match="nothing to release yet"):
        make_release(empty)
    with pytest.raises(NotFoundError, match="csimpact release make"):
        find_release(empty.data, "latest")


def test_a_damaged_table_is_not_released(workspace: Workspace) -> None:
    """A broken file released is broken for ever."""
    news(workspace)
    path = workspace.lake.path("papers", ("cvpr", 2016))
    size = path.stat().st_size
    path.unlink()
    path.write_bytes(b"x" * size)
    with pytest.raises(ReleaseError, match=r"nothing was released: .* of papers"):
        make_release(workspace)
    assert hidden(workspace.data) == []


def tamper(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def test_tampering_is_found_and_named(workspace: Workspace) -> None:
    """A release that changed unseen is worth no more than the lake."""
    release = find_release(workspace.data, "latest")
    scores = release.lake.path("tncsi_sp", ("cvpr", 2016))
    better = release.lake.read("tncsi_sp", ("cvpr", 2016)).with_columns(tncsi_sp=pl.lit(1.0))
    scores.unlink()
    better.write_parquet(scores)
    flipped = bytearray((release.folder / "LICENCES.md").read_bytes())
    flipped[5] ^= 1
    tamper(release.folder / "LICENCES.md", bytes(flipped))
    release.lake.path("papers", ("icml", 2016)).unlink()
    (release.folder / "notes.txt").write_text("mine")
    found = {f.path: f.problem for f in check_release(release)}
    assert found.keys() == {
        "LICENCES.md", "notes.txt", "papers/venue=icml/year=2016/part.parquet",
        "tncsi_sp/venue=cvpr/year=2016/part.parquet",
    }  # fmt: skip
    assert found["LICENCES.md"].startswith("modified: sha256")
    assert found["notes.txt"] == "not of this release"
    assert found["papers/venue=icml/year=2016/part.parquet"] == "missing"


def test_a_manifest_that_lies_is_found(workspace: Workspace) -> None:
    """Who alters rows may alter the list of rows as well."""
    release = find_release(workspace.data, "latest")
    told = json.loads((release.folder / "manifest.json").read_bytes())
    told["tables"]["papers"]["rows"] += 1
    tamper(release.folder / "manifest.json", json.dumps(told).encode())
    assert [f.path for f in check_release(release)] == ["manifest.json"]
    tamper(release.folder / "manifest.json", b"{")
    with pytest.raises(ReleaseError, match=r"manifest\.json cannot be read"):
        check_release(release)


# Without tests.library, whose imports take ten times as long as the release.
KILLED = """
import os, signal, sys
from datetime import date
from pathlib import Path
from unittest import mock
import resources.release_making as making
from pipeline.impact.pools import PoolRule
from pipeline.settings import DataDir
from resources.workspace import Workspace

die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
rule = PoolRule(k_min=3, k_max=20, share=0.5, n_min=2)
with mock.patch.object(making, sys.argv[2], die):
    making.make_release(Workspace(DataDir(Path(sys.argv[1])), today=date(2026, 3, 1), rule=rule))
"""


@pytest.mark.parametrize("moment", ["file_entries", "make_read_only"])
def test_a_killed_release_leaves_nothing_that_looks_like_one(
    workspace: Workspace, moment: str
) -> None:
    """Half a release under its name would be verified, compared with, and cited."""
    news(workspace)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(workspace.data.root), moment], cwd=PROJECT, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert hidden(workspace.data) == [".2026-03-01.2.tmp"]
    assert [str(r.name) for r in list_releases(workspace.data)] == ["2026-03-01"]
    workspace.today = TOMORROW
    made = make_release(workspace)
    assert str(made.release.name) == "2026-03-02"
    assert hidden(workspace.data) == []
    assert check_release(made.release) == []


def test_a_full_disk_is_one_line(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A traceback, and half a release left behind."""
    news(workspace)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("resources.release_making.write_page", full)
        with pytest.raises(StorageError, match="No space left on device"):
            make_release(workspace)
    assert hidden(workspace.data) == []
    assert make_release(workspace).new


def test_old_releases_go_and_named_ones_stay(workspace: Workspace) -> None:
    """What a paper cites must be there; what nobody asked for may go, only after the new one."""
    newest = find_release(workspace.data, "latest").folder
    for day in ("2025-11-03", "2025-11-04", "2025-11-05", "2025-11-30"):
        shutil.copytree(newest, workspace.data.releases / day)
    (workspace.data.releases / KEEP).write_text("2025-11-04\n")
    gone = ["2025-11-03", "2025-11-05"]
    assert [str(r.name) for r in prune_releases(workspace, dry_run=True)] == gone
    assert len(list_releases(workspace.data)) == 5
    news(workspace)
    assert make_release(workspace).pruned == tuple(gone)
    assert [str(r.name) for r in list_releases(workspace.data)] == [
        "2025-11-04", "2025-11-30", "2026-03-01", "2026-03-01.2",
    ]  # fmt: skip
    assert hidden(workspace.data) == []


@pytest.fixture(scope="module")
def snippets() -> dict[str, str]:
    """The first line's word -> each snippet of docs/releases.md in a language."""
    page = (PROJECT / "docs" / "releases.md").read_text()
    found = re.findall(r"```(sql|python)\n(.*?)```", page, re.DOTALL)
    return {f"{kind}{i}": text for i, (kind, text) in enumerate(found)}


def test_the_documented_ways_to_read_a_release_work(
    workspace: Workspace, snippets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of examples that nobody ran."""
    monkeypatch.setenv("CSIMPACT_DATA", str(workspace.data.root))
    release = find_release(workspace.data, "latest")
    assert list(snippets) == ["sql0", "python1", "python2", "python3"]
    ran = {}
    for name, text in snippets.items():
        text = text.replace("RELEASE", str(release.folder))
        if name.startswith("sql"):
            best = duckdb.sql(text).fetchall()
        else:
            exec(text, ran)
    lake = workspace.lake
    scores = lake.read_all("tncsi_sp").filter(status="ok")
    expected = (
        scores.join(lake.read_all("papers"), on="paper_id")
        .sort("excess_ratio", "paper_id", descending=[True, False])
        .head(10)
    )
    assert [title for title, _ in best] == expected["title"].to_list()
    assert ran["scores"].sort("paper_id").equals(lake.read_all("tncsi_sp").sort("paper_id"))
    assert ran["papers"].equals(lake.read_all("papers"))
    coverage = lake.read_all("venue_coverage")
    assert sorted(r["venue_coverage/n_papers"] for r in ran["records"]) == sorted(
        coverage["n_papers"]
    )


def test_croissant_is_valid_and_loads(workspace: Workspace) -> None:
    """Metadata that only its maker can read; nulls, dates, lists and numbers must come through."""
    import mlcroissant

    release = find_release(workspace.data, "latest")
    assert croissant_findings(release) == []
    dataset = mlcroissant.Dataset(jsonld=release.folder / "croissant.json")
    assert not dataset.metadata.issues.warnings
    for table in ("papers", "tncsi_sp", "topic_pools", "redirects"):
        rows = release.lake.read_all(table)
        records = list(dataset.records(table))
        assert len(records) == rows.height
        for record in records[:1]:
            assert set(record) == {f"{table}/{column}" for column in rows.columns}
    found = {r["papers/paper_id"].decode(): r for r in dataset.records("papers")}
    for row in release.lake.read_all("papers").iter_rows(named=True):
        record = found[row["paper_id"]]
        assert record["papers/title"].decode() == row["title"]
        assert record["papers/year"] == row["year"]
        assert record["papers/publication_date"].date() == row["publication_date"]
        assert [k.decode() for k in record["papers/sources"]] == row["sources"]


def test_broken_croissant_is_told(workspace: Workspace) -> None:
    """`verify` that calls anything valid."""
    release = find_release(workspace.data, "latest")
    told = json.loads((release.folder / "croissant.json").read_bytes())
    told["recordSet"][0]["field"][0]["source"]["fileSet"]["@id"] = "nowhere"
    tamper(release.folder / "croissant.json", json.dumps(told).encode())
    assert croissant_findings(release)
