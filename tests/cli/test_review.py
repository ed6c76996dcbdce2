"""`csimpact review` on a real library: what a person decides is what the next refresh does."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.cli.main import run
from resources.workspace import Workspace
from tests.library import reopened, run_stages, tiny_workspace

CASES = {
    # One DOI, two titles, other people: nobody but a person can tell.
    "semantic_scholar:1": ("Parsing with graph networks at scale", "Ada Bee", "10.18653/v1/a"),
    "openalex:W11": ("A survey of speech translation corpora", "Eve Fox", "10.18653/v1/a"),
    # And a pair that is surely one.
    "semantic_scholar:2": ("Retrieval of images by sketches", "Guy Hay", "10.18653/v1/b"),
    "openalex:W22": ("Retrieval of images by sketches", "Guy Hay", "10.18653/v1/b"),
}


def s2_row(key: str) -> dict[str, Any]:
    title, author, doi = CASES[key]
    return {
        "corpusid": int(key.split(":")[1]), "externalids": {"DOI": doi}, "venue": "ACL",
        "title": title, "year": 2020, "authors": [{"authorId": "1", "name": author}],
    }  # fmt: skip


def work(key: str) -> dict[str, Any]:
    title, author, doi = CASES[key]
    person = {"author": {"id": "https://openalex.org/A1", "display_name": author}}
    return {
        "id": f"https://openalex.org/{key.split(':')[1]}", "display_name": title, "title": title,
        "publication_year": 2020, "publication_date": "2020-07-05", "doi": f"https://doi.org/{doi}",
        "authorships": [person], "locations": [], "referenced_works": [], "cited_by_count": 1,
        "type": "article", "ids": {}, "is_retracted": False,
    }  # fmt: skip


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Four records, three papers, one open doubt."""
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    workspace = tiny_workspace(tmp_path / "library")
    monkeypatch.setenv("CSIMPACT_DATA", str(workspace.data.root))
    header = {"csimpact": "openalex_crawl", "venue": "acl", "year": 2020, "n_works": 2,
              "observed_on": "2026-02-01", "complete": True}  # fmt: skip
    files = {
        "papers.jsonl": [s2_row(key) for key in CASES if key.startswith("semantic_scholar")],
        "crawl.jsonl": [header, *(work(key) for key in CASES if key.startswith("openalex"))],
    }
    for name, rows in files.items():
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert workspace.import_files([tmp_path / name for name in files]).refused == []
    refresh(workspace)
    return workspace


def refresh(workspace: Workspace) -> None:
    run_stages(reopened(workspace.data), without=("paper_index",))


def papers(workspace: Workspace) -> dict[str, str]:
    """record key -> paper id."""
    ids = workspace.lake.read_all("paper_ids").select("record_key", "paper_id")
    return dict(ids.iter_rows())


def reviews(capfd: pytest.CaptureFixture[str], status: str = "open") -> list[dict[str, Any]]:
    assert run(["review", "list", "--status", status, "--format", "json"]) == 0
    out = json.loads(capfd.readouterr().out)
    rows: list[dict[str, Any]] = out if isinstance(out, list) else out["rows"]
    return rows


def test_same(library: Workspace, capfd: pytest.CaptureFixture[str]) -> None:
    """The two become one paper at the next refresh, and stay it."""
    before = papers(library)
    assert len(set(before.values())) == 3
    [doubt] = reviews(capfd)
    titles = {CASES[key][0] for key in ("semantic_scholar:1", "openalex:W11")}
    assert {doubt["title"], doubt["other_title"]} == titles
    assert doubt["reason"].startswith("doi is the same")
    assert run(["review", "same", doubt["review_id"], "--by", "ada"]) == 0
    assert "Next: csimpact refresh" in capfd.readouterr().out
    refresh(library)
    after = papers(library)
    assert after["openalex:W11"] == after["semantic_scholar:1"]
    assert after["openalex:W22"] == before["openalex:W22"]
    assert library.lake.read_all("papers").height == 2
    [redirect] = library.lake.read("redirects").rows(named=True)
    assert (redirect["reason"], redirect["decided_by"]) == ("person", "ada")
    assert reviews(capfd) == []
    [decided] = reviews(capfd, "same")
    assert decided["title"] == decided["other_title"]  # both are the paper that is left


def test_different(library: Workspace, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing moves but the doubt, which is settled."""
    before = papers(library)
    [doubt] = reviews(capfd)
    assert run(["review", "different", doubt["review_id"], "--by", "ada"]) == 0
    assert "stay two papers" in capfd.readouterr().out
    refresh(library)
    assert papers(library) == before
    assert reviews(capfd) == []
    [decided] = reviews(capfd, "different")
    assert decided["decided_by"] == "ada"
    assert [row["status"] for row in reviews(capfd, "all")] == ["different"]


def test_split(library: Workspace, capfd: pytest.CaptureFixture[str]) -> None:
    """A record leaves its paper and takes nothing along but itself."""
    before = papers(library)
    assert before["openalex:W22"] == before["semantic_scholar:2"]
    assert run(["review", "split", "openalex:W22", "--by", "ada"]) == 0
    told = capfd.readouterr().out
    refresh(library)
    after = papers(library)
    assert after["openalex:W22"] in told
    assert after["openalex:W22"] not in before.values()
    assert after["semantic_scholar:2"] == before["semantic_scholar:2"]
    assert library.lake.read_all("papers").height == 4
    methods = library.lake.read_all("paper_ids").filter(record_key="openalex:W22")["method"]
    assert methods.to_list() == ["person"]


def test_verdicts_outlive_the_lake(
    library: Workspace, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Tables can be deleted and made anew; what people decided cannot."""
    [doubt] = reviews(capfd)
    assert run(["review", "same", doubt["review_id"], "--by", "ada"]) == 0
    assert run(["review", "split", "openalex:W22", "--by", "ada"]) == 0
    refresh(library)
    before = library.lake.read_all("paper_ids")
    library.data.lake.rename(tmp_path / "lost")
    refresh(library)
    assert library.lake.read_all("paper_ids").equals(before)


def test_mistakes_are_one_line(library: Workspace, capfd: pytest.CaptureFixture[str]) -> None:
    """Each ends with exit code 2, the remedy, and an untouched ledger."""
    events = len(library.ledger.load().paper_of_key)
    for arguments, words in (
        (["review", "same", "00000000"], "expected the id of a doubt"),
        (["review", "split", "openalex:W404"], "expected the key of a record"),
        (["review", "list", "--status", "closed"], "expected open, same, different, all"),
    ):
        assert run(arguments) == 2
        assert words in capfd.readouterr().err
    assert len(library.ledger.load().paper_of_key) == events


def test_a_library_without_doubts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before anything is imported there is nothing to decide, and no error either."""
    monkeypatch.setenv("CSIMPACT_DATA", str(tmp_path / "empty"))
    assert reviews(capfd) == []
    assert run(["review", "list"]) == 0


def test_what_is_left_out_is_said(library: Workspace, capfd: pytest.CaptureFixture[str]) -> None:
    """A list that is cut looks complete."""
    path = library.lake.path("match_review")
    table = pl.read_parquet(path)
    more = [table.with_columns(review_id=pl.lit(f"{n:08x}")) for n in range(3)]
    library.lake.write("match_review", None, pl.concat([table, *more]))
    assert run(["review", "list", "--limit", "1"]) == 0
    assert "3 more: --limit 4" in capfd.readouterr().err
