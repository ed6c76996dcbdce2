"""Every importer stands on these: a row lost here is lost everywhere."""

import io

import pytest

from pipeline.corpus.front_matter import is_front_matter
from pipeline.corpus.gathering import BATCH_ROWS, Unusable, gather, natural_name, year_number
from pipeline.corpus.incoming import RECORD_SCHEMA, record_frame
from pipeline.corpus.lines import bounded_lines
from pipeline.corpus.rows import BadRowError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Lovelace, Ada", "Ada Lovelace"),
        ("King, Martin Luther, Jr.", "Martin Luther King Jr."),
        ("King, Jr., Martin Luther", "Martin Luther King Jr."),
        ("Martin Luther King, Jr.", "Martin Luther King Jr."),
        ("Daumé III, Hal", "Hal Daumé III"),
        ("Ada Lovelace", "Ada Lovelace"),
        (" , ", ""),
        ("Iv, Ann", "Ann Iv"),
    ],
)
def test_names_in_their_natural_order(name: str, expected: str) -> None:
    """ "King Jr." as a first name would make its bearer somebody else."""
    assert natural_name(name) == expected


@pytest.mark.parametrize("value", [2010, 2010.0, "2010", " 2010 ", "2010.0", "2010."])
def test_years_as_spreadsheets_write_them(value: object) -> None:
    """A table saved by a script has 2010.0 in every row, and would be bad as a whole."""
    assert year_number(value) == 2010


@pytest.mark.parametrize(
    "value", [None, "", "0000", 10, 2010.5, "２０１０", True, [], "20100", 1e300]
)
def test_what_is_no_year(value: object) -> None:
    """Year 0 is no date, and full-width digits are no number elsewhere."""
    with pytest.raises(BadRowError, match="year: expected one such as 2010, received"):
        year_number(value)


def test_every_row_is_in_one_batch() -> None:
    """Rows left over at the end, or numbers that start anew, would be lost or doubled."""
    rows = [Unusable("expected x", "y") if i % 3 == 0 else i for i in range(2 * BATCH_ROWS + 7)]

    def parse(number: int) -> dict[str, object] | None:
        if number % 3 == 1:
            return None
        return {"source_id": str(number)}

    batches = list(gather(rows, parse))
    assert len(batches) == 2
    numbers = [n for b in batches for f in (b.records, b.bad) for n in f["source_row"]]
    assert len(numbers) == len(set(numbers))
    assert sorted(numbers) == [i for i in range(len(rows)) if i % 3 != 1]
    assert sum(b.n_outside for b in batches) == len(rows) - len(numbers)


def test_no_rows_are_a_batch_of_none() -> None:
    """An importer without a batch would leave its caller without a schema."""
    (batch,) = gather([], lambda row: row)
    assert batch.records.schema == record_frame([]).schema == RECORD_SCHEMA


def test_lines_have_a_bound() -> None:
    """A file without line ends would be read into memory whole."""
    content = b"ab\r\n" + b"x" * 50 + b"\n\nabcd\nlast"
    lines = list(bounded_lines(io.BytesIO(content), 4))
    assert lines == [b"ab", None, b"", b"abcd", b"last"]


@pytest.mark.parametrize("title", ["Preface", "Author Index", "Keynote Talks", "Editorial"])
def test_front_matter(title: str) -> None:
    """A foreword in a pool would be compared with papers."""
    assert is_front_matter(title)
    assert not is_front_matter(f"{title} mining with neural networks")
