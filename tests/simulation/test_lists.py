"""The simulated lists are what importers are measured by: each row's fate must be known."""

import gzip
import html
import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pylatexenc.latex2text import LatexNodes2Text

from pipeline.errors import InputError
from pipeline.simulation.dirt import CELL_FLAWS, EXTRA_ROWS, ROW_FLAWS
from pipeline.simulation.lists import EXPECTED_SCHEMA, write_lists
from pipeline.simulation.literature import Literature, next_day, simulate_literature

LISTED_ON = date(2026, 1, 1)


@pytest.fixture(scope="module")
def literature() -> Literature:
    return simulate_literature(n_papers=1200)


def rows_of(folder: Path, file: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(gzip.decompress((folder / file).read_bytes()))
    return rows


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = sorted(folder.rglob("*.json.gz"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def cleaned(text: str) -> str:
    text = html.unescape(text)
    return " ".join((LatexNodes2Text().latex_to_text(text) if "\\" in text else text).split())


def test_clean_lists_are_the_literature(literature: Literature, tmp_path: Path) -> None:
    """Fields that do not come back as written would make every other count worthless."""
    expected = write_lists(literature, tmp_path, list_date=LISTED_ON, dirt=0)
    assert expected.schema == EXPECTED_SCHEMA
    assert expected["outcome"].unique().to_list() == ["paper"]
    truth = {p["sim_id"]: p for p in literature.papers.iter_rows(named=True)}
    for file in expected["file"].unique():
        for row in rows_of(tmp_path, file):
            paper = truth.pop(row["id"])
            assert file == f"2026-01-01/{paper['venue']}/{paper['venue']}{paper['year']}.json.gz"
            assert row["title"] == paper["title"]
            assert row["abstract"] == paper["abstract"]
            assert row["author"] == "; ".join(paper["authors"])
            assert row["gs_citation"] == paper["cited_by_count"]
            assert row["status"] == paper["status"]
            assert row["site"] == f"https://simulated.invalid/{paper['sim_id']}"
    assert not truth


def test_every_row_has_its_expected_outcome(literature: Literature, tmp_path: Path) -> None:
    """Importers are tested by exact counts; a row without a fate would spoil them."""
    expected = write_lists(literature, tmp_path, list_date=LISTED_ON, dirt=0.2)
    written = {file: len(rows_of(tmp_path, file)) for file in bytes_of(tmp_path)}
    assert dict(expected["file"].value_counts().iter_rows()) == written
    papers = expected.filter(pl.col("outcome") == "paper")
    assert papers["sim_id"].sort().to_list() == literature.papers["sim_id"].to_list()
    assert set(expected["outcome"]) == {"paper", "excluded", "duplicate", "quarantined"}
    flaws = set(expected["flaws"].explode(empty_as_null=False))
    assert flaws == {*ROW_FLAWS, *EXTRA_ROWS, *CELL_FLAWS}


def test_rows_say_what_is_expected_of_them(literature: Literature, tmp_path: Path) -> None:
    """A truth that a careful reader cannot recover would blame the importer for nothing."""
    expected = write_lists(literature, tmp_path, list_date=LISTED_ON, dirt=0.2)
    for (file,), cell in expected.group_by("file"):
        rows = rows_of(tmp_path, str(file))
        for truth in cell.iter_rows(named=True):
            row = rows[truth["source_row"]]
            assert cleaned(row.get("title", "")) == (truth["title"] or "")
            count = row.get("gs_citation", -1)
            assert (count if count >= 0 else None) == truth["cited_by_count"]
            if truth["outcome"] == "paper":
                names = dict.fromkeys(map(cleaned, row["author"].split(";")))
                assert list(names) == truth["authors"]
                assert (truth["track"] == "workshop") == (row.get("status") == "Workshop")
            assert row.get("id", "sim-").startswith("sim-")


def test_excluded_rows_are_told_apart_by_their_row(literature: Literature, tmp_path: Path) -> None:
    """A rejected submission without its status could not be recognised by anyone."""
    expected = write_lists(literature, tmp_path, list_date=LISTED_ON, dirt=0.2)
    reasons: Counter[str] = Counter()
    for truth in expected.filter(pl.col("outcome") == "excluded").iter_rows(named=True):
        row = rows_of(tmp_path, truth["file"])[truth["source_row"]]
        turned_down = row["status"] in ("Reject", "Withdraw", "Active")
        assert turned_down or "front_matter" in truth["flaws"]
        reasons[row["status"] if turned_down else row["title"]] += 1
    assert len(reasons) >= 6


def test_repeats_follow_what_they_repeat(literature: Literature, tmp_path: Path) -> None:
    """A repeat whose first row is missing would be a paper, not a duplicate."""
    expected = write_lists(literature, tmp_path, list_date=LISTED_ON, dirt=0.2)
    first: dict[str, int] = {}
    for truth in expected.iter_rows(named=True):
        if truth["outcome"] == "paper":
            first[truth["sim_id"]] = truth["source_row"]
        elif truth["outcome"] == "duplicate":
            assert first[truth["sim_id"]] < truth["source_row"]


def test_lists_are_the_same_bytes_every_time(literature: Literature, tmp_path: Path) -> None:
    """A clock in the gzip header would make every registered file look new."""
    for name in ("a", "b"):
        write_lists(literature, tmp_path / name, list_date=LISTED_ON)
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    write_lists(literature, tmp_path / "c", list_date=LISTED_ON, seed=1)
    assert bytes_of(tmp_path / "a") != bytes_of(tmp_path / "c")


def test_a_day_changes_only_lists_with_news(literature: Literature, tmp_path: Path) -> None:
    """If flaws wandered overnight, a quiet night would recompute everything."""
    later = next_day(literature, seed=1, n_new_papers=3, n_new_citations=5)
    moved = later.papers.join(literature.papers, on=["sim_id", "cited_by_count"], how="anti")
    write_lists(literature, tmp_path / "a", list_date=LISTED_ON, dirt=0.2)
    write_lists(later, tmp_path / "b", list_date=LISTED_ON, dirt=0.2)
    before, after = bytes_of(tmp_path / "a"), bytes_of(tmp_path / "b")
    changed = {file for file in after if after[file] != before.get(file)}
    news = {f"2026-01-01/{v}/{v}{y}.json.gz" for v, y in moved.select("venue", "year").iter_rows()}
    assert changed <= news
    assert 0 < len(changed) < len(after)
    sites = set("https://simulated.invalid/" + moved["sim_id"])
    for file in changed & before.keys():
        old = rows_of(tmp_path / "a", file)
        fresh = [row for row in rows_of(tmp_path / "b", file) if row not in old]
        # Rows beside a new paper carry its site with an ending.
        assert all(any(row["site"].startswith(site) for site in sites) for row in fresh)


def test_dirt_is_a_probability(literature: Literature, tmp_path: Path) -> None:
    """`dirt=2` for two percent would soil every row."""
    with pytest.raises(InputError, match="from 0 to 1"):
        write_lists(literature, tmp_path, list_date=LISTED_ON, dirt=2)
