"""The real lists, as published: figures found once by hand must come out again.

No text of the data is kept here, only numbers and digests.
"""

import hashlib
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.corpus.coverage import build_venue_coverage
from pipeline.corpus.ledger import Ledger
from pipeline.corpus.paper_copilot import ListOrigin, parse_list
from pipeline.corpus.papers import build_papers
from pipeline.tables import CITATIONS, DUMP_RECORDS, PAPERS, QUARANTINE, violations
from resources.scholar_dumps import load_document, read_file
from tests.library import identified

SUMS = {"n_papers": 71_946, "n_excluded": 904, "n_duplicates": 320, "n_quarantined": 89}
EXCLUDED = {
    "rejected": 753,
    "withdrawn": 69,
    "front_matter": 40,
    "placeholder": 39,
    "active": 3,
}
REASONS = {"expected a title, received none": 89}
N_CVPR2016 = 643
TITLES_OF_CVPR2016 = "3b85745bbf7584f7"  # sha256 over the sorted sha256s of the titles

Accounts = tuple[pl.DataFrame, Counter[str], Counter[str], dict[str, str]]


def parse(path: Path, order: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    data = read_file(path)
    rows: Any = load_document(path, data)
    name = path.name.split(".")[0]
    digest = hashlib.sha256(data).hexdigest()
    origin = ListOrigin(
        path.name, digest, path.parent.name, int(name[-4:]), date(2026, 2, 23), order
    )
    return parse_list(rows, origin)


@pytest.fixture(scope="module")
def accounts(real_lists: Path) -> Accounts:
    """Coverage of all lists, records by reason, quarantine by reason, titles by digest."""
    coverage, excluded, reasons = [], Counter[str](), Counter[str]()
    digests: dict[str, str] = {}
    ledger = Ledger()
    for path in sorted((real_lists / "paper_copilot" / "2026-02-23").rglob("*.json.gz")):
        records, bad = parse(path)
        assert violations(DUMP_RECORDS, records) == violations(QUARANTINE, bad) == []
        ids = identified(records, ledger)
        papers = build_papers(records, ids)
        assert violations(PAPERS, papers) == []
        cell = (path.parent.name, int(path.name[-12:-8]))
        coverage.append(build_venue_coverage(cell, records, ids, papers, CITATIONS.empty(), bad))
        excluded.update(records["excluded_because"].drop_nulls())
        reasons.update(bad["reason"])
        if path.name == "cvpr2016.json.gz":
            digests = {hashlib.sha256(t.encode()).hexdigest()[:16]: t for t in papers["title"]}
    return pl.concat(coverage), excluded, reasons, digests


def test_every_row_is_accounted_for(accounts: Accounts) -> None:
    """73,259 rows go in; a row that is in no account has vanished."""
    coverage = accounts[0]
    sums = coverage.select(pl.col("^n_.*$").sum()).row(0, named=True)
    assert coverage.height == 209
    assert sums["n_records"] == 73_259
    parts = ("n_papers", "n_excluded", "n_duplicates", "n_quarantined")
    assert sum(sums[p] for p in parts) == 73_259
    assert {p: sums[p] for p in parts} == SUMS


def test_reasons(accounts: Accounts) -> None:
    """A pattern changed for one venue would move the numbers of the others."""
    _, excluded, reasons, _ = accounts
    assert excluded == EXCLUDED
    assert reasons == REASONS


def test_titles_come_out_as_they_did(accounts: Accounts) -> None:
    """A cleaner that changes a title changes its vector and its key."""
    titles = accounts[3]
    assert len(titles) == N_CVPR2016
    together = hashlib.sha256("\n".join(sorted(titles)).encode()).hexdigest()[:16]
    assert together == TITLES_OF_CVPR2016


def test_papers_renamed_under_one_id_stay_one(real_lists: Path) -> None:
    """48 papers of AISTATS 2025 changed their title between two lists, with all their authors."""
    folder = real_lists / "paper_copilot"
    lists = [
        folder / day / "aistats" / "aistats2025.json.gz" for day in ("2026-02-23", "2025-05-01")
    ]
    records = pl.concat([parse(path, order)[0] for order, path in enumerate(lists)])
    ids = identified(records).join(
        records.select("record_key", "title", "source_id"), on="record_key"
    )
    renamed = ids.group_by("source_id").agg(
        pl.col("title").str.to_lowercase().n_unique(), pl.col("paper_id").n_unique()
    )
    assert renamed.filter(pl.col("paper_id") > 1).height == 0
    assert renamed.filter(pl.col("title") > 1).height == 48
