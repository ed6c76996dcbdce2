"""The sheet on which people judge pairs that a teacher has scored: drawn, written, read back.

Belongs here: which pairs, and a file that survives spreadsheets. Not: what the answers say of the
teacher (audit.py).

The teacher's score is not on the sheet and rows are shuffled: who sees a score is anchored by it
(Tversky & Kahneman 1974). Scores and strata stay behind in the key, and are joined on return.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.errors import LabelError
from pipeline.labels.scoring import one_teacher
from pipeline.tables import LABEL_AUDIT

SHEET_COLUMNS = (
    "query_id",
    "document_id",
    "query_title",
    "query_abstract",
    "document_title",
    "document_abstract",
    "relevance",
    "auditor",
)
STRATA = (0.5, 0.75, 0.9, 0.97)
"""Quantiles of the scores between strata: finer at the top, where a threshold will lie."""

_KEY = ("query_id", "document_id", "text_input", "teacher_id", "score", "stratum", "weight")
_ABSTRACT = 600  # characters: enough to judge, short enough to read two hundred times
_FORMULA = tuple("=+-@＝＋－＠\t\r'")  # full-width signs start formulas too
_RELEVANCE = {"0": 0, "1": 1, "2": 2}
_SHOWN = 20  # problems named in one error


@dataclass(frozen=True)
class AuditSheet:
    """`sheet`: what people see (SHEET_COLUMNS); `key`: the same pairs with score and stratum."""

    sheet: pl.DataFrame
    key: pl.DataFrame


def draw_sheet(
    labels: pl.DataFrame,
    texts: pl.DataFrame,
    n: int,
    *,
    strata: Sequence[float] = STRATA,
    seed: int,
) -> AuditSheet:
    """At most `n` scored pairs, equally many from each stratum of the teacher's score.

    What a small stratum lacks, the larger ones give.

    Args:
        labels: `query_id, document_id, text_input, teacher_id, score`, of one teacher.
        texts: `paper_id, title, abstract`; pairs without a text cannot be drawn.
        n: pairs to judge.
        strata: quantiles (0..1, ascending) between strata.
        seed: another seed, other pairs.

    Raises:
        LabelError: labels of two teachers or inputs, or no scored pair with texts.
    """
    one_teacher(labels)
    known = labels.filter(pl.col("score").is_finite()).sort("query_id", "document_id")
    for side in ("query_id", "document_id"):
        known = known.join(texts, left_on=side, right_on="paper_id", how="semi")
    if known.is_empty():
        raise LabelError("expected scored pairs of papers with texts, received none; label first")
    scores = known["score"].to_numpy().astype(np.float64)
    stratum = np.searchsorted(np.quantile(scores, strata), scores, side="right")
    rng = np.random.default_rng(seed)
    drawn, weight = _draw(stratum, n, len(strata) + 1, rng)
    key = known[drawn].with_columns(
        pl.Series("stratum", stratum[drawn].astype(np.int32)), pl.Series("weight", weight)
    )
    key = key[rng.permutation(drawn.size)].select(_KEY)
    return AuditSheet(_as_sheet(key, texts), key)


def write_sheet(sheet: pl.DataFrame) -> str:
    """The sheet as CSV; encode it as `utf-8-sig`, by which spreadsheets know UTF-8.

    A cell that a spreadsheet would take for a formula gets a leading apostrophe.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(SHEET_COLUMNS)
    for row in sheet.select(SHEET_COLUMNS).iter_rows():
        writer.writerow(["" if cell is None else guard(str(cell)) for cell in row])
    return out.getvalue()


def read_sheet(
    content: bytes, key: pl.DataFrame, *, audited_on: date, auditor: str = ""
) -> pl.DataFrame:
    """`label_audit` rows of the pairs judged; rows without a relevance are not judged yet.

    Args:
        content: the file as it came back: UTF-8, separated by comma, semicolon or tab.
        key: of the sheet when it was drawn.
        audited_on: day of the import.
        auditor: who judged, where the sheet's column is blank.

    Raises:
        LabelError: every problem of the sheet in one line: columns missing, unknown pairs,
            relevance other than 0, 1, 2, pairs judged twice by one person, nobody named.
    """
    rows, problems = _checked(_parse(content), key, auditor)
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise LabelError(
            f"expected a filled audit sheet, received {len(problems)} problems: "
            + "; ".join(problems[:_SHOWN])
            + f"{more}; correct these rows and import again"
        )
    given = pl.DataFrame(
        rows,
        schema={n: LABEL_AUDIT.schema[n] for n in (*_KEY[:2], "auditor", "relevance")},
        orient="row",
    )
    return (
        given.join(key, on=_KEY[:2], how="inner", maintain_order="left")
        .with_columns(pl.lit(audited_on).alias("audited_on"))
        .select(LABEL_AUDIT.schema.names())
        .cast(LABEL_AUDIT.schema)
    )


def sheet_pairs(content: bytes) -> set[tuple[str, str]]:
    """(query, document) of every row of a sheet, judged or not, as they stand there.

    Raises LabelError if it is no sheet.
    """
    return {
        (line.get("query_id", "").strip(), line.get("document_id", "").strip())
        for line in _parse(content)
    }


def guard(cell: str) -> str:
    """`cell` such that no spreadsheet runs it; `unguard` gives it back."""
    return "'" + cell if cell.startswith(_FORMULA) else cell


def unguard(cell: str) -> str:
    """What `guard` was given."""
    return cell.removeprefix("'")


def _draw(
    stratum: NDArray[np.int64], n: int, n_strata: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Places drawn, and how many places of its stratum each stands for."""
    drawn, weight, left = [], [], n
    by_size = sorted((np.flatnonzero(stratum == s) for s in range(n_strata)), key=len)
    for done, places in enumerate(by_size):
        share = min(places.size, left // (n_strata - done))
        drawn.append(rng.choice(places, share, replace=False))
        weight.append(np.full(share, places.size / max(share, 1)))
        left -= share
    return np.concatenate(drawn), np.concatenate(weight)


def _as_sheet(key: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
    """Titles and beginnings of abstracts of the pairs, and two blank columns."""
    beginning = pl.col("abstract").fill_null("").str.slice(0, _ABSTRACT)
    shown = texts.select("paper_id", "title", beginning).unique("paper_id")
    sheet = key.select("query_id", "document_id")
    for side in ("query", "document"):
        names = {c: f"{side}_{c.removeprefix('paper_')}" for c in shown.columns}
        sheet = sheet.join(shown.rename(names), on=f"{side}_id", how="left", maintain_order="left")
    return sheet.with_columns(relevance=pl.lit(""), auditor=pl.lit("")).select(SHEET_COLUMNS)


def _parse(content: bytes) -> list[dict[str, str]]:
    """Rows by column name; whatever spreadsheets make of the separator."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelError(
            f"expected an audit sheet in UTF-8, received other bytes ({error.reason} at "
            f"{error.start}); save it as `CSV UTF-8`"
        ) from error
    header = text.partition("\n")[0]
    separator = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        names, *lines = [line for line in reader if any(cell.strip() for cell in line)] or [[]]
    except csv.Error as error:
        raise LabelError(f"expected an audit sheet as CSV, received: {error}") from error
    names = [name.strip() for name in names]
    needed = ("query_id", "document_id", "relevance", "auditor")
    if missing := [name for name in needed if name not in names]:
        raise LabelError(
            f"expected the columns of an audit sheet, received none named {', '.join(missing)}; "
            "export a new sheet and copy the judgments over"
        )
    return [dict(zip(names, map(unguard, line), strict=False)) for line in lines]


def _checked(
    lines: list[dict[str, str]], key: pl.DataFrame, default: str
) -> tuple[list[tuple[str, str, str, int]], list[str]]:
    """Judged rows (query, document, auditor, relevance), and what is wrong with the others."""
    known, seen = set(key.select(_KEY[:2]).iter_rows()), set()
    rows, problems = [], []
    for number, line in enumerate(lines, start=2):
        cells = [line.get(c, "").strip() for c in ("query_id", "document_id", "auditor")]
        query, document, auditor = cells[0], cells[1], cells[2] or default.strip()
        relevance = line.get("relevance", "").strip()
        if not relevance:
            continue
        wrong = [
            what
            for what, holds in (
                (f"unknown pair {query!r}, {document!r}", (query, document) not in known),
                (f"relevance {relevance!r}, not 0, 1 or 2", relevance not in _RELEVANCE),
                ("no auditor", not auditor),
                (f"judged again by {auditor}", (query, document, auditor) in seen),
            )
            if holds
        ]
        seen.add((query, document, auditor))
        problems += [f"row {number}: {what}" for what in wrong]
        if not wrong:
            rows.append((query, document, auditor, _RELEVANCE[relevance]))
    return rows, problems
