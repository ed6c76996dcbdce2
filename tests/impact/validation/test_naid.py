"""Reading NAID's file: made-up rows, as they are and as they should not be."""

from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.impact.validation.naid import FILE, parse_naid

HEADER = "id,title,cites,TNCSI,TNCSI_SP,abstract,OA"


def table(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows]).encode()


def test_year_and_month_come_from_the_id() -> None:
    """A month taken for a day, or a version for a digit, puts a paper into another window."""
    rows = parse_naid(
        table(
            'http://arxiv.org/abs/2112.01234v3,"A, title",7,0.5,0.25,"Two\nlines",0',
            "https://arxiv.org/abs/2001.0123,B,0,0,0,,1",
        )
    )
    assert rows["arxiv_id"].to_list() == ["2001.0123", "2112.01234"]
    assert [d.isoformat() for d in rows["publication_date"]] == ["2020-01-15", "2021-12-15"]
    assert rows["month"].diff().to_list()[1] == 23
    assert rows["cites"].to_list() == [0, 7]
    assert rows["tncsi_sp"].to_list() == [0, 0.25]
    assert rows["abstract"].to_list() == ["", "Two\nlines"]


def test_papers_without_count_or_score_are_left_out() -> None:
    """They cannot be compared, and are no error."""
    rows = parse_naid(
        table("2001.00001,A,,0.5,0.5,a,0", "2001.00002,B,3,,0.5,b,0", "2001.00003,C,3,0.1,,c,0")
    )
    assert rows["arxiv_id"].to_list() == ["2001.00002"]


def test_two_versions_are_one_paper() -> None:
    """A paper beside itself would be its own nearest neighbour."""
    rows = parse_naid(table("2001.00001v1,A,3,0.5,0.5,a,0", "2001.00001v2,A,9,0.5,0.5,a,0"))
    assert rows["cites"].to_list() == [3]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "received no CSV"),
        (b"\xff\xfe\x00\x01", "expected"),
        (table("1,2", header="id,title"), "none named abstract, cites, TNCSI, TNCSI_SP"),
        (table("10.1000/182,A,3,0.5,0.5,a,0"), "no arXiv id in 1 rows: row 1 ('10.1000/182')"),
        (table("2013.00001,A,3,0.5,0.5,a,0"), "no arXiv id"),
        (table("2001.00001,A,-3,0.5,0.5,a,0"), "cites outside 0..2147483647 in 1 rows"),
        (table("2001.00001,A,many,0.5,1.5,a,0"), "TNCSI_SP outside 0..1 in 1 rows: row 1 ('1.5')"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(data: bytes, told: str) -> None:
    """A wrong file would otherwise fail later, as a correlation of nothing."""
    with pytest.raises(InputError) as problem:
        parse_naid(data)
    assert told in str(problem.value)
    assert "\n" not in str(problem.value)


def test_a_file_without_rows_has_no_papers() -> None:
    """Nothing to compare is a note in the table, not a traceback."""
    assert parse_naid(table()).height == 0


def test_the_real_file(real_lists: Path) -> None:
    """The parser must read what the authors publish."""
    rows = parse_naid((real_lists / "naid" / FILE).read_bytes())
    assert rows.height == 1237
    assert rows["publication_date"].dt.year().unique().sort().to_list() == [2020, 2021, 2022]
    assert rows["tncsi_sp"].is_between(0, 1).all()
