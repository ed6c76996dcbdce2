"""The folder of reports: names, order, clocks, and files that come and go between nights."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import NotFoundError, StorageError
from pipeline.tables import VENUE_COVERAGE
from resources.lake import Lake, write_frame
from resources.reports import Reports
from resources.snapshots import changed_files

NOW = datetime(2026, 3, 1, 3, 15, 0, 999_999, tzinfo=UTC)
TABLE = "venue_coverage"


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    return Reports(tmp_path / "reports")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    put(lake, "cvpr", 1)
    put(lake, "icml", 1)
    return lake


def put(lake: Lake, venue: str, n: int) -> None:
    row: dict[str, object] = dict.fromkeys(VENUE_COVERAGE.columns, n)
    row |= {"venue": venue, "year": 2016, "source": "dblp", "expected_from": None}
    write_frame(lake.path(TABLE, (venue, 2016)), pl.DataFrame([row], VENUE_COVERAGE.schema))


def night(reports: Reports, lake: Lake, now: datetime = NOW) -> tuple[list[str], list[str]]:
    """Venues that moved, as they were and as they are; afterwards a report of them is finished."""
    files = changed_files(reports.tables, lake.root, [TABLE])
    moment = reports.next_moment(now)
    with reports.night(lake, files, moment) as moved:
        reports.write(moment, "<p>", {"words": "", "made_at": moment})
        venues = [
            [venue for venue, _ in Lake(folder).cells(TABLE)]
            for folder in (moved.before, moved.after)
        ]
    return venues[0], venues[1]


def test_each_night_sees_what_moved_since_the_last(reports: Reports, lake: Lake) -> None:
    """Files that come, change and go must each be seen once."""
    assert night(reports, lake) == ([], ["cvpr", "icml"])
    put(lake, "cvpr", 2)
    put(lake, "acl", 1)
    assert night(reports, lake) == (["cvpr"], ["acl", "cvpr"])
    lake.path(TABLE, ("icml", 2016)).unlink()
    assert night(reports, lake) == (["icml"], [])
    assert changed_files(reports.tables, lake.root, [TABLE]) == []
    assert sorted(p.name for p in reports.root.iterdir() if p.is_dir()) == ["tables"]


def test_what_is_kept_are_links(reports: Reports, lake: Lake) -> None:
    """A copy of the tables a night would double the disk they take."""
    night(reports, lake)
    kept, live = (Lake(r).path(TABLE, ("cvpr", 2016)) for r in (reports.tables, lake.root))
    assert kept.samefile(live)
    put(lake, "cvpr", 5)
    assert pl.read_parquet(kept)["n_papers"].to_list() == [1]


def test_names_ascend_whatever_the_clock_does(reports: Reports, lake: Lake) -> None:
    """Of two reports of one second one was lost; of a clock set back, the order."""
    with pytest.raises(NotFoundError, match="no report in"):
        reports.last()
    for now in (NOW, NOW, NOW - timedelta(days=9)):
        night(reports, lake, now)
    names = [one.page.name for one in reports.written()]
    assert names == [f"2026-03-01T03150{n}Z.html" for n in range(3)]
    assert reports.last().made_at == NOW.replace(second=2, microsecond=0)
    assert reports.table()["page"][0].endswith("031502Z.html")
    assert reports.table().height == 3


def test_a_damaged_document_is_named(reports: Reports, lake: Lake) -> None:
    """A traceback instead of the file to look at."""
    night(reports, lake)
    reports.last().page.with_suffix(".json").write_text("{")
    with pytest.raises(StorageError, match="cannot be read"):
        reports.last().document()


def test_a_full_disk_leaves_the_night_before(
    reports: Reports, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a new state would report as news what was told already."""
    night(reports, lake)
    put(lake, "cvpr", 2)

    def full(*_: object) -> bool:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("resources.reports.link_or_copy", full)
        with pytest.raises(StorageError, match="No space left on device"):
            night(reports, lake)
    assert len(reports.written()) == 1
    assert night(reports, lake) == (["cvpr"], ["cvpr"])
