"""The nightly poll of OpenAlex: every tracked work's id and count, compared with what is known.

Belongs here: finding what moved without the paid filters on dates, a hundred ids a call. Not: new
works, which only a crawl finds (crawl.py), nor where the known state comes from.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from pipeline.corpus.identifiers import openalex_id
from pipeline.corpus.openalex_query import (
    PER_PAGE,
    POLL_SELECT,
    SELECT,
    Work,
    batches,
    content_digest,
    works_query,
)
from pipeline.errors import SourceError
from pipeline.settings import DataDir
from resources.crawl_checkpoint import Checkpoint, State
from resources.openalex import OpenAlex, Tally
from resources.openalex_answers import Gone
from resources.openalex_deliveries import write_poll
from resources.openalex_walk import MAX_AGE

ADDRESS = "https://openalex.org/"
# More gone in one night than this is a fault of the server until a person says otherwise.
MAX_GONE, ALWAYS_BELIEVED = 0.02, 20

Known = Mapping[str, tuple[int | None, str]]
OnBatch = Callable[[int, int], None]
"""Hears of every batch: works asked for so far, and works to ask for."""


@dataclass
class PollOutcome:
    """What a poll found; `delivered` is None if nothing moved."""

    n_polled: int = 0
    n_counts: int = 0  # only the count moved
    n_content: int = 0  # fetched in full
    n_deleted: int = 0
    n_merged: int = 0
    tally: Tally = field(default_factory=Tally)
    delivered: Path | None = None
    trouble: SourceError | None = None


def poll(
    client: OpenAlex,
    data: DataDir,
    tracked: pl.DataFrame,
    now: datetime,
    on_batch: OnBatch = lambda done, of: None,
) -> PollOutcome:
    """Ask for every tracked work and deliver the rows that moved.

    `tracked` has openalex_id, cited_by_count and digest (`content_digest`). An interrupted poll
    of the same works goes on where it stopped, and so does one that ran out of budget.
    """
    columns = tracked.select("openalex_id", "cited_by_count", "digest").sort("openalex_id")
    known = {work_id: (count, digest) for work_id, count, digest in columns.iter_rows()}
    outcome = PollOutcome(n_polled=len(known))
    checkpoint = Checkpoint(data.crawl / "poll")
    state = _begin(checkpoint, columns, now)
    for step, ask in (("ids", _compare), ("full", _fetch)):
        rows = _kept(checkpoint)
        ids = sorted(known) if step == "ids" else sorted(i for i, r in rows.items() if "moved" in r)
        asked = [*batches(ids)]
        while state[step] < len(asked):
            # As many as run side by side: what a crash may cost is no more than that.
            some = asked[state[step] :][: client.workers]
            with _side_by_side(client, some, known, ask) as answers:
                for changed, tally in answers:
                    outcome.tally.add(tally)
                    state = {**state, step: state[step] + 1}
                    checkpoint.append(map(orjson.dumps, changed), state)
            on_batch(min(state[step] * PER_PAGE, len(ids)), len(ids))
    _deliver(data, outcome, _kept(checkpoint), state)
    checkpoint.remove()
    return outcome


def _kept(checkpoint: Checkpoint) -> dict[str, Work]:
    rows = map(orjson.loads, checkpoint.lines())
    return {row["id"]: row for row in rows}


def _begin(checkpoint: Checkpoint, columns: pl.DataFrame, now: datetime) -> State:
    told = columns.write_csv().encode()
    key = {"tracked": hashlib.sha256(told).hexdigest()[:16]}
    state = checkpoint.resume(key)
    if state and now.date() - date.fromisoformat(state["started_on"]) <= MAX_AGE:
        return state
    checkpoint.remove()
    # The name is chosen now, so that a crash after delivering does not deliver twice.
    started = {"started_on": now.date().isoformat(), "name": f"{now:%H%M%S}"}
    return {"key": key, "ids": 0, "full": 0, **started}


Answered = tuple[list[Work], Tally]


@contextmanager
def _side_by_side(
    client: OpenAlex,
    asked: Sequence[Sequence[str]],
    known: Known,
    ask: Callable[[OpenAlex, Sequence[str], Known], Answered],
) -> Iterator[Iterator[Answered]]:
    """The answers in the order of the batches, all being asked at once."""
    with ThreadPoolExecutor(client.workers) as pool:
        try:
            yield pool.map(lambda ids: ask(client, ids, known), asked)
        except BaseException:  # whoever leaves early does not wait for the answers still to come
            client.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _compare(client: OpenAlex, ids: Sequence[str], known: Known) -> Answered:
    """A row for every work that moved; where its content did, a note to fetch it in full."""
    tally = Tally()
    found = _by_id(client.works(works_query(ids, POLL_SELECT), tally))
    rows: list[Work] = []
    for work_id in ids:
        # What a list does not return may still be there, or be known as another work.
        work = found.get(work_id) or client.work(work_id, POLL_SELECT, tally)
        count, digest = known[work_id]
        if isinstance(work, Gone):
            rows.append(_gone(work_id, work))
        elif content_digest(work) != digest:
            rows.append({"id": work_id, "moved": True})
        elif work.get("cited_by_count") != count:
            rows.append(
                {
                    "id": ADDRESS + work_id,
                    "cited_by_count": work["cited_by_count"],
                    "counts_only": True,
                }
            )
    return rows, tally


def _fetch(client: OpenAlex, ids: Sequence[str], known: Known) -> Answered:
    """The works in full."""
    tally = Tally()
    found = _by_id(client.works(works_query(ids, SELECT), tally))
    answers = {i: found.get(i) or client.work(i, SELECT, tally) for i in ids}
    return [_gone(i, a) if isinstance(a, Gone) else a for i, a in answers.items()], tally


def _by_id(works: Sequence[Work]) -> dict[str | None, Work]:
    return {openalex_id(str(work["id"])): work for work in works}


def _gone(work_id: str, gone: Gone) -> dict[str, Any]:
    if gone.merged_into:
        return {"id": ADDRESS + work_id, "merged_into": ADDRESS + gone.merged_into}
    return {"id": ADDRESS + work_id, "deleted": True}


def _deliver(data: DataDir, outcome: PollOutcome, rows: dict[str, Work], state: State) -> None:
    changed = [row for row in rows.values() if "moved" not in row]
    deleted = [row for row in changed if "deleted" in row]
    if len(deleted) > max(ALWAYS_BELIEVED, MAX_GONE * outcome.n_polled):
        changed = [row for row in changed if "deleted" not in row]
        outcome.trouble = SourceError(
            f"OpenAlex says that {len(deleted):,} of {outcome.n_polled:,} works are gone, which "
            "is not believed: they are left as they were, all else is delivered; if it says so "
            "again tomorrow, crawl their venue-years"
        )
    outcome.n_deleted = sum("deleted" in row for row in changed)
    outcome.n_merged = sum("merged_into" in row for row in changed)
    outcome.n_counts = sum("counts_only" in row for row in changed)
    outcome.n_content = len(changed) - outcome.n_deleted - outcome.n_merged - outcome.n_counts
    if changed:
        day = date.fromisoformat(state["started_on"])
        outcome.delivered = write_poll(data.inbox, changed, observed_on=day, name=state["name"])
