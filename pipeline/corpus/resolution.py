"""Records -> papers: which record is which paper, soberly, through the ledger.

Belongs here: the rules by which two records are one paper. Not: parsing, storage.

Within a venue-year, in this order: the normalised title, if an author is shared or one side
names none; the source's own id, if half of the authors agree, or most of the title where one side
names none. Ids of some lists are mere positions, so an id outweighs neither a known title nor
other authors; surnames are common, so one shared surname does not make two titles one work.
Everything else is another paper: a title alone joins nothing across venue-years, so a workshop
paper and its later main-track version stay two.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from pipeline.corpus.ledger import Ledger, Method
from pipeline.corpus.text import normalise_title, surname
from pipeline.tables import PAPER_IDS

_CONFIDENCE: Mapping[Method, float] = {"first": 1.0, "source_id": 1.0, "title": 0.95}
_SAME_TITLE = 0.5  # share of words two titles under one id must have in common
_SAME_AUTHORS = 0.5  # share of surnames two records under one id must have in common


def resolve_records(records: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """`paper_ids` of a venue-year's `dump_records`; what is new is appended to `ledger`.

    Records are taken oldest list first and by title within a list, those that name no authors
    last, so that the ids minted do not depend on the order of rows in a file. Excluded records
    are no papers and get no id.
    """
    candidates = records.filter(pl.col("excluded_because").is_null())
    ordered = candidates.with_columns(
        normal_title=pl.col("title").map_elements(normalise_title, return_dtype=pl.String),
        _nameless=pl.col("authors").list.len() == 0,
        _authors=pl.col("authors").list.join(";"),
    ).sort(
        ["list_order", "normal_title", "_nameless", "source_id", "_authors", "source_row"],
        descending=[True, False, False, False, False, False],
    )
    rows = list(_resolve(ordered, ledger))
    return pl.DataFrame(rows, schema=PAPER_IDS.schema, orient="row").sort("record_key")


def _resolve(ordered: pl.DataFrame, ledger: Ledger) -> Iterator[tuple[Any, ...]]:
    seen: dict[str, _Seen] = {}
    for record in ordered.iter_rows(named=True):
        paper_id = _find_or_mint(record, ledger, seen)
        method = seen[paper_id].tie(record) if paper_id in seen else "first"
        seen.setdefault(paper_id, _Seen(record["normal_title"])).add(record)
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


@dataclass
class _Seen:
    """Titles and ids a paper had so far among the records at hand.

    Methods are said of these, not of the ledger's history, so that a rebuild from the same
    records and the same ledger says the same.
    """

    first_title: str
    titles: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)

    def add(self, record: Mapping[str, Any]) -> None:
        self.titles.add(record["normal_title"])
        if record["source_id"]:
            self.ids.add(record["source_id"])

    def tie(self, record: Mapping[str, Any]) -> Method:
        by_title = record["source_id"] not in self.ids and record["normal_title"] in self.titles
        return "title" if by_title else "source_id"


def _find_or_mint(record: Mapping[str, Any], ledger: Ledger, seen: Mapping[str, _Seen]) -> str:
    surnames = {s for name in record["authors"] if (s := surname(name))}
    id_key, title_key = _keys(record)
    known = ledger.paper_of_key
    by_id = known.get(id_key) if id_key else None
    paper_id = (
        _of_same_id_and_title(record, surnames, by_id, ledger, seen)
        or _of_same_title(title_key, surnames, ledger)
        or _of_same_id(record, surnames, by_id, ledger, seen)
    )
    if paper_id is None:
        paper_id = _mint(title_key, surnames, ledger)
    elif title_key not in known:
        ledger.alias(title_key, paper_id)
    elif known[title_key] != paper_id:
        _claim_authors(title_key, surnames, paper_id, ledger)
    if id_key and not by_id:
        ledger.alias(id_key, paper_id)
    return paper_id


def _mint(title_key: str, surnames: set[str], ledger: Ledger) -> str:
    if title_key not in ledger.paper_of_key:
        return ledger.mint(title_key, surnames)
    # Same title, other authors: another paper, to be found again by any of its authors.
    paper_id = ledger.mint(_key_of_author(title_key, min(surnames)), surnames)
    _claim_authors(title_key, surnames, paper_id, ledger)
    return paper_id


def _claim_authors(title_key: str, surnames: set[str], paper_id: str, ledger: Ledger) -> None:
    """Let the title with any of these authors mean this paper, unless it means one already.

    Unclaimed, an author of this record could later be minted as a third paper, and a replay of
    the ledger would send the record there.
    """
    for key in (_key_of_author(title_key, s) for s in sorted(surnames)):
        if key not in ledger.paper_of_key:
            ledger.alias(key, paper_id)


def _keys(record: Mapping[str, Any]) -> tuple[str | None, str]:
    cell = f"{record['venue']}:{record['year']}"
    source_id = record["source_id"]
    id_key = f"{record['source']}:{cell}:{source_id}" if source_id else None
    return id_key, f"title:{cell}:{record['normal_title']}"


def _key_of_author(title_key: str, name: str) -> str:
    return f"{title_key}#{name}"


def _of_same_id_and_title(
    record: Mapping[str, Any],
    surnames: set[str],
    by_id: str | None,
    ledger: Ledger,
    seen: Mapping[str, _Seen],
) -> str | None:
    if by_id is None or by_id not in seen or record["normal_title"] not in seen[by_id].titles:
        return None
    return by_id if _share_author(surnames, ledger.surnames_of_paper[by_id]) else None


def _of_same_title(title_key: str, surnames: set[str], ledger: Ledger) -> str | None:
    known = ledger.paper_of_key
    paper_id = known.get(title_key)
    if paper_id and _share_author(surnames, ledger.surnames_of_paper[paper_id]):
        return paper_id
    keys = (_key_of_author(title_key, s) for s in sorted(surnames))
    return next((known[key] for key in keys if key in known), None)


def _of_same_id(
    record: Mapping[str, Any],
    surnames: set[str],
    by_id: str | None,
    ledger: Ledger,
    seen: Mapping[str, _Seen],
) -> str | None:
    if by_id is None:
        return None
    theirs = ledger.surnames_of_paper[by_id]
    shared = len(surnames & theirs)
    if shared and shared >= _SAME_AUTHORS * max(len(surnames), len(theirs)):
        return by_id
    before = seen[by_id].first_title if by_id in seen else ""
    left, right = set(record["normal_title"].split()), set(before.split())
    alike = len(left & right) >= _SAME_TITLE * max(len(left), len(right), 1)
    return by_id if alike and _share_author(surnames, theirs) else None


def _share_author(left: set[str], right: set[str]) -> bool:
    return not left or not right or not left.isdisjoint(right)
