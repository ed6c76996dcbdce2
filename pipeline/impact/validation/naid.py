"""NAID's test split: what its authors publish of 1,237 arXiv papers.

Belongs here: reading the file. Not: what is compared with it (naid_scores.py, naid_study.py).

Source: NAID_test_extrainfo_arxiv_id.csv of github.com/ssocean/NAIP, companion of arXiv 2408.03934.
TNCSI and TNCSI_SP are as their authors computed them, from keyword pools and citations of Semantic
Scholar; an arXiv id begins with year and month, and more is not known of a date.
"""

import io

import polars as pl

from pipeline.errors import InputError

FILE = "NAID_test_extrainfo_arxiv_id.csv"
COLUMNS = ("id", "title", "abstract", "cites", "TNCSI", "TNCSI_SP")
MID_MONTH = 15  # day: at most 16 from the true one

_ID = r"(?:^|/)((\d\d)(0[1-9]|1[0-2])\.\d{4,5})(?:v\d+)?$"
_SHOWN = 3  # bad rows told of


def parse_naid(data: bytes) -> pl.DataFrame:
    """`arxiv_id, title, abstract, publication_date, month, cites, tncsi, tncsi_sp`, by id.

    `month` numbers months since January of year 0. Rows without citations or TNCSI_SP are left
    out; of a paper's versions the first row stays.

    Raises:
        InputError: not a CSV file, a column is missing, or rows have an id that is no arXiv id, or
            what is no number, or numbers out of range.
    """
    rows = _rows(data)
    name = rows["id"].str.strip_chars()
    numbers = {c: rows[c].str.strip_chars().cast(pl.Float64, strict=False) for c in COLUMNS[3:]}
    _check(rows, name.str.contains(_ID), numbers)
    year, month = (name.str.extract(_ID, group).cast(pl.Int32) for group in (2, 3))
    table = pl.DataFrame(
        {
            "arxiv_id": name.str.extract(_ID, 1),
            "title": rows["title"].fill_null(""),
            "abstract": rows["abstract"].fill_null(""),
            "publication_date": _mid_month(2000 + year, month),
            "month": (2000 + year) * 12 + month - 1,
            "cites": numbers["cites"].cast(pl.Int32),
            "tncsi": numbers["TNCSI"],
            "tncsi_sp": numbers["TNCSI_SP"],
        }
    )
    known = table.drop_nulls(["cites", "tncsi_sp"])
    return known.unique("arxiv_id", keep="first", maintain_order=True).sort("arxiv_id")


def _mid_month(year: pl.Series, month: pl.Series) -> pl.Series:
    parts = pl.DataFrame({"year": year, "month": month})
    return parts.select(pl.date("year", "month", MID_MONTH)).to_series()


def _rows(data: bytes) -> pl.DataFrame:
    try:
        rows = pl.read_csv(io.BytesIO(data), infer_schema=False)
    except pl.exceptions.PolarsError as problem:
        raise InputError(
            f"expected {FILE} as its authors publish it, received no CSV ({problem}); fetch it anew"
        ) from problem
    if missing := [column for column in COLUMNS if column not in rows.columns]:
        raise InputError(
            f"expected columns {', '.join(COLUMNS)} in {FILE}, received none named "
            f"{', '.join(missing)}; fetch it anew"
        )
    return rows


def _check(rows: pl.DataFrame, is_arxiv: pl.Series, numbers: dict[str, pl.Series]) -> None:
    """Every problem of the file in one line."""
    problems = _told("no arXiv id", ~is_arxiv.fill_null(False), rows["id"])
    for column, read in numbers.items():
        written = rows[column].str.strip_chars().fill_null("") != ""
        high = 2**31 - 1 if column == "cites" else 1
        wrong = written & ~read.is_between(0, high).fill_null(False)
        problems += _told(f"{column} outside 0..{high}", wrong, rows[column])
    if problems:
        raise InputError(
            f"expected arXiv ids and numbers in {FILE}, received {'; '.join(problems)}; "
            "correct or remove these rows"
        )


def _told(what: str, wrong: pl.Series, values: pl.Series) -> list[str]:
    if not wrong.any():
        return []
    first = [
        f"row {row + 1} ({values[row]!r:.40})" for row in wrong.arg_true().head(_SHOWN).to_list()
    ]
    return [f"{what} in {wrong.sum()} rows: {', '.join(first)}"]
