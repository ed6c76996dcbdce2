"""Snapshots of the lake: links, copies where links cannot be, and what two of them do not share."""

import errno
import os
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import StorageError
from pipeline.tables import CITATION_COUNTS, Cell
from resources import snapshots
from resources.lake import Lake
from resources.snapshots import ChangedFile, changed_files, changes_between, take_snapshot

CVPR, ICML = ("cvpr", 2016), ("icml", 2016)
TABLE = "citation_counts"


def put(lake: Lake, cell: Cell, counts: dict[str, int]) -> None:
    rows = [(p, 1, *cell, "openalex", n, date(2026, 1, 1)) for p, n in counts.items()]
    lake.write(TABLE, cell, pl.DataFrame(rows, schema=CITATION_COUNTS.schema, orient="row"))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    put(lake, CVPR, {"a": 1, "b": 2})
    put(lake, ICML, {"c": 3})
    return lake


def test_a_snapshot_shares_its_bytes_and_keeps_them(lake: Lake, tmp_path: Path) -> None:
    """A snapshot that follows the lake is none; one that copies fills the disk every night."""
    kept = tmp_path / "kept" / "before"
    linked = take_snapshot(lake, [TABLE], kept)
    assert (linked.files, linked.copied) == (2, 0)
    assert lake.path(TABLE, CVPR).samefile(Lake(kept).path(TABLE, CVPR))
    before = lake.read_all(TABLE)
    put(lake, CVPR, {"a": 5, "d": 1})
    assert Lake(kept).read_all(TABLE).equals(before)
    changes = changes_between(kept, lake.root, TABLE)
    assert changes.added["paper_id"].to_list() == ["d"]
    assert changes.removed["paper_id"].to_list() == ["b"]
    assert changes.moved("cited_by_count").select("paper_id", "before", "after").rows() == [
        ("a", 1, 5)
    ]


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EPERM, errno.EMLINK])
def test_where_links_cannot_be_files_are_copied(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Releases on another disk, or on one without links, would never be made."""

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    linked = take_snapshot(lake, [TABLE], tmp_path / "kept")
    assert linked.copied == linked.bytes > 0
    assert Lake(tmp_path / "kept").read_all(TABLE).equals(lake.read_all(TABLE))
    monkeypatch.setattr(snapshots, "read_frame", None)  # equal bytes need no reading
    assert changed_files(tmp_path / "kept", lake.root, [TABLE]) == []


def test_only_files_that_differ_are_named(lake: Lake, tmp_path: Path) -> None:
    """Comparing what did not move costs a night without news as much as one with it."""
    kept = tmp_path / "kept"
    take_snapshot(lake, [TABLE], kept)
    put(lake, ("acl", 2020), {"z": 0})
    put(lake, ICML, {"c": 4})
    lake.path(TABLE, CVPR).unlink()
    old, new = Lake(kept), lake
    assert changed_files(kept, lake.root, [TABLE, "redirects"]) == [
        ChangedFile(TABLE, ("acl", 2020), None, new.path(TABLE, ("acl", 2020))),
        ChangedFile(TABLE, CVPR, old.path(TABLE, CVPR), None),
        ChangedFile(TABLE, ICML, old.path(TABLE, ICML), new.path(TABLE, ICML)),
    ]


def test_a_paper_that_moved_house_is_one_change(lake: Lake, tmp_path: Path) -> None:
    """A corrected venue would be told as a paper gone and another new."""
    kept = tmp_path / "kept"
    take_snapshot(lake, [TABLE], kept)
    put(lake, CVPR, {"a": 1})
    put(lake, ICML, {"b": 2, "c": 3})
    changes = changes_between(kept, lake.root, TABLE)
    assert (changes.added.height, changes.removed.height) == (0, 0)
    assert changes.columns() == {"venue": 1}


def test_a_later_snapshot_takes_the_place_of_the_first(lake: Lake, tmp_path: Path) -> None:
    """Last night's state left in place would tell every change again."""
    kept = tmp_path / "kept"
    take_snapshot(lake, [TABLE], kept)
    put(lake, CVPR, {"a": 9})
    lake.path(TABLE, ICML).unlink()
    take_snapshot(lake, [TABLE], kept)
    assert Lake(kept).read_all(TABLE).equals(lake.read_all(TABLE))
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_full_disk_leaves_the_old_snapshot(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a snapshot under its name would tell thousands of papers as gone."""
    kept = tmp_path / "kept"
    take_snapshot(lake, [TABLE], kept)
    before = lake.read_all(TABLE)
    put(lake, CVPR, {"a": 9})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", full)
        with pytest.raises(StorageError, match="No space left on device"):
            take_snapshot(lake, [TABLE], kept)
    assert Lake(kept).read_all(TABLE).equals(before)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_damaged_file_is_named(lake: Lake, tmp_path: Path) -> None:
    """A traceback of a Parquet reader names no file."""
    kept = tmp_path / "kept"
    take_snapshot(lake, [TABLE], kept)
    lake.path(TABLE, CVPR).unlink()
    lake.path(TABLE, CVPR).write_bytes(b"PAR1 and no more")
    with pytest.raises(StorageError, match=r"cvpr.*cannot be read"):
        changes_between(kept, lake.root, TABLE)
