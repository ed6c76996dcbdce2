"""What a source says must not depend on the order in which its files come."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.tables import Cell
from resources.source_store import SourceStore
from tests.telling import (
    CELLS,
    Desk,
    Line,
    edge,
    edges_in_force,
    open_store,
    record,
    said,
)


# ── a model: every statement kept, nothing merged ─────────────────────────────────────
@dataclass
class Told:
    """One file of a random history."""

    day: int
    rows: list[Line]
    header: dict[str, Any] = field(default_factory=dict)

    @property
    def by_id(self) -> bool:
        return bool(self.header.get("by_id"))


def in_order(history: Sequence[Told]) -> list[Told]:
    """As if every file had come on its day; what goes by ids after what tells of papers."""
    return sorted(history, key=lambda t: (t.day, t.by_id))


def expected_papers(history: Sequence[Told]) -> dict[str, Cell]:
    """id -> cell, by telling the history in its true order."""
    cells: dict[str, Cell] = {}
    for told in in_order(history):
        named = {line.get("source_id") for line in told.rows if line["op"] in ("row", "patch")}
        scope = told.header.get("cell")
        if scope or told.header.get("whole_source"):
            for source_id in [i for i in cells if scope in (None, cells[i]) and i not in named]:
                del cells[source_id]
        for line in told.rows:
            if line["op"] == "row" and "source_id" in line:
                cells[line["source_id"]] = (line["venue"], line["year"])
            elif line["op"] in ("delete", "merge") and "source_id" in line:
                cells.pop(line["source_id"], None)
    return cells


def expected_value(history: Sequence[Told], source_id: str, column: str) -> Any:
    """What the newest file that tells a column of an id says; patches count more than rows."""
    best: Any = None
    for told in sorted(history, key=lambda t: (t.day, t.by_id)):
        lines = [line for line in told.rows if line.get("source_id") == source_id]
        rows = [line for line in lines if line["op"] == "row"][-1:]
        for line in [*rows, *(line for line in lines if line["op"] == "patch")]:
            value = line.get(column)
            silent = line["op"] == "patch" or column in told.header.get("untold", ())
            if not (silent and value is None):
                best = None if value == "" else value
    return best


def expected_merges(history: Sequence[Told]) -> dict[str, str]:
    """id -> what it is in the end, of ids whose last word was a merge.

    Deletions by id are left out: of what is gone already they say nothing.
    """
    last: dict[str, str | None] = {}
    for told in (t for t in in_order(history) if not t.by_id):
        for line in told.rows:
            if "source_id" in line and line["op"] != "patch":
                last[line["source_id"]] = line.get("merged_into")
    into = {i: to for i, to in last.items() if to}

    def end(start: str) -> str:
        seen, now = [start], into[start]
        while now in into and now not in seen:
            seen.append(now)
            now = into[now]
        return now

    return {i: end(i) for i in into if end(i) != i}


def expected_edges(history: Sequence[Told]) -> dict[tuple[str, str], str]:
    papers = expected_papers(history)
    last: dict[tuple[str, str], str] = {}
    first: dict[tuple[str, str], str] = {}
    for told in in_order(history):
        for line in told.rows:
            if "citing_id" in line:
                ends = (line["citing_id"], line["cited_id"])
                last[ends] = line["op"]
                if line["op"] == "row":
                    first.setdefault(ends, f"01-{told.day:02d}")
    return {e: first[e] for e, op in last.items() if op == "row" and e[0] in papers}


IDS = st.sampled_from("pqrst")
SPOTS = st.sampled_from(CELLS)
VALUES = st.sampled_from(["x", "y", None])
ROWS = st.builds(
    lambda i, c, title, abstract: record(i, c, title=title, abstract=abstract),
    IDS, SPOTS, st.sampled_from(["one", "two"]), VALUES,
)  # fmt: skip
DELETES = st.builds(lambda i: {"op": "delete", "source_id": i}, IDS)
MERGES = st.builds(lambda i, to: {"op": "merge", "source_id": i, "merged_into": to}, IDS, IDS)
PATCHES = st.builds(
    lambda i, a: {"op": "patch", "source_id": i, "abstract": a},
    IDS,
    st.sampled_from(["u", "v", ""]),
)
EDGES = st.builds(edge, IDS, st.sampled_from("pq1"), st.sampled_from(["row", "row", "delete"]))
EVEN, ODD = st.integers(1, 5).map(lambda n: 2 * n), st.integers(0, 5).map(lambda n: 2 * n + 1)


def files(day: st.SearchStrategy[int], rows: st.SearchStrategy[Line], **header: Any) -> Any:
    return st.builds(lambda d, r: Told(d, r, header), day, st.lists(rows, max_size=5))


SCOPES = st.one_of(
    files(EVEN, ROWS, whole_source=True),
    *(files(EVEN, ROWS.map(lambda r, c=c: record(r["source_id"], c)), cell=c) for c in CELLS),
)
HISTORIES = st.lists(
    st.one_of(
        files(EVEN, st.one_of(ROWS, ROWS, DELETES, MERGES)),
        SCOPES,
        files(ODD, PATCHES, by_id=True, kind="abstracts"),
        files(ODD, DELETES, by_id=True, kind="deleted"),
        files(ODD, EDGES, by_id=True, kind="edges"),
    ),
    max_size=7,
)


def one_by_id_a_day(history: Iterable[Told]) -> list[Told]:
    """Which of two files by ids of one day is read again later, nobody can say."""
    days: set[int] = set()
    kept = []
    for told in history:
        if not told.by_id or told.day not in days:
            kept.append(told)
            days |= {told.day} if told.by_id else set()
    return kept


def told_to_a_store(history: Sequence[Told], check: Callable[[SourceStore], None]) -> None:
    with TemporaryDirectory() as folder:
        desk = Desk(open_store(Path(folder) / "sources"), Path(folder) / "files")
        for told in history:
            desk.tell(*told.rows, day=told.day, accept_shrink=True, **told.header)
        check(desk.store)
        check(open_store(desk.store.root))


def assert_told_right(history: Sequence[Told]) -> None:
    papers = expected_papers(history)
    expected = {i: (c, expected_value(history, i, "title"), expected_value(history, i, "abstract"))
                for i, c in papers.items()}  # fmt: skip

    def check(store: SourceStore) -> None:
        assert said(store, "title", "abstract") == expected
        merged = dict(store.merged_ids().select("source_id", "merged_into").iter_rows())
        assert merged == {i: to for i, to in expected_merges(history).items() if i not in papers}
        assert edges_in_force(store) == expected_edges(history)
        for cell in CELLS:  # citations lie where their papers lie
            citing = set(store.edges(cell)["citing_id"])
            assert citing <= set(store.records(cell)["source_id"])

    # A row tells every column: what came before an absence is told anew on return.
    told_to_a_store(history, check)


@settings(max_examples=25)
@given(HISTORIES.map(one_by_id_a_day))
def test_what_a_source_says_follows_from_its_files_in_any_order(history: list[Told]) -> None:
    """Rows, patches, deletions, merges and moves, whole and by venue-year, late and doubled."""
    assert_told_right(history)


@pytest.mark.slow
@settings(max_examples=1_000)
@given(HISTORIES.map(one_by_id_a_day))
def test_what_a_source_says_follows_from_its_files_many_times(history: list[Told]) -> None:
    """Orders that go wrong may be one in hundreds."""
    assert_told_right(history)


FULL = st.builds(
    lambda i, c, **more: record(i, c, **more), IDS, SPOTS,
    abstract=VALUES, cited_by_count=st.sampled_from([1, 2, None]),
    citation_source=st.sampled_from(["one", "two"]),
)  # fmt: skip
COUNTS = st.builds(
    lambda i, n: {"op": "patch", "source_id": i, "cited_by_count": n, "citation_source": f"of{n}"},
    IDS, st.integers(5, 7),
)  # fmt: skip


@settings(max_examples=20)
@given(
    st.lists(
        st.one_of(
            files(EVEN, FULL),
            files(EVEN, FULL, kind="bare", untold=["abstract", "cited_by_count"]),
            files(ODD, st.one_of(PATCHES, COUNTS), by_id=True, kind="additions"),
        ),
        max_size=6,
        unique_by=lambda told: told.day,
    ),
    st.randoms(use_true_random=False),
)
def test_each_column_has_the_newest_word_on_it(history: list[Told], chance: random.Random) -> None:
    """Papers without abstracts after abstracts wiped these; a poll before a crawl was forgotten."""
    papers = expected_papers(history)
    expected = {
        i: (c, *(expected_value(history, i, n) for n in ("abstract", "cited_by_count")))
        for i, c in papers.items()
    }

    def check(store: SourceStore) -> None:
        assert said(store, "abstract", "cited_by_count") == expected
        for row in pl.concat([store.records(c) for c in CELLS]).iter_rows(named=True):
            if (count := row["cited_by_count"]) and count >= 5:
                assert row["citation_source"] == f"of{count}"  # a count stays with who counted

    told_to_a_store(chance.sample(history, len(history)), check)
