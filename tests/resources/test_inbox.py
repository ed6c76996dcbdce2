"""The inbox takes what scrapers, browsers and interrupted copies leave behind."""

import gzip
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import InputError, UnreadableFileError
from pipeline.tables import UNRECOGNISED
from pipeline.venues import load_venues
from resources import inbox as inbox_module
from resources.inbox import Inbox
from resources.scholar_dumps import load_document, read_file

CELL = ("cvpr", 2016)
VENUES = load_venues()
TODAY = date(2026, 3, 1)


def rows(title: str = "On Things") -> list[dict[str, Any]]:
    return [{"title": title, "author": "A Bee", "status": "Poster"}]


def put(path: Path, title: str = "On Things") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps(rows(title)).encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    (tmp_path / "inbox").mkdir()
    return reopened(tmp_path)


def reopened(tmp_path: Path, today: date = TODAY) -> Inbox:
    return Inbox(tmp_path / "inbox", VENUES, today)


def titles(inbox: Inbox) -> list[str]:
    """Titles of the lists of CELL, the list in force first."""
    documents = [load_document(path, read_file(path)) for _, path in inbox.origins(CELL)]
    return [document[0]["title"] for document in documents]  # type: ignore[index]


# ── order of lists ────────────────────────────────────────────────────────────────────
def test_dated_lists_stand_in_the_order_of_their_dates(inbox: Inbox, tmp_path: Path) -> None:
    """An old list imported late must not push out the newer one."""
    inbox.import_paths([put(tmp_path / "2026-02-23" / "cvpr2016.json.gz", "new")])
    inbox.import_paths([put(tmp_path / "2025-05-01" / "cvpr2016.json.gz", "old")])
    assert titles(inbox) == ["new", "old"]
    observed = [origin.observed_on for origin, _ in inbox.origins(CELL)]
    assert observed == [date(2026, 2, 23), date(2025, 5, 1)]


def test_an_undated_list_replaces_the_one_before(inbox: Inbox, tmp_path: Path) -> None:
    """ "Import it again, later" must take effect although the file says no date."""
    inbox.import_paths([put(tmp_path / "2026-02-23" / "cvpr2016.json", "dated")])
    inbox.import_paths([put(tmp_path / "x" / "cvpr2016.json", "undated")])
    assert titles(inbox) == ["undated", "dated"]
    inbox.import_paths([put(tmp_path / "2026-02-28" / "cvpr2016.json", "later")])
    assert titles(inbox) == ["later", "undated", "dated"]


def test_an_older_list_registered_again_comes_back_in_force(inbox: Inbox, tmp_path: Path) -> None:
    """A user who goes back to the list before means it."""
    one, two = (
        put(tmp_path / "a" / "cvpr2016.json", "one"),
        put(tmp_path / "b" / "cvpr2016.json", "two"),
    )
    for path in (one, two, one):
        inbox.import_paths([path])
    assert titles(inbox) == ["one", "two"]
    assert titles(reopened(tmp_path)) == ["one", "two"]


def test_importing_twice_is_importing_once(inbox: Inbox, tmp_path: Path) -> None:
    """A registration more would make everything downstream stale for nothing."""
    folder = tmp_path / "2026-02-23"
    put(folder / "cvpr" / "cvpr2016.json.gz")
    put(folder / "cvpr" / "cvpr2017.json.gz")
    (folder / "README.md").write_text("no list")
    news, refused = inbox.import_paths([folder])
    assert (len(news), refused) == (2, [])
    before = inbox.digests()
    again = reopened(tmp_path, date(2026, 4, 1))
    assert again.import_paths([folder]) == ([], [])
    assert again.scan() == []
    assert again.digests() == before
    assert again.cells() == [CELL, ("cvpr", 2017)]


def test_one_content_under_two_dates_is_one_list(inbox: Inbox, tmp_path: Path) -> None:
    """An unchanged list of a later scrape gave every record twice, or looked like news."""
    inbox.import_paths([put(tmp_path / "2025-05-01" / "cvpr2016.json")])
    inbox.import_paths([put(tmp_path / "2026-02-23" / "cvpr2016.json")])
    assert [o.observed_on for o, _ in inbox.origins(CELL)] == [date(2025, 5, 1)]
    assert inbox.import_paths([tmp_path / "2025-05-01"]) == ([], [])


def test_a_hand_made_copy_of_a_registered_file_is_no_second_list(
    inbox: Inbox, tmp_path: Path
) -> None:
    """People drop what they already imported."""
    inbox.import_paths([put(tmp_path / "cvpr2016.json")])
    put(inbox.root / "cvpr2016.json")
    inbox.scan()
    assert len(list(inbox.origins(CELL))) == 1


def test_a_newer_list_leaves_other_venue_years_alone(inbox: Inbox, tmp_path: Path) -> None:
    """A partial scrape must not empty the venue-years it lacks."""
    inbox.import_paths(
        [put(tmp_path / "a" / "cvpr2016.json"), put(tmp_path / "a" / "acl2021.json")]
    )
    before = inbox.digests()
    inbox.import_paths([put(tmp_path / "b" / "cvpr2016.json", "newer")])
    after = inbox.digests()
    assert after[("acl", 2021)] == before[("acl", 2021)]
    assert after[CELL] != before[CELL]


@pytest.mark.parametrize("name", ["2026-13-45", "2026-02-30", "0000-00-00"])
def test_a_folder_that_only_looks_like_a_date(inbox: Inbox, tmp_path: Path, name: str) -> None:
    """An impossible date was registered and stopped every later stage with a traceback."""
    _, refused = inbox.import_paths([put(tmp_path / name / "cvpr2016.json")])
    assert refused == []
    assert [o.observed_on for o, _ in inbox.origins(CELL)] == [TODAY]


def test_where_the_data_lie_says_nothing_about_a_list(tmp_path: Path) -> None:
    """In a backup folder named by date, every dropped list would count as that old."""
    root = tmp_path / "2020-01-01" / "inbox"
    put(root / "cvpr2016.json")
    inbox = Inbox(root, VENUES, TODAY)
    inbox.scan()
    assert inbox.files[0].listed_on == ""


def test_a_list_that_shrinks_is_refused(inbox: Inbox, tmp_path: Path) -> None:
    """A truncated scrape must not replace a whole one; an older short one replaces nothing."""

    def listed(day: str, n: int) -> Path:
        path = tmp_path / day / "cvpr2016.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps([r for i in range(n) for r in rows(f"Title {i}")]))
        return path

    assert inbox.import_paths([listed("2026-02-01", 10)])[1] == []
    [refusal] = inbox.import_paths([listed("2026-02-02", 4)])[1]
    assert "expected at least 5 rows" in str(refusal.problem)
    assert str(tmp_path / "2026-02-02") in str(refusal.problem)
    assert inbox.import_paths([listed("2026-01-02", 1)])[1] == []
    assert inbox.import_paths([listed("2026-02-03", 5)])[1] == []
    assert inbox.import_paths([listed("2026-02-04", 1)], accept_shrink=True)[1] == []
    assert [o.observed_on.day for o, _ in inbox.origins(CELL)] == [4, 3, 1, 2]


def test_a_damaged_list_does_not_stand_in_the_way_of_a_sound_one(
    inbox: Inbox, tmp_path: Path
) -> None:
    """The new list was compared with one that could not be read, and refused in its name."""
    inbox.import_paths([put(tmp_path / "2026-02-01" / "cvpr2016.json.gz")])
    kept = inbox.root / inbox.files[0].path
    kept.write_bytes(kept.read_bytes()[:-9])
    assert inbox.import_paths([put(tmp_path / "2026-02-02" / "cvpr2016.json.gz", "new")])[1] == []


# ── bad files ─────────────────────────────────────────────────────────────────────────
GZIP = gzip.compress(json.dumps(rows() * 50).encode())
BAD: dict[str, tuple[str, bytes, str]] = {
    "truncated gzip": ("cvpr2016.json.gz", GZIP[:-12], "damaged or truncated"),
    "half a gzip header": ("cvpr2016.json.gz", GZIP[:5], "damaged or truncated"),
    "damaged gzip": ("cvpr2016.json.gz", GZIP[:20] + b"\xff\xff\xff" + GZIP[23:], "damaged"),
    "invalid JSON": ("cvpr2016.json", b'[{"title": ', "expected JSON"),
    "NaN": ("cvpr2016.json", b'[{"title": NaN}]', "expected JSON"),
    "invalid UTF-8": ("cvpr2016.json", b'[{"title": "\xff"}]', "expected JSON"),
    "lone surrogate": ("cvpr2016.json", rb'[{"title": "\ud800"}]', "expected JSON"),
    "nested 5,000 deep": ("cvpr2016.json", b"[" * 5000 + b"]" * 5000, "expected JSON"),
    "a web page": ("cvpr2016.json", b"<html>", "expected JSON"),
    "an object": ("cvpr2016.json", json.dumps({"papers": rows()}).encode(), "a JSON object"),
    "an empty file": ("cvpr2016.json", b"", "an empty file"),
    "an empty list": ("cvpr2016.json", b"[]", "an empty list"),
    "numbers": ("cvpr2016.json", b"[1, 2]", "no importer knows this content"),
    "other objects": ("cvpr2016.json", b'[{"name": "x"}]', "no importer knows this content"),
    "absurd year": ("cvpr9999.json", json.dumps(rows()).encode(), "received 9999"),
    "huge year": ("cvpr" + "9" * 60 + ".json", json.dumps(rows()).encode(), "expected a year"),
    "year before the venue": ("cvpr1492.json", json.dumps(rows()).encode(), "received 1492"),
    "unknown venue": ("nowhere2016.json", json.dumps(rows()).encode(), "received 'nowhere'"),
    "no year": ("papers.json", json.dumps(rows()).encode(), "expected a name like"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "data", "words"), BAD.values(), ids=BAD.keys())
def test_bad_files_are_refused_with_one_line(
    inbox: Inbox, tmp_path: Path, name: str, data: bytes, words: str
) -> None:
    """A bad file must stop neither the good ones beside it nor go unnamed."""
    good, bad = put(tmp_path / "in" / "acl2021.json"), tmp_path / "in" / name
    bad.write_bytes(data)
    news, refused = inbox.import_paths([good.parent])
    assert [f.venue for f in news] == ["acl"]
    (refusal,) = refused
    line = str(refusal.problem)
    assert words in line
    assert str(bad) in line
    assert "\n" not in line
    assert inbox.cells() == [("acl", 2021)]


@pytest.mark.parametrize(("name", "data", "words"), BAD.values(), ids=BAD.keys())
def test_bad_files_dropped_by_hand_show_up_as_problems(
    inbox: Inbox, tmp_path: Path, name: str, data: bytes, words: str
) -> None:
    """Nobody watches a folder scan: what it cannot use must reach quarantine."""
    (inbox.root / name).write_bytes(data)
    inbox.scan()
    assert words in inbox.problems()[0].problem
    assert inbox.cells() == []
    assert reopened(tmp_path).scan() == []  # said once, not every night


def test_good_files_dropped_by_hand_are_lists(inbox: Inbox, tmp_path: Path) -> None:
    """Dropping files into the inbox is a documented way in."""
    put(inbox.root / "mine" / "2025-01-02" / "CVPR2016.json.gz")
    assert len(inbox.scan()) == 1
    assert reopened(tmp_path).cells() == [CELL]
    assert [o.observed_on for o, _ in inbox.origins(CELL)] == [date(2025, 1, 2)]


def test_a_copy_in_progress_is_taken_once_it_is_whole(inbox: Inbox) -> None:
    """A scan in the middle of a copy sees half a gzip; the next one must see the whole."""
    path = put(inbox.root / "cvpr2016.json.gz")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    inbox.scan()
    assert (len(inbox.problems()), inbox.cells()) == (1, [])
    path.write_bytes(whole)
    inbox.scan()
    assert (inbox.problems(), inbox.cells()) == ([], [CELL])


def test_a_copy_that_ends_while_it_is_read_is_read_again(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file under the size and time of the whole one would stay in quarantine for ever."""
    path = put(inbox.root / "cvpr2016.json.gz")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])

    def read_then_completed(path: Path) -> bytes:
        half = path.read_bytes()
        path.write_bytes(whole)
        return half

    with monkeypatch.context() as patch:
        patch.setattr(inbox_module, "read_file", read_then_completed)
        inbox.scan()
    assert len(inbox.problems()) == 1
    inbox.scan()
    assert (inbox.problems(), inbox.cells()) == ([], [CELL])


def test_a_file_changed_in_place_is_another_list(inbox: Inbox, tmp_path: Path) -> None:
    """Edited by hand, a list would otherwise stay as it was read first."""
    put(inbox.root / "cvpr2016.json", "one")
    inbox.scan()
    before = inbox.digests()[CELL]
    put(inbox.root / "cvpr2016.json", "other title")
    assert len(inbox.scan()) == 1
    assert titles(inbox) == ["other title"]
    assert inbox.digests()[CELL] != before


def test_a_list_spoilt_in_place_leaves_the_tables_alone(inbox: Inbox, tmp_path: Path) -> None:
    """Its venue-year would lose every paper, or fall back to the list before."""
    inbox.import_paths([put(tmp_path / "2025-05-01" / "cvpr2016.json", "old")])
    path = put(inbox.root / "2026-02-23" / "cvpr2016.json", "new")
    inbox.scan()
    path.write_bytes(b"[{")
    inbox.scan()
    assert CELL not in inbox.digests()  # what the planner is not told of stays as it is
    assert len(inbox.problems()) == 1
    path.unlink()
    inbox.import_paths([put(tmp_path / "2026-02-23" / "cvpr2016.json", "newest")])
    inbox.scan()
    assert inbox.problems() == []
    assert titles(inbox)[0] == "newest"
    assert CELL in inbox.digests()


def test_an_older_list_spoilt_in_place_does_not_hold_up_the_newer(
    inbox: Inbox, tmp_path: Path
) -> None:
    """Only the loss of the list in force freezes its venue-year."""
    old = put(inbox.root / "2025-05-01" / "cvpr2016.json", "old")
    inbox.scan()
    inbox.import_paths([put(tmp_path / "2026-02-23" / "cvpr2016.json", "new")])
    old.write_bytes(b"[{")
    inbox.scan()
    assert titles(inbox) == ["new"]
    assert CELL in inbox.digests()


def test_a_problem_deleted_is_a_problem_gone(inbox: Inbox, tmp_path: Path) -> None:
    """Quarantine would show for ever a file that is not there any more."""
    (inbox.root / "junk.json").write_bytes(b"{")
    inbox.scan()
    (inbox.root / "junk.json").unlink()
    assert inbox.scan() == []
    assert reopened(tmp_path).problems() == []


def test_a_lost_file_can_be_imported_again(inbox: Inbox, tmp_path: Path) -> None:
    """The message says "import again"; the import said "already there" and copied nothing."""
    source = put(tmp_path / "2026-02-23" / "cvpr2016.json")
    inbox.import_paths([source])
    (_, path), *_ = inbox.origins(CELL)
    path.unlink()
    with pytest.raises(UnreadableFileError, match="import again"):
        read_file(path)
    inbox.import_paths([source])
    assert titles(inbox) == ["On Things"]


@pytest.mark.parametrize("way", ["import", "scan"])
def test_a_file_that_vanishes_while_it_is_read(
    inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Between listing a folder and reading a file, another process may clean up."""
    folder = tmp_path / "in" if way == "import" else inbox.root
    put(folder / "acl2021.json")
    doomed = put(folder / "cvpr2016.json")
    real: Callable[[Path], bytes] = inbox_module.read_file

    def vanishing(path: Path) -> bytes:
        doomed.unlink(missing_ok=True)
        return real(path)

    monkeypatch.setattr(inbox_module, "read_file", vanishing)
    if way == "import":
        _, refused = inbox.import_paths([folder])
        assert "No such file" in str(refused[0].problem)
    else:
        inbox.scan()
    assert inbox.cells() == [("acl", 2021)]
    assert inbox.problems() == []


@pytest.mark.parametrize("damage", [b'{"seq": 0', b"[1]\n", b'{"seq": 0}\n', b"\xff\xfe\n"])
def test_a_damaged_registry_is_said_in_one_line(
    inbox: Inbox, tmp_path: Path, damage: bytes
) -> None:
    """Read as empty, it would forget the order of all lists."""
    inbox.import_paths([put(tmp_path / "cvpr2016.json")])
    registry = inbox.root / "registry.jsonl"
    registry.write_bytes(registry.read_bytes() + damage)
    with pytest.raises(InputError, match="is damaged") as caught:
        reopened(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_deleted_registry_is_made_anew(inbox: Inbox, tmp_path: Path) -> None:
    """The way out that the message names must work."""
    inbox.import_paths(
        [put(tmp_path / d / "cvpr2016.json", d) for d in ("2025-05-01", "2026-02-23")]
    )
    (inbox.root / "registry.jsonl").unlink()
    again = reopened(tmp_path)
    again.scan()
    assert titles(again) == ["2026-02-23", "2025-05-01"]


def test_the_planner_always_hears_of_unusable_files(inbox: Inbox) -> None:
    """Without that cell, a problem that is mended would stay in quarantine."""
    empty = inbox.digests()
    assert list(empty) == [UNRECOGNISED]
    (inbox.root / "junk.json").write_bytes(b"{")
    inbox.scan()
    assert inbox.digests() != empty


def test_a_folder_without_lists_is_told(inbox: Inbox, tmp_path: Path) -> None:
    """A mistyped folder once ended with "0 lists registered" and exit code 0."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"expected files ending in .* found none"):
        inbox.import_paths([tmp_path / "empty"])


def test_a_deleted_list_does_not_stop_the_library(inbox: Inbox, tmp_path: Path) -> None:
    """Tidying the inbox by hand made every later refresh fail."""
    [older], _ = inbox.import_paths([put(tmp_path / "2025-05-01" / "cvpr2016.json", "old")])
    [newer], _ = inbox.import_paths([put(tmp_path / "2026-02-23" / "cvpr2016.json", "new")])
    (inbox.root / older.path).unlink()
    assert titles(inbox) == ["new"]
    assert CELL in inbox.digests()
    assert inbox.warnings() == []
    (inbox.root / newer.path).unlink()
    assert CELL not in inbox.digests()  # what the planner is not told of stays as it is
    assert "restore the file" in inbox.warnings()[0]
    inbox.import_paths([tmp_path / "2026-02-23"])
    assert titles(inbox) == ["new"]
    assert inbox.warnings() == []


def test_deleting_the_list_in_force_does_not_bring_back_the_older(
    inbox: Inbox, tmp_path: Path
) -> None:
    """Its counts and withdrawals would be undone without a word."""
    inbox.import_paths([put(tmp_path / "2025-05-01" / "cvpr2016.json", "old")])
    [newer], _ = inbox.import_paths([put(tmp_path / "2026-02-23" / "cvpr2016.json", "new")])
    (inbox.root / newer.path).unlink()
    assert CELL not in inbox.digests()
    assert len(inbox.warnings()) == 1
