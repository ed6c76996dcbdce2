"""Whatever somebody imports or drops goes through the right door, or is refused in one line."""

import gzip
import json
import os
import shutil
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import StorageError, UnreadableFileError, UnrecognisedFileError
from pipeline.tables import UNRECOGNISED
from resources import deliveries as deliveries_module
from resources.workspace import Workspace
from tests.library import paper, reopened, run_stages, tiny_workspace, write_list

ACL = ("acl", 2020)
HTML = b"<!DOCTYPE html><html><head><title>Are you a robot?</title></head><body></body></html>"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    return tiny_workspace(tmp_path / "library")


def s2_paper(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "corpusid": number, "externalids": {"DBLP": f"conf/acl/Bee{number}"}, "venue": "ACL",
        "title": f"Graph networks for parsing number {number}", "year": 2020, "citationcount": 2,
        "authors": [{"authorId": f"{number}", "name": f"Ada Surname{number}"}],
        "publicationdate": "2020-07-05",
    } | changes  # fmt: skip


def lines(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def s2_release(folder: Path, numbers: range = range(1, 5)) -> Path:
    """Papers, abstracts and citations of one release, in files that sort the wrong way round."""
    rows = [{"corpusid": n, "abstract": f"We parse {n}."} for n in numbers]
    lines(folder / "abstracts.jsonl.gz", rows)
    links = [{"citationid": n, "citingcorpusid": n, "citedcorpusid": n - 1} for n in numbers]
    lines(folder / "citations.jsonl.gz", links)
    lines(folder / "papers.jsonl.gz", [s2_paper(n) for n in numbers])
    return folder


def abstracts_of(workspace: Workspace) -> dict[str, str | None]:
    found = workspace.source_store().records(ACL).select("source_id", "abstract")
    return dict(found.iter_rows())


def files_in(folder: Path) -> list[str]:
    """Files below a folder, registries apart."""
    names = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return sorted(n for n in names if not n.endswith("registry.jsonl"))


# ── importing ─────────────────────────────────────────────────────────────────────────
def test_a_folder_of_lists_and_dumps(workspace: Workspace, tmp_path: Path) -> None:
    """One command for a folder of everything; each file goes where its content says."""
    folder = s2_release(tmp_path / "2026-02-10")
    write_list(tmp_path, ("cvpr", 2021), [paper(1)], "2026-02-10")
    (folder / "README.md").write_text("no dump")
    done = workspace.import_files([folder])
    assert done.refused == []
    assert [(f.venue, f.year) for f in done.lists] == [("cvpr", 2021)]
    kinds = [(d.kind, d.observed_on, d.n_unplaced) for d in done.deliveries]
    assert kinds == [
        ("papers", "2026-02-10", 0), ("abstracts", "2026-02-10", 0), ("citations", "2026-02-10", 0)
    ]  # fmt: skip
    assert abstracts_of(workspace)["3"] == "We parse 3."
    world = workspace.world()
    assert {ACL, ("cvpr", 2021)} <= world.records.keys()
    assert world.edges.keys() == {ACL}
    assert all(name.startswith(("semantic_scholar/2026-02-10/", "paper_copilot/2026-02-10/"))
               for name in files_in(workspace.data.inbox))  # fmt: skip


def test_importing_twice_is_importing_once(workspace: Workspace, tmp_path: Path) -> None:
    """A second import that looks like news makes everything stale for nothing."""
    folder = s2_release(tmp_path / "2026-02-10")
    workspace.import_files([folder])
    before = workspace.world()
    done = workspace.import_files([folder])
    assert (done.lists, done.deliveries, done.refused) == ([], [], [])
    assert workspace.world() == before


def test_papers_of_a_later_day_find_what_was_said_of_them(
    workspace: Workspace, tmp_path: Path
) -> None:
    """A release whose abstracts were imported a month before its papers had none."""
    folder = s2_release(tmp_path / "2026-01-10")
    papers = tmp_path / "2026-02-10" / "papers.jsonl.gz"
    papers.parent.mkdir()
    (folder / "papers.jsonl.gz").rename(papers)
    waiting = workspace.import_files([folder])
    assert [d.n_unplaced for d in waiting.deliveries] == [4, 4]
    done = workspace.import_files([papers])
    assert [d.kind for d in done.deliveries] == ["papers", "abstracts", "citations"]
    assert workspace.source_store().edges(ACL).height == 4
    assert workspace.import_files([folder, papers]).deliveries == []


def test_an_update_of_papers_keeps_their_abstracts(workspace: Workspace, tmp_path: Path) -> None:
    """Papers and abstracts are two files; next week's papers must not wipe this week's texts."""
    workspace.import_files([s2_release(tmp_path / "2026-02-10")])
    update = [s2_paper(n, citationcount=9) for n in range(1, 5)]
    workspace.import_files([lines(tmp_path / "2026-02-17" / "papers.jsonl", update)])
    assert abstracts_of(workspace)["3"] == "We parse 3."


def test_a_refused_file_is_not_left_in_the_inbox(workspace: Workspace, tmp_path: Path) -> None:
    """Found there by the next refresh, it would be tried, and fail, for ever."""
    good = lines(tmp_path / "2026-02-10" / "papers.jsonl.gz", [s2_paper(1)])
    bad = tmp_path / "2026-02-11" / "papers.jsonl.gz"
    data = lines(bad, [s2_paper(n) for n in range(2_000)]).read_bytes()
    bad.write_bytes(data[: len(data) // 2])
    done = workspace.import_files([tmp_path])
    assert [d.n_new for d in done.deliveries] == [1]
    [refusal] = done.refused
    assert refusal.path == bad
    assert isinstance(refusal.problem, UnreadableFileError)
    assert str(refusal.problem).startswith(f"{bad}: ")
    assert len(files_in(workspace.data.inbox)) == 1
    before = workspace.source_store().deliveries
    workspace.world()
    assert workspace.source_store().deliveries == before
    assert good.exists()


def test_a_copy_that_was_taken_before_survives_a_refusal(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Refusing a file the second time deleted the copy of the first."""
    small = aan_papers(tmp_path / "small" / "acl-metadata.txt", 1)
    large = aan_papers(tmp_path / "large" / "acl-metadata.txt", 10)
    for path in (small, large):
        assert workspace.import_files([path]).refused == []
    kept = files_in(workspace.data.inbox)
    tomorrow = reopened(workspace.data)
    tomorrow.today += timedelta(days=1)
    [refusal] = tomorrow.import_files([small]).refused
    assert "--accept-shrink" in str(refusal.problem)
    assert files_in(workspace.data.inbox) == kept


def aan_papers(path: Path, n: int) -> Path:
    """The metadata of the ACL Anthology Network: whole, and without a date of its own."""
    block = "id = {{P20-10{0:02d}}}\nauthor = {{Bee, Ada}}\ntitle = {{Parsing number {0}}}\n"
    block += "venue = {{ACL}}\nyear = {{2020}}\n\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(block.format(i) for i in range(n)))
    return path


def write_crawls(folder: Path) -> Path:
    """Two complete crawls of one venue-year and day, the second ten times as large."""
    for name, n in (("small", 1), ("large", 10)):
        header = {
            "csimpact": "openalex_crawl", "venue": "acl", "year": 2020, "complete": True,
            "observed_on": "2026-02-01", "n_works": n,
        }  # fmt: skip
        lines(folder / f"{name}.jsonl", [header, *(work(i) for i in range(n))])
    return folder


def work(number: int) -> dict[str, Any]:
    return {
        "id": f"https://openalex.org/W10{number}", "title": f"Parsing with networks {number}",
        "display_name": f"Parsing with networks {number}", "publication_year": 2020,
        "publication_date": "2020-07-05", "cited_by_count": number, "type": "article",
        "authorships": [], "locations": [], "primary_location": None, "referenced_works": [],
        "ids": {}, "doi": None, "is_retracted": False, "abstract_inverted_index": None,
    }  # fmt: skip


def test_shrinking_is_believed_when_asked(workspace: Workspace, tmp_path: Path) -> None:
    """The remedy that the refusal names must work, for lists and for dumps."""
    folder = write_crawls(tmp_path)
    workspace.import_files([folder / "large.jsonl"])
    workspace.import_files([write_list(tmp_path / "a", ACL, [paper(n) for n in range(10)])])
    small = [folder / "small.jsonl", write_list(tmp_path / "b", ACL, [paper(1)])]
    done = workspace.import_files(small)
    assert len(done.refused) == 2
    for refusal in done.refused:
        assert "at least 5" in str(refusal.problem)
        assert "received 1; nothing was changed" in str(refusal.problem)
    done = workspace.import_files(small, accept_shrink=True)
    assert (len(done.lists), [d.n_removed for d in done.deliveries]) == (1, [9])


UNKNOWN = {
    "page.json": (HTML, UnrecognisedFileError, "HTML page"),
    "dblp.xml.gz": (gzip.compress(HTML), UnrecognisedFileError, "HTML page"),
    "rows.jsonl": (b'{"colour": "red"}\n', UnrecognisedFileError, "no importer knows this content"),
    "table.csv": (b"a,b\n1,2\n", UnrecognisedFileError, "no importer knows this content"),
    "noise.txt": (bytes(range(256)) * 9, UnrecognisedFileError, "no importer knows this content"),
    "empty.jsonl": (b"", UnreadableFileError, "empty file"),
    "cut.jsonl.gz": (gzip.compress(b"x" * 999)[:15], UnreadableFileError, "damaged or truncated"),
    "works.parquet": (b"PAR1" + b"\0" * 99, UnreadableFileError, "cannot be read"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_nobody_knows_is_refused_in_one_line(
    workspace: Workspace, tmp_path: Path, name: str
) -> None:
    """A traceback tells nobody which file to fetch again."""
    data, kind, words = UNKNOWN[name]
    path = tmp_path / name
    path.write_bytes(data)
    [refusal] = workspace.import_files([path]).refused
    assert type(refusal.problem) is kind
    assert words in str(refusal.problem)
    assert "\n" not in str(refusal.problem)
    assert files_in(workspace.data.inbox) == []


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_nobody_knows_reaches_quarantine_when_dropped(workspace: Workspace, name: str) -> None:
    """Silence about a dropped file reads as if it had been taken."""
    data, _, words = UNKNOWN[name]
    workspace.data.inbox.mkdir(parents=True)
    (workspace.data.inbox / name).write_bytes(data)
    run_stages(workspace, without=("paper_index",))
    row = workspace.lake.read("quarantine", UNRECOGNISED).row(0, named=True)
    assert row["source_file"] == name
    assert words in row["reason"]
    assert words in workspace.inbox().warnings()[0]


# ── dropping ──────────────────────────────────────────────────────────────────────────
def drop(workspace: Workspace, source: Path) -> Path:
    target = workspace.data.inbox / source.name
    shutil.copytree(source, target, dirs_exist_ok=True)
    return target


def test_dropped_files_are_taken(workspace: Workspace, tmp_path: Path) -> None:
    """Abstracts come before papers in the alphabet; nothing may depend on that."""
    drop(workspace, s2_release(tmp_path / "2026-02-10"))
    world = workspace.world()
    assert {ACL} <= world.records.keys()
    assert abstracts_of(workspace)["3"] == "We parse 3."
    assert world.edges.keys() == {ACL}
    assert workspace.inbox().problems() == []
    n = len(workspace.source_store().deliveries)
    assert workspace.world() == world
    assert workspace.world(register=False) == world
    assert len(workspace.source_store().deliveries) == n


def test_looking_takes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    """`csimpact status` must not change what it looks at."""
    drop(workspace, s2_release(tmp_path / "2026-02-10"))
    workspace.world(register=False)
    assert workspace.source_store().deliveries == []
    assert not workspace.data.sources.exists()
    assert workspace.inbox().files == []


def test_a_restored_inbox_is_no_news(workspace: Workspace, tmp_path: Path) -> None:
    """Copied back with today's time stamps, undated files would count as said today."""
    undated = lines(tmp_path / "papers.jsonl.gz", [s2_paper(1, title="First title of the paper")])
    workspace.import_files([undated])
    later = lines(tmp_path / "2026-12-01" / "papers.jsonl.gz", [s2_paper(1)])
    workspace.import_files([later])
    before = workspace.world()
    for name in files_in(workspace.data.inbox):
        os.utime(workspace.data.inbox / name)
    next_year = reopened(workspace.data)
    next_year.today = workspace.today.replace(year=2027)
    assert next_year.world().records == before.records
    assert len(next_year.source_store().deliveries) == 2


def test_a_dropped_file_that_was_mended_is_no_problem_any_more(workspace: Workspace) -> None:
    """Its old complaint stayed in quarantine for ever."""
    path = workspace.data.inbox / "papers.jsonl"
    lines(path, [{"colour": "red"}])
    workspace.world()
    assert len(workspace.inbox().problems()) == 1
    lines(path, [s2_paper(1), s2_paper(2)])
    workspace.world()
    assert workspace.inbox().problems() == []
    assert ACL in workspace.world().records


def test_a_file_damaged_after_it_was_taken_stops_nobody(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Read again for new papers, a damaged file of abstracts made every stage fail."""
    workspace.import_files([s2_release(tmp_path / "2026-02-10")])
    [name] = [n for n in files_in(workspace.data.inbox) if "abstracts" in n]
    copy = workspace.data.inbox / name
    data = copy.read_bytes()
    copy.unlink()
    copy.write_bytes(data[:-12])
    more = lines(tmp_path / "2026-02-20" / "papers.jsonl.gz", [s2_paper(9)])
    done = workspace.import_files([more])
    assert [d.kind for d in done.deliveries] == ["papers", "citations"]
    assert "damaged or truncated" in str(done.refused[0].problem)
    assert abstracts_of(workspace) == {str(n): f"We parse {n}." for n in range(1, 5)} | {"9": None}
    workspace.world()


def test_what_sources_say_can_be_read_again_from_the_inbox(
    workspace: Workspace, tmp_path: Path
) -> None:
    """A damaged store must name a remedy that works: the inbox holds all that it was made of."""
    workspace.import_files([s2_release(tmp_path / "2026-02-10")])
    more = [s2_paper(2, title="A paper with another title"), s2_paper(9)]
    workspace.import_files([lines(tmp_path / "2026-02-17" / "papers.jsonl", more)])
    before = workspace.world()
    damaged = next(workspace.data.sources.rglob("venue=acl/year=2020.parquet"))
    damaged.write_bytes(b"PAR1 no more")
    with pytest.raises(StorageError, match=r"delete it and run `csimpact refresh`"):
        workspace.source_store().records(ACL)
    shutil.rmtree(workspace.data.sources)
    assert workspace.world() == before


# ── disks ─────────────────────────────────────────────────────────────────────────────
def test_a_full_disk_is_one_line_and_not_the_files_fault(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dropped file would be remembered as unusable, and never be tried again."""
    release = s2_release(tmp_path / "2026-02-10")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(deliveries_module.os, "link", full)
        patch.setattr(deliveries_module.shutil, "copyfile", full)
        done = workspace.import_files([release])
        assert len(done.refused) == 3
        assert all("No space left" in str(r.problem) for r in done.refused)
    assert files_in(workspace.data.inbox) == []
    drop(workspace, release)
    with monkeypatch.context() as patch:
        patch.setattr("resources.lake.Path.replace", full)
        with pytest.raises(StorageError, match="make room"):
            workspace.world()
    assert ACL in workspace.world().records
    assert workspace.inbox().problems() == []
