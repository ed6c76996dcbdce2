"""What the ledger decided and doubts, as tables, and a person's verdicts as ledger events.

Belongs here: `redirects`, `match_review`, and what "same" and "different" mean. Not: raising
doubts (matching.py).
"""

import hashlib
from datetime import date

import polars as pl

from pipeline.corpus.ledger import Event, Ledger
from pipeline.errors import NotFoundError
from pipeline.tables import MATCH_REVIEW, REDIRECTS

MERGED_BY_SOURCE = "merged by the source"


def build_redirects(
    ledger: Ledger, merged_ids: pl.DataFrame, record_keys: pl.Series
) -> pl.DataFrame:
    """`redirects`: papers merged here, and ids that sources merged away into records that are here.

    `merged_ids`: (source, source_id, merged_into, gone_on); `record_keys`: of every record.
    """
    ours = [
        (gone, ledger.current(gone), event.method, event.by or None, _day(event))
        for gone, event in ledger.merges.items()
    ]
    frame = pl.DataFrame(ours, schema=REDIRECTS.schema, orient="row")
    theirs = merged_ids.select(
        from_id=pl.concat_str("source", pl.lit(":"), "source_id"),
        to_id=pl.concat_str("source", pl.lit(":"), "merged_into"),
        reason=pl.lit(MERGED_BY_SOURCE),
        decided_by=pl.lit(None, pl.String),
        decided_on="gone_on",
    ).filter(pl.col("to_id").is_in(record_keys.implode()))
    return pl.concat([frame, theirs]).unique("from_id", keep="last").sort("from_id")


def build_match_review(ledger: Ledger) -> pl.DataFrame:
    """`match_review`: every doubt the ledger ever noted, and what became of it."""
    rows = []
    for pair, doubt in ledger.doubts.items():
        status, verdict = _status(ledger, doubt)
        rows.append(
            (
                review_id(pair),
                doubt.paper_id,
                doubt.other,
                doubt.key,
                doubt.method,
                status,
                (verdict.by or None) if verdict else None,
                _day(verdict) if verdict else None,
            )
        )
    return pl.DataFrame(rows, schema=MATCH_REVIEW.schema, orient="row").sort("review_id")


def review_id(pair: frozenset[str]) -> str:
    """8 hex digits that name a pair of papers."""
    return hashlib.sha256(" ".join(sorted(pair)).encode()).hexdigest()[:8]


def decide(ledger: Ledger, review: str, verdict: str, *, by: str, on: date) -> str:
    """Record a person's verdict, `same` or `different`; returns a line that says what it did."""
    doubt = next((d for pair, d in ledger.doubts.items() if review_id(pair) == review), None)
    if doubt is None:
        raise NotFoundError(
            f"review: expected the id of a doubt, received {review!r}: see `csimpact review`"
        )
    one, other = ledger.current(doubt.paper_id), ledger.current(doubt.other)
    if verdict == "same":
        if one == other:
            return f"{one} is both papers already"
        stays = ledger.merge(one, other, reason="person", by=by, on=on.isoformat())
        return f"{other if stays == one else one} is {stays} from now on"
    if one == other:
        raise NotFoundError(
            f"{doubt.paper_id} and {doubt.other} were merged: `csimpact review split` undoes that"
        )
    ledger.keep_apart(one, other, reason="person", by=by, on=on.isoformat())
    return f"{one} and {other} stay two papers"


def split(ledger: Ledger, record_key: str, *, by: str, on: date) -> str:
    """Give one record a paper of its own, and keep it apart from its former one."""
    former = ledger.paper_of_key.get(record_key)
    if former is None:
        raise NotFoundError(
            f"record: expected the key of a record with an id of its own, such as `openalex:W1`, "
            f"received {record_key!r}: see record_key in the table paper_ids"
        )
    paper_id = ledger.mint(f"split:{record_key}", ledger.surnames_of_paper[former])
    ledger.alias(record_key, paper_id, method="person", by=by, on=on.isoformat())
    ledger.keep_apart(paper_id, former, reason="person", by=by, on=on.isoformat())
    return paper_id


def _status(ledger: Ledger, doubt: Event) -> tuple[str, Event | None]:
    one, other = ledger.current(doubt.paper_id), ledger.current(doubt.other)
    if one == other:
        merge = ledger.merges.get(doubt.other) or ledger.merges.get(doubt.paper_id)
        return "same", merge
    apart = ledger.kept_apart.get(frozenset((one, other)))
    return ("different", apart) if apart else ("open", None)


def _day(event: Event) -> date | None:
    return date.fromisoformat(event.on) if event.on else None
