"""A living library: after whatever happened to its papers, the same tables as a rebuild.

The source is OpenAlex as crawls and polls deliver it, the one that can say everything: new works,
new titles and dates, counts, retractions, merges, deletions.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline.corpus.openalex_records import ADDRESS
from pipeline.tables import Cell
from resources.openalex_deliveries import write_crawl, write_poll
from resources.workspace import Workspace
from tests.library import (
    WORDS,
    assert_same_tables,
    draw_overview,
    keep_topics,
    raw_tables,
    rebuilt,
    run_stages,
    tables_of,
    tiny_workspace,
    without_history,
)

NO_INDEX = ("paper_index",)  # LanceDB has tests of its own, and seconds of start-up
CVPR, ICML, ACL = ("cvpr", 2018), ("icml", 2018), ("acl", 2019)
SOURCES = {"cvpr": "S4306417987", "icml": "S4306419644", "acl": "S4306420508"}
CELLS: Sequence[Cell] = (CVPR, ICML, ACL)
FIRST_DAY = date(2026, 1, 1)
IDS = range(100, 118)  # the last six appear later, if they do

Work = dict[str, Any]
Change = Callable[[int], Work]


@pytest.fixture(autouse=True, scope="module")
def _tiny_encoder_chosen() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        yield


def name_of(number: int) -> str:
    return f"{ADDRESS}W{number}"


def work(number: int, **changes: Any) -> Work:
    """A work; the number fixes its venue-year, words, day and count."""
    venue, year = CELLS[number % 3]
    words = " ".join(WORDS[(number * step + step) % len(WORDS)] for step in (1, 3, 7))
    source = {"id": ADDRESS + SOURCES[venue], "display_name": venue}
    told = {
        "id": name_of(number),
        "title": f"{words} {number}",
        "publication_year": year,
        "publication_date": (date(year, 1, 5) + timedelta(days=number * 29 % 350)).isoformat(),
        "cited_by_count": number * 7 % 40,
        "primary_location": {"source": source},
        "locations": [{"source": source}],
        "authorships": [{"author": {"display_name": f"Ada Surname{number}"}}],
    }
    return told | changes


# What a day may say of a work.
CHANGES: dict[str, Change] = {
    "as it was": work,
    "new title": lambda n: work(n, title=f"A renamed study of {WORDS[n % 20]} number {n}"),
    "new day": lambda n: work(n, publication_date=f"{CELLS[n % 3][1]}-07-{n % 28 + 1:02}"),
    "far day": lambda n: work(n, publication_date=f"{CELLS[n % 3][1]}-12-{n % 28 + 1:02}"),
    "no day": lambda n: work(n, publication_date=None),
    "count": lambda n: {"id": name_of(n), "counts_only": True, "cited_by_count": n % 11 * 9},
    "lower count": lambda n: {"id": name_of(n), "counts_only": True, "cited_by_count": 1},
    "retracted": lambda n: work(n, is_retracted=True),
    "gone": lambda n: {"id": name_of(n), "deleted": True},
    "merged": lambda n: {"id": name_of(n), "merged_into": name_of(IDS[(n + 1) % 12])},
    "no paper": lambda n: work(n, title="Front Matter"),
}
DAYS = st.lists(
    st.tuples(
        st.dictionaries(
            st.sampled_from(list(IDS)), st.sampled_from(sorted(CHANGES)), min_size=1, max_size=5
        ),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)
# Without shrinking: a failure of this size is read from its days.
FEW = settings(
    max_examples=6, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow]
)
MANY = settings(FEW, max_examples=100)


def crawled(folder: Path) -> Workspace:
    """A library of twelve works, crawled on the first day and refreshed."""
    workspace = tiny_workspace(folder)
    for cell in CELLS:
        works = {name_of(n): orjson.dumps(work(n)) for n in IDS[:12] if CELLS[n % 3] == cell}
        write_crawl(workspace.data.inbox, cell, works, observed_on=FIRST_DAY, complete=True)
    return workspace


def poll(workspace: Workspace, day: int, rows: list[Work]) -> None:
    """Deliver what a day says."""
    then = FIRST_DAY + timedelta(days=day)
    write_poll(workspace.data.inbox, rows, observed_on=then, name=f"day{day}")


def refreshed(workspace: Workspace) -> None:
    """A night: what moved is made anew, then what is made of the whole."""
    run_stages(workspace, without=NO_INDEX)
    draw_overview(workspace)


def lived(days: Sequence[tuple[dict[int, str], bool]]) -> None:
    """Step by step equals a rebuild, and equals all days taken in at once with the same ids."""
    with TemporaryDirectory() as name:
        step_by_step, at_once = (crawled(Path(name) / n) for n in ("steps", "once"))
        refreshed(step_by_step)
        for day, (changes, refresh_now) in enumerate(days, 1):
            rows = [CHANGES[what](n) for n, what in changes.items()]
            for workspace in (step_by_step, at_once):
                poll(workspace, day, rows)
            if refresh_now:
                refreshed(step_by_step)
        refreshed(step_by_step)
        again = rebuilt(step_by_step, Path(name) / "again", keep_vectors=True)
        keep_topics(step_by_step, again)
        draw_overview(again)
        mine, other = (without_history(raw_tables(w)) for w in (step_by_step, again))
        assert_same_tables(mine, other)
        copytree(step_by_step.data.ledger, at_once.data.ledger)  # ids are minted once
        run_stages(at_once, without=NO_INDEX)
        assert_same_tables(tables_of(step_by_step), tables_of(at_once))


@given(DAYS)
@FEW
def test_any_days_end_as_a_rebuild(days: list[tuple[dict[int, str], bool]]) -> None:
    """A stage that reads less than it depends on, a pool that keeps a paper that left.

    And an overview of the night before, told as tonight's.
    """
    lived(days)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(DAYS)
@MANY
def test_many_days_end_as_a_rebuild(days: list[tuple[dict[int, str], bool]]) -> None:
    """What six lives do not meet."""
    lived(days)
