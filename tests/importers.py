"""What tests of importers share: reading bytes whole, accounting for every row, spoiling values.

Belongs here: helpers that several files of tests/corpus share. Not: tests.
"""

import gzip
import io
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from pipeline.corpus.incoming import (
    BAD_ROW_SCHEMA,
    EDGE_SCHEMA,
    RECORD_SCHEMA,
    Head,
    Importer,
    Recognised,
)
from pipeline.corpus.places import Places
from pipeline.tables import DUMP_RECORDS
from pipeline.venues import load_venues

PLACES = Places.of(load_venues(), date(2026, 1, 2))

MUST_HAVE = tuple(
    name for name, c in DUMP_RECORDS.columns.items() if name in RECORD_SCHEMA and not c.nullable
)


@dataclass(frozen=True)
class Read:
    """All batches of a file as one."""

    records: pl.DataFrame
    edges: pl.DataFrame
    bad: pl.DataFrame
    n_outside: int

    @property
    def n_rows(self) -> int:
        return self.records.height + self.edges.height + self.bad.height + self.n_outside

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Records without their nulls."""
        return [
            {name: value for name, value in row.items() if value is not None}
            for row in self.records.iter_rows(named=True)
        ]

    @property
    def reasons(self) -> list[str]:
        return self.bad["reason"].to_list()


def head_of(content: bytes, name: str = "file") -> Head:
    return Head(content[: 1 << 16], name)


def read(importer: Importer, file: bytes | BinaryIO, recognised: Recognised | None = None) -> Read:
    """What `importer` makes of `file`; checks the shape of every batch."""
    if isinstance(file, bytes):
        recognised = recognised or importer.recognise(head_of(file))
        file = io.BytesIO(file)
    assert recognised is not None
    batches = list(importer.read(file, recognised, PLACES))
    for batch in batches:
        assert batch.records.schema == RECORD_SCHEMA
        assert batch.edges.schema == EDGE_SCHEMA
        assert batch.bad.schema == BAD_ROW_SCHEMA
    result = Read(
        pl.concat(b.records for b in batches),
        pl.concat(b.edges for b in batches),
        pl.concat(b.bad for b in batches),
        sum(b.n_outside for b in batches),
    )
    assert_sound(result)
    return result


def assert_sound(result: Read) -> None:
    """No row twice, no null where the table allows none, every reason a sentence."""
    numbers = pl.concat(
        f["source_row"].cast(pl.Int64) for f in (result.records, result.edges, result.bad)
    )
    assert numbers.is_unique().all()
    whole = result.records.filter(pl.col("op") == "row")
    assert [name for name in MUST_HAVE if whole[name].null_count()] == []
    if whole.height:
        assert set(whole["venue"]) <= set(PLACES.first_year)
    for ids in ("author_ids", "affiliations"):
        told = result.records.filter(pl.col(ids).is_not_null())
        assert (told[ids].list.len() == told["authors"].list.len()).all()
    for reason in result.reasons:
        assert "expected" in reason, reason
        assert len(reason) < 300, reason
        assert "\n" not in reason, reason
        assert "Error" not in reason, reason


def whole(path: Path) -> bytes:
    """The content of a file, gunzipped if it is gzipped."""
    content = path.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


NASTY_TEXTS = (
    "", " ", "x" * 1_200, "0000", "2010.0", "2010.5", "-1", "1e999", "nan", "null", "２０１０",
    "99999999999999999999", "12,5", "true", "&eacute;;&#x110000;", "<i>x</i>", "]]>", "{", "}}",
    "a;b;;c;", "Last, First", "\x00\x01", "\u202eabc", "😀", "שלום", "a\nb", '"', "''", "\\", "\t",
    "https://doi.org/10.1/x", "10.1109/TVCG.2011.185", "2011-02-30", "Preface", "conf/nips/", "/",
    "\ufeff", "\x85", "%s %d {0}", "../../etc/passwd", "\ud83d",
)  # fmt: skip
NASTY_VALUES = (
    None, True, -1, 0, 2010, 2010.0, 2010.5, 10**18, -(2**63), 1e308, {}, [None], [[]], [],
    {"text": "x"}, [{"text": None}], {"author": {}}, ["Last, First", "", "Last, First"], "x",
)  # fmt: skip


def nasty_text(rng: random.Random) -> str:
    """A text that some parser stumbled over once; never a lone surrogate."""
    return rng.choice(NASTY_TEXTS).encode(errors="ignore").decode()


def nasty_value(rng: random.Random) -> Any:
    """A value of a JSON document that is seldom the one expected."""
    if rng.random() < 0.02:
        deep: Any = []
        for _ in range(rng.choice((5, 300, 900))):
            deep = [deep]
        return deep
    return nasty_text(rng) if rng.random() < 0.5 else rng.choice(NASTY_VALUES)


def spoiled(row: dict[str, Any], rng: random.Random, values: Any = nasty_value) -> dict[str, Any]:
    """`row` with none, some or all of its fields lost or changed."""
    share = rng.choice((0.0, 0.1, 0.3, 0.9))
    changed = {}
    for name, value in row.items():
        if rng.random() >= share:
            changed[name] = value
        elif rng.random() < 0.7:
            changed[name] = values(rng)
    return changed


def spoiled_bytes(content: bytes, rng: random.Random) -> bytes:
    """`content` with a few bytes changed, lost, doubled or cut off."""
    damaged = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(damaged) + 1)
        what = rng.randrange(5)
        if what == 0:
            damaged[at : at + 1] = bytes([rng.randrange(256)])
        elif what == 1:
            del damaged[at : at + rng.randint(1, 30)]
        elif what == 2:
            damaged[at:at] = damaged[at : at + rng.randint(1, 60)]
        elif what == 3:
            damaged[at:at] = rng.choice((b"<", b">", b"&", b'"', b"\x00", b"\xff", b"{", b"\n"))
        elif len(damaged) > 40:
            del damaged[rng.randrange(len(damaged) // 2, len(damaged)) :]
    return bytes(damaged)


class Trickle(io.RawIOBase):
    """A stream that gives as many bytes at a time as it pleases."""

    def __init__(self, content: bytes, sizes: Iterable[int]) -> None:
        self._content, self._sizes, self._at = content, iter(sizes), 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        step = next(self._sizes)
        taken = self._content[self._at : self._at + (step if size < 0 else min(size, step))]
        self._at += len(taken)
        return taken
