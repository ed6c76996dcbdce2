"""`csimpact import` and `csimpact refresh`, and the whole graph on a simulated literature."""

import json
from pathlib import Path

import pytest

from pipeline.cli.main import run
from pipeline.query import Library
from pipeline.settings import DataDir
from pipeline.simulation.lists import write_lists
from pipeline.simulation.literature import simulate_literature
from tests.library import tiny_encoder


def test_a_simulated_literature_goes_through_the_whole_graph(
    data_dir: DataDir,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Lists with planted dirt: every row accounted for as planted, every paper scored once."""
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    data_dir.models.mkdir()
    (data_dir.models / "tiny").symlink_to(tiny_encoder(), target_is_directory=True)
    literature = simulate_literature(
        n_papers=300, seed=3, venues=("acl", "cvpr"), years=(2019, 2020)
    )
    truth = write_lists(literature, tmp_path / "lists", list_date=literature.as_of, dirt=0.03)
    assert run(["import", str(tmp_path / "lists")]) == 0
    assert "4 lists registered of 2 venues" in capfd.readouterr().out
    assert run(["refresh", "--dry-run"]) == 0
    assert "not made yet" in capfd.readouterr().out
    assert run(["refresh"]) == 0
    assert "tncsi_sp" in capfd.readouterr().out
    assert run(["status", "--format", "json"]) == 0
    totals = json.loads(capfd.readouterr().out)["totals"]
    planted = dict(truth["outcome"].value_counts().iter_rows())
    assert totals["records"] == truth.height
    assert totals["papers"] == planted["paper"] == 300
    assert totals["excluded"] == planted["excluded"]
    assert totals["duplicates"] == planted["duplicate"]
    assert totals["quarantined"] == planted["quarantined"]
    assert totals["stale"] == 0
    best = Library(data_dir).top(k=1000)
    assert totals["n_scored"] == best.height == best["paper_id"].n_unique() > 250
    assert run(["refresh"]) == 0
    assert "Nothing is stale" in capfd.readouterr().out


def test_what_cannot_be_imported_or_refreshed_is_one_line(
    data_dir: DataDir, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each ends with exit code 2 and the remedy, never with a traceback."""
    (tmp_path / "empty").mkdir()
    for arguments, words in (
        (["import", str(tmp_path / "absent")], "no such file or folder"),
        (["import", str(tmp_path / "empty")], "found none"),
        (["refresh", "--force"], "--force needs --venue or --year"),
        (["refresh", "--venue", "cvpr"], "is registered: see `csimpact status`"),
        (["refresh", "--venue", "cvrp"], "nearest: cvpr"),
    ):
        assert run(arguments) == 2, arguments
        assert words in capfd.readouterr().err


def s2_papers(path: Path, n: int, *, title: str = "Parsing with networks") -> Path:
    """A file of Semantic Scholar's papers, all of ACL 2020."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (
        {"corpusid": i, "externalids": {"DBLP": f"conf/acl/Bee{i}"}, "venue": "ACL", "year": 2020,
         "title": f"{title} number {i}", "authors": [{"authorId": "1", "name": f"Ada Bee{i}"}],
         "citationcount": i}
        for i in range(n)
    )  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_library_without_a_list(
    data_dir: DataDir, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Dumps alone read as "nothing is registered", and each as a list that cannot be used."""
    papers = s2_papers(tmp_path / "2026-02-10" / "papers.jsonl", 3)
    abstracts = papers.with_name("abstracts.jsonl")
    abstracts.write_text(json.dumps({"corpusid": 1, "abstract": "We parse."}) + "\n")
    assert run(["import", str(papers.parent)]) == 0
    out = capfd.readouterr().out
    told = [line.partition(": ") for line in out.splitlines() if line.startswith("semantic")]
    assert [account for _, _, account in told] == ["3 kept, 3 new", "1 kept, 1 changed"]
    assert "lists registered" not in out
    assert run(["refresh", "--dry-run"]) == 0
    told = capfd.readouterr()
    assert "acl 2020" in told.out
    assert told.err == ""
    assert run(["refresh", "--dry-run", "--venue", "acl", "--year", "2020"]) == 0
    assert run(["refresh", "--dry-run", "--venue", "acl", "--year", "2021"]) == 2
    assert run(["import", str(papers.parent)]) == 0
    assert "Nothing of it is news" in capfd.readouterr().out
    assert run(["status"]) == 0


def test_a_dropped_dump_is_seen_by_refresh(
    data_dir: DataDir, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Papers put into the inbox by hand, and a page in disguise beside them."""
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    data_dir.models.mkdir()
    (data_dir.models / "tiny").symlink_to(tiny_encoder(), target_is_directory=True)
    s2_papers(data_dir.inbox / "2026-02-10" / "papers.jsonl", 3)
    (data_dir.inbox / "dblp.xml").write_text("<!DOCTYPE html><html><body>robot?</body></html>")
    assert run(["refresh"]) == 0
    told = capfd.readouterr()
    assert "papers" in told.out
    assert told.err.count("not used:") == 1
    assert "dblp.xml: an HTML page" in told.err
    assert Library(data_dir).sql("select count(*) as n from papers")["n"].to_list() == [3]
    assert run(["refresh"]) == 0
    assert "Nothing is stale" in capfd.readouterr().out


def test_what_shrinks_is_refused_and_may_be_insisted_on(
    data_dir: DataDir, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A truncated download must not replace a whole one unasked; the remedy must work."""
    block = "id = {{P20-10{0:02d}}}\nauthor = {{Bee, Ada}}\ntitle = {{Parsing number {0}}}\n"
    block += "venue = {{ACL}}\nyear = {{2020}}\n\n"
    for name, n in (("large", 10), ("small", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "acl-metadata.txt").write_text("".join(map(block.format, range(n))))
    assert run(["import", str(tmp_path / "large")]) == 0
    capfd.readouterr()
    assert run(["import", str(tmp_path / "small")]) == 2
    err = capfd.readouterr().err
    assert "expected at least 5 records of aan, since it replaces 10, received 2" in err
    assert "--accept-shrink" in err
    assert run(["import", str(tmp_path / "small"), "--accept-shrink"]) == 0
    assert "aan" in capfd.readouterr().out


def test_a_table_is_read_by_its_mapping(
    data_dir: DataDir, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`--mapping` must reach the reader, and a copy of it the inbox: the file is read again."""
    table, mapping = tmp_path / "seen.csv", tmp_path / "seen.toml"
    table.write_text("Id,Name,Where,When\n1,Parsing with networks,ACL,2020\n")
    mapping.write_text(
        'source = "seen"\nformat = "csv"\n[columns]\nid = "Id"\ntitle = "Name"\nyear = "When"\n'
        '[venue]\ncolumn = "Where"\n'
    )
    assert run(["import", str(table)]) == 2
    assert "no importer knows this content" in capfd.readouterr().err
    assert run(["import", str(table), "--mapping", str(mapping)]) == 0
    assert "seen" in capfd.readouterr().out
    assert run(["refresh", "--dry-run"]) == 0
    told = capfd.readouterr()
    assert "acl 2020" in told.out
    assert told.err == ""


def test_a_refresh_of_nothing_says_where_to_begin(
    data_dir: DataDir, capfd: pytest.CaptureFixture[str]
) -> None:
    """A newcomer's first command ran Dagster over nothing and showed an empty table."""
    assert run(["refresh"]) == 0
    assert "csimpact import" in capfd.readouterr().out
    assert not data_dir.dagster.exists()
