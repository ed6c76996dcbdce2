"""The audit sheet: drawn, written, through a spreadsheet, and back."""

import csv
import io
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import LabelError
from pipeline.labels.audit_sheet import (
    SHEET_COLUMNS,
    AuditSheet,
    draw_sheet,
    guard,
    read_sheet,
    unguard,
    write_sheet,
)
from pipeline.tables import LABEL_AUDIT, violations

DAY = date(2026, 1, 2)
NASTY = [
    '=HYPERLINK("http://x")',
    "+1 for all",
    "-1 or less",
    "@sum",
    'quotes "double", commas; and\nnewlines',
    "שלום עולם",
    "four bytes 😀 𝔘",
    "'quoted' from the start",
]


def texts(n: int) -> pl.DataFrame:
    titles = [NASTY[i] if i < len(NASTY) else f"Title {i}" for i in range(n)]
    return pl.DataFrame(
        {"paper_id": [f"p{i}" for i in range(n)], "title": titles, "abstract": ["x" * 900] * n}
    )


def labels(n: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "query_id": [f"p{i % 10}" for i in range(n)],
            "document_id": [f"p{i}" for i in range(n)],
            "text_input": ["title"] * n,
            "teacher_id": ["t"] * n,
            "score": pl.Series([i / n for i in range(n)], dtype=pl.Float32),
        }
    )


def drawn(n: int = 30) -> AuditSheet:
    return draw_sheet(labels(1000), texts(1000), n, seed=0)


def filled(sheet: pl.DataFrame, relevance: str = "1", auditor: str = "AL") -> pl.DataFrame:
    return sheet.with_columns(relevance=pl.lit(relevance), auditor=pl.lit(auditor))


def back(sheet: pl.DataFrame, key: pl.DataFrame, **more: str) -> pl.DataFrame:
    return read_sheet(write_sheet(sheet).encode("utf-8-sig"), key, audited_on=DAY, **more)


def test_every_stratum_is_drawn_and_weighs_what_it_stands_for() -> None:
    """A sheet of the many irrelevant pairs; shares of the sheet taken for shares of all."""
    key = drawn(50).key
    found = key.group_by("stratum").agg(pl.len(), pl.col("weight").sum()).sort("stratum")
    assert found["len"].to_list() == [10] * 5
    assert found["weight"].to_list() == pytest.approx([500, 250, 150, 70, 30])
    everything = draw_sheet(labels(40), texts(40), 99, seed=0).key
    assert (everything.height, set(everything["weight"])) == (40, {1.0})
    assert drawn().key.equals(drawn().key)


def test_nobody_sees_the_score() -> None:
    """A judge anchored by the teacher's score, or by rows sorted by it."""
    sheet, key = drawn(50).sheet, drawn(50).key
    assert tuple(sheet.columns) == SHEET_COLUMNS
    assert not key["score"].is_sorted()
    assert not key["score"].is_sorted(descending=True)
    assert sheet["query_abstract"].str.len_chars().max() == 600
    assert sheet.select("query_id", "document_id").equals(key.select("query_id", "document_id"))


def test_a_filled_sheet_comes_back_as_rows_of_the_table() -> None:
    """Scores joined to the wrong pair; blank rows taken for judgments of 0."""
    made = drawn()
    half = filled(made.sheet, "2").with_columns(
        relevance=pl.when(pl.int_range(pl.len()) < 10).then(pl.lit("2")).otherwise(pl.lit(" "))
    )
    audit = back(half, made.key)
    assert violations(LABEL_AUDIT, audit) == []
    assert audit.height == 10
    pair = ["query_id", "document_id", "score", "stratum", "weight"]
    assert audit.select(pair).equals(made.key.head(10).select(pair))
    assert set(audit["relevance"]) == {2}
    assert set(audit["audited_on"]) == {DAY}
    unsigned = filled(made.sheet, auditor="")
    assert set(back(unsigned, made.key, auditor="BB")["auditor"]) == {"BB"}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_any_separator_a_spreadsheet_saves_with(separator: str) -> None:
    """A sheet saved by a spreadsheet of another country: refused, or read as one column."""
    made = drawn()
    rows = csv.reader(io.StringIO(write_sheet(filled(made.sheet)), newline=""))
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, lineterminator="\n").writerows(rows)
    assert read_sheet(out.getvalue().encode(), made.key, audited_on=DAY).height == 30


def test_nasty_titles_survive_and_no_cell_is_a_formula() -> None:
    """A title that runs in the reader's spreadsheet; rows that shift after a newline."""
    made = draw_sheet(labels(60), texts(60), 60, seed=0)
    rows = list(csv.DictReader(io.StringIO(write_sheet(made.sheet), newline="")))
    assert len(rows) == 60
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    titles = {unguard(row["query_title"]) for row in rows}
    assert titles == {*NASTY, "Title 8", "Title 9"}


@given(st.text())
def test_guarding_is_undone(cell: str) -> None:
    """An apostrophe that grows with every round, or eats the first of the title's own."""
    assert unguard(guard(cell)) == cell
    assert not guard(cell).startswith(("=", "+", "-", "@", "\t", "\r", "＝"))


def test_every_problem_is_told_at_once() -> None:
    """One problem per import: a sheet of two hundred rows takes two hundred imports."""
    made = drawn()
    sheet = filled(made.sheet)
    bad = pl.concat(
        [
            sheet,
            sheet.head(1),
            sheet.slice(1, 1).with_columns(query_id=pl.lit("nobody")),
            sheet.slice(2, 1).with_columns(relevance=pl.lit("3"), auditor=pl.lit("BB")),
            sheet.slice(3, 1).with_columns(auditor=pl.lit(" ")),
        ]
    )
    with pytest.raises(LabelError) as error:
        back(bad, made.key)
    told = str(error.value)
    for part in (
        "4 problems",
        "row 32: judged again by AL",
        "row 33: unknown pair 'nobody'",
        "row 34: relevance '3', not 0, 1 or 2",
        "row 35: no auditor",
    ):
        assert part in told
    assert "\n" not in told
    with pytest.raises(LabelError, match=r"30 problems.*and 10 more"):
        back(filled(made.sheet, "yes"), made.key)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "none named query_id, document_id, relevance, auditor"),
        (b"query_id,document_id,relevance\np1,p2,1\n", "none named auditor"),
        ("query_id,document_id,relevance,auditor\np1,p2,1,é".encode("latin-1"), "CSV UTF-8"),
        ("query_id\tdocument_id".encode("utf-16"), "CSV UTF-8"),
        (b'query_id,document_id,relevance,auditor\np1,p2,1,"open\n', "as CSV"),
    ],
)
def test_files_that_are_no_sheet_are_refused(content: bytes, match: str) -> None:
    """Judgments lost silently behind an open quote, or a file of another encoding."""
    with pytest.raises(LabelError, match=match):
        read_sheet(content, drawn().key, audited_on=DAY)


def test_what_cannot_be_drawn_from_is_refused() -> None:
    """Two teachers' scales in one set of strata; a sheet without texts."""
    mixed = pl.concat([labels(9), labels(9).with_columns(teacher_id=pl.lit("u"))])
    with pytest.raises(LabelError, match="one teacher on one text input"):
        draw_sheet(mixed, texts(9), 5, seed=0)
    with pytest.raises(LabelError, match="papers with texts"):
        draw_sheet(labels(9), texts(9).clear(), 5, seed=0)
    holes = labels(20).with_columns(
        score=pl.when(pl.int_range(pl.len()) < 15).then(None).otherwise("score")
    )
    assert draw_sheet(holes, texts(20), 9, seed=0).key.height == 5
