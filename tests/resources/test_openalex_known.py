"""The table of what is known: the same as the files say, and read from them once."""

import os
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpus.openalex_query import content_digest
from pipeline.settings import DataDir
from pipeline.tables import Cell
from resources.openalex_deliveries import Deliveries, write_crawl, write_poll
from resources.openalex_known import TRACKED_SCHEMA, held_cells, tracked_works
from tests.openalex import work

DAY = date(2026, 11, 20)
CELLS = ("acl", 2019), ("acl", 2020), ("cvpr", 2020)
NUMBERS = st.integers(11, 16)  # ids have two digits or more
ROWS = st.one_of(
    st.builds(lambda n, c: work(n, cited_by_count=c), NUMBERS, st.integers(0, 3) | st.none()),
    st.builds(lambda n, c: work(n, title="Another", cited_by_count=c), NUMBERS, st.integers(0, 3)),
    st.builds(
        lambda n, c: {"id": work(n)["id"], "cited_by_count": c, "counts_only": True},
        NUMBERS, st.integers(0, 3),
    ),
    st.builds(lambda n: {"id": work(n)["id"], "deleted": True}, NUMBERS),
    st.builds(lambda n: {"id": work(n)["id"], "merged_into": work(99)["id"]}, NUMBERS),
)  # fmt: skip
CRAWL = st.tuples(
    st.sampled_from(CELLS), st.dictionaries(NUMBERS, st.integers(0, 3)), st.booleans()
)
FILES = st.lists(st.tuples(st.integers(0, 1), CRAWL | st.lists(ROWS, min_size=1)), max_size=6)


def crawled(data: DataDir, cell: Cell, counts: dict[int, int], day: date, complete: bool) -> Path:
    works = {work(n)["id"]: orjson.dumps(work(n, cited_by_count=c)) for n, c in counts.items()}
    return write_crawl(data.inbox, cell, works, observed_on=day, complete=complete)


def as_files_say(data: DataDir) -> dict[Cell, tuple[int, Counter[int]]]:
    deliveries = Deliveries(data.inbox)
    found = {}
    for cell in deliveries.crawls:
        works = deliveries.known(cell).values()
        counts = (w.get("cited_by_count") for w in works)
        found[cell] = len(works), Counter(c for c in counts if c is not None)
    return found


def as_a_poll_compares(data: DataDir) -> pl.DataFrame:
    deliveries = Deliveries(data.inbox)
    rows = {}
    for cell in sorted(deliveries.crawls):
        for work_id, known in sorted(deliveries.known(cell).items()):
            number = work_id.rpartition("/")[2]
            told = (*cell, known.get("cited_by_count"), content_digest(known))
            rows.setdefault(number, (number, *told))  # a work in two venue-years is polled once
    return pl.DataFrame(list(rows.values()), schema=TRACKED_SCHEMA, orient="row")


def as_table_says(data: DataDir) -> dict[Cell, tuple[int, Counter[int]]]:
    return {cell: (h.n_works, Counter(h.groups)) for cell, h in held_cells(data).items()}


@settings(max_examples=40)
@given(FILES)
def test_the_table_says_what_the_files_say(files: list[tuple[int, Any]]) -> None:
    """A deletion forgotten, a poll before the crawl believed: news every hour, or never again."""
    with TemporaryDirectory() as folder:
        data, day = DataDir(Path(folder)), DAY
        for number, (later, content) in enumerate(files):
            day += timedelta(days=later)
            if isinstance(content, tuple):
                path = crawled(data, content[0], content[1], day, content[2])
            else:
                name = f"{number:06d}"
                path = write_poll(data.inbox, content, observed_on=day, name=name)
            os.utime(path, ns=(number, number))
            if number % 3 == 0:  # the cache of an earlier moment must not show
                held_cells(data)
        assert as_table_says(data) == as_files_say(data)
        assert tracked_works(data).equals(as_a_poll_compares(data))


def test_of_one_day_the_file_written_later_is_the_newer(data_dir: DataDir) -> None:
    """A poll of the morning would undo the crawl of the afternoon until midnight."""
    crawl = crawled(data_dir, CELLS[0], {11: 5}, DAY, complete=True)
    row = {"id": work(11)["id"], "cited_by_count": 4, "counts_only": True}
    poll = write_poll(data_dir.inbox, [row], observed_on=DAY, name="010000")
    for crawl_at, poll_at, count in ((1, 2, 4), (2, 1, 5)):
        os.utime(crawl, ns=(crawl_at, crawl_at))
        os.utime(poll, ns=(poll_at, poll_at))
        assert held_cells(data_dir)[CELLS[0]].groups == {count: 1}
        assert as_table_says(data_dir) == as_files_say(data_dir)


def test_a_damaged_file_or_cache_is_read_again(data_dir: DataDir) -> None:
    """A cache cut short by a full disk that stops every tick from then on."""
    path = crawled(data_dir, CELLS[0], {11: 5}, DAY, complete=True)
    assert held_cells(data_dir)[CELLS[0]].n_works == 1
    cache = data_dir.crawl.with_name("openalex-known.parquet")
    for damaged in (b"", cache.read_bytes()[:50], b"not Parquet"):
        cache.write_bytes(damaged)
        assert held_cells(data_dir)[CELLS[0]].n_works == 1
    path.write_bytes(path.read_bytes()[:30])
    held = held_cells(data_dir)[CELLS[0]]
    assert (held.n_works, held.complete) == (0, False)  # so that a probe says: crawl it again


def test_an_empty_venue_year_is_known_to_be_so(data_dir: DataDir) -> None:
    """A January without papers that is read, or fetched, every hour."""
    crawled(data_dir, CELLS[0], {}, DAY, complete=True)
    crawled(data_dir, CELLS[1], {11: 1}, DAY, complete=False)
    held = held_cells(data_dir)
    assert (held[CELLS[0]].n_works, held[CELLS[0]].complete) == (0, True)
    assert (held[CELLS[1]].n_works, held[CELLS[1]].complete) == (1, False)
