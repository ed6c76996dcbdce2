"""Dumps hold broken lines and break off: a line may cost itself, never its neighbours."""

import gzip
import io
import json
from typing import Any

import polars as pl
import pytest

from pipeline.corpus import parallel
from pipeline.corpus.incoming import Batch
from pipeline.corpus.json_lines import MAX_LINE, first_objects, read_batches
from pipeline.corpus.rows import Row
from pipeline.errors import UnreadableFileError


def deletion(row: Row) -> dict[str, Any] | None:
    """A record of a row's id; none for ids that are no concern of ours."""
    return {"op": "delete", "source_id": str(row["id"])} if row["id"] else None


def read(data: bytes, first: int = 0) -> Batch:
    batches = list(read_batches(io.BytesIO(data), deletion, first=first))
    return Batch(
        records=pl.concat(b.records for b in batches),
        bad=pl.concat(b.bad for b in batches),
        n_outside=sum(b.n_outside for b in batches),
    )


def test_every_line_is_accounted_for_by_its_number() -> None:
    """A row number that slips by the blank or broken lines before it would point to another row."""
    lines = [b'{"id": 7}', b"", b"{", b'{"id": 0}', b'{"id": "\xff"}', b"[1]", b'{"id": 8}']
    batch = read(b"\n".join(lines), first=1)
    assert batch.records.select("source_id", "source_row").rows() == [("7", 1), ("8", 7)]
    assert batch.n_outside == 1
    reasons = dict(batch.bad.select("source_row", "reason").iter_rows())
    assert list(reasons) == [3, 5, 6]
    assert reasons[3].startswith("expected JSON, received a line that is none: ")
    assert reasons[5] == "expected UTF-8, received byte 0xff at column 9"
    assert reasons[6] == "expected an object, received list"


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("surplus", [-1, 0, 1, 2 * MAX_LINE])
def test_a_line_of_any_length(surplus: int, end: bytes) -> None:
    """A line without an end must neither fill the memory nor swallow the line after it."""
    long = b'{"id": 1, "a": "' + b"x" * (MAX_LINE + surplus - 19) + b'"}' + end
    batch = read(b'{"id": 5}\n' + long + (b'{"id": 6}' if end else b""))
    fits = len(long) <= MAX_LINE
    assert batch.records["source_id"].to_list() == ["5", *["1"] * fits, *["6"] * bool(end)]
    expected = [] if fits else ["expected a line of at most 16 MiB, received a longer one"]
    assert batch.bad["reason"].to_list() == expected
    assert batch.bad["excerpt"].str.len_chars().to_list() == [300] * (not fits)


def test_a_truncated_gzip_is_no_end_of_file() -> None:
    """A download that broke off would pass for a smaller dump, and its missing rows for deleted."""
    whole = gzip.compress(b'{"id": 5}\n' * 100_000)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    for data in (whole[:-20], bytes(damaged)):
        with (
            gzip.open(io.BytesIO(data)) as file,
            pytest.raises(UnreadableFileError, match="truncated or damaged"),
        ):
            list(read_batches(file, deletion))


def test_the_first_rows_of_a_beginning_cut_anywhere() -> None:
    """The beginning ends inside a row, even a character: it must still tell what it holds."""
    line = json.dumps({"id": "W1", "title": "Ü", "more": [1, 2]}, ensure_ascii=False).encode()
    for cut in range(10, len(line)):
        assert first_objects(line[:cut])[0]["id"] == "W1"
        assert first_objects(b'nonsense\n{"id": 3}\n' + line[:cut]) == [{"id": 3}]
    assert first_objects(b'{"corpusid": 1, "abstract": "long')[0].keys() == {"corpusid", "abstract"}
    assert first_objects(b"") == first_objects(b"\xff\xfe\n[]") == []


def test_large_files_come_in_order_and_nothing_is_read_far_ahead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Workers end in any order; their rows must not, nor may the file be read into memory."""
    monkeypatch.setattr(parallel, "N_ALONE", 2)
    row = json.dumps({"id": 1, "a": "x" * 2**20}).encode() + b"\n"
    file = io.BytesIO(row * 60)
    batches = read_batches(file, deletion)
    rows: list[int] = []
    for n_batches, batch in enumerate(batches, 1):
        rows += batch.records["source_row"].to_list()
        # A chunk is four such rows; five chunks may be under way and one be in the making.
        assert file.tell() <= (n_batches + 2 * parallel.N_WORKERS + 2) * 4 * len(row)
    assert rows == list(range(60))
