"""Records -> papers: which record is which paper, soberly, through the ledger.

Belongs here: the rules by which two records are one paper. Not: parsing, storage.

Within a venue-year, in this order: the source's own id, if the authors or most of the title
agree (ids of some lists are mere positions); the normalised title, if an author is shared or one
side names none. Everything else is another paper: a title alone joins nothing across
venue-years, so a workshop paper and its later main-track version stay two.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from pipeline.corpus.ledger import Ledger, Method
from pipeline.corpus.text import normalise_title, surname
from pipeline.tables import PAPER_IDS

_CONFIDENCE: Mapping[Method, float] = {"first": 1.0, "source_id": 1.0, "title": 0.95}
_SAME_TITLE = 0.5  # share of words two titles under one id must have in common


def resolve_records(records: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """`paper_ids` of a venue-year's `dump_records`; what is new is appended to `ledger`.

    Records are taken oldest list first and by title within a list, so that the ids minted do
    not depend on the order of rows in a file. Excluded records are no papers and get no id.
    """
    candidates = records.filter(pl.col("excluded_because").is_null())
    ordered = candidates.with_columns(
        normal_title=pl.col("title").map_elements(normalise_title, return_dtype=pl.String)
    ).sort(
        ["list_order", "normal_title", "source_id", "source_row"],
        descending=[True, False, False, False],
    )
    rows = list(_resolve(ordered, ledger))
    return pl.DataFrame(rows, schema=PAPER_IDS.schema, orient="row").sort("record_key")


def _resolve(ordered: pl.DataFrame, ledger: Ledger) -> Iterator[tuple[Any, ...]]:
    title_of_paper: dict[str, str] = {}
    id_keys: set[tuple[str, str | None]] = set()  # (paper, id key) of the records so far
    for record in ordered.iter_rows(named=True):
        paper_id = _find_or_mint(record, ledger, title_of_paper)
        id_key, _ = _keys(record)
        # Said of the records at hand and not of what this run did to the ledger, so that
        # resolving the same records again, or in a rebuild, says the same.
        method: Method = "title"
        if paper_id not in title_of_paper:
            method = "first"
        elif id_key and (paper_id, id_key) in id_keys:
            method = "source_id"
        title_of_paper.setdefault(paper_id, record["normal_title"])
        id_keys.add((paper_id, id_key))
        yield (
            record["record_key"],
            record["venue"],
            record["year"],
            paper_id,
            ledger.row_of_paper[paper_id],
            method,
            _CONFIDENCE[method],
            record["list_order"] == 0,
        )


def _find_or_mint(
    record: Mapping[str, Any], ledger: Ledger, title_of_paper: Mapping[str, str]
) -> str:
    surnames = {s for name in record["authors"] if (s := surname(name))}
    id_key, title_key = _keys(record)
    known = ledger.paper_of_key
    by_id = known.get(id_key) if id_key else None
    if by_id and _same_work(record, surnames, by_id, ledger, title_of_paper):
        if title_key not in known:
            ledger.alias(title_key, by_id)
        return by_id
    by_title = known.get(title_key)
    if by_title and not _share_author(surnames, ledger.surnames_of_paper[by_title]):
        title_key = f"{title_key}#{min(surnames)}"  # same title, other authors: another paper
        by_title = known.get(title_key)
    if by_title:
        if id_key and not by_id:
            ledger.alias(id_key, by_title)
        return by_title
    paper_id = ledger.mint(title_key, surnames)
    if id_key and not by_id:
        ledger.alias(id_key, paper_id)
    return paper_id


def _keys(record: Mapping[str, Any]) -> tuple[str | None, str]:
    cell = f"{record['venue']}:{record['year']}"
    source_id = record["source_id"]
    id_key = f"{record['source']}:{cell}:{source_id}" if source_id else None
    return id_key, f"title:{cell}:{record['normal_title']}"


def _share_author(left: set[str], right: set[str]) -> bool:
    return not left or not right or not left.isdisjoint(right)


def _same_work(
    record: Mapping[str, Any],
    surnames: set[str],
    paper_id: str,
    ledger: Ledger,
    title_of_paper: Mapping[str, str],
) -> bool:
    title = record["normal_title"]
    if (before := title_of_paper.get(paper_id)) is None:
        # The ledger keeps keys, not titles: a paper it knows under this very title is the same.
        return ledger.paper_of_key.get(_keys(record)[1]) == paper_id or bool(
            surnames & ledger.surnames_of_paper[paper_id]
        )
    left, right = set(title.split()), set(before.split())
    alike = len(left & right) >= _SAME_TITLE * max(len(left), len(right), 1)
    return alike or bool(surnames & ledger.surnames_of_paper[paper_id])
