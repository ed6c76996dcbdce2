"""Updated pools against pools from nothing, through sequences of changes."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.impact.frontier import frontier_rows, picked, pools_of
from pipeline.impact.pool_update import Candidates, Change, Queries, update_pools
from pipeline.impact.pools import PoolBuilder, PoolRule, days_of, hash_by_row, pool_rows
from pipeline.retrieval.windows import NO_DAY, Pools, Reach

VECTORS = np.random.default_rng(0).standard_normal((12, 6)).astype(np.float32)  # few: many ties
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)


@dataclass(frozen=True)
class Paper:
    name: str
    row: int
    day: int | None
    text: int  # also the row of its vector
    in_pools: bool


Library = dict[int, Paper]  # by row


def papers_of(library: Library) -> pl.DataFrame:
    ordered = sorted(library.values(), key=lambda p: p.name)
    return pl.DataFrame(
        {
            "paper_id": [p.name for p in ordered],
            "paper_row": pl.Series([p.row for p in ordered], dtype=pl.Int32),
            "venue": ["v"] * len(ordered),
            "year": pl.Series([2020] * len(ordered), dtype=pl.Int32),
            "publication_date": pl.Series([p.day for p in ordered], dtype=pl.Int32).cast(pl.Date),
            "in_pools": pl.Series([p.in_pools for p in ordered], dtype=pl.Boolean),
            "text_hash": pl.Series([str(p.text) for p in ordered], dtype=pl.String),
        },
        schema_overrides={"paper_id": pl.String, "venue": pl.String},
    )


def vectors_of(papers: pl.DataFrame) -> np.ndarray:
    return VECTORS[papers["text_hash"].cast(pl.Int64).to_numpy()]


def searched(papers: pl.DataFrame, rule: PoolRule, reach: Reach) -> Pools:
    builder = PoolBuilder(papers, vectors_of(papers), rule=rule, config_id="c", reach=reach)
    return builder.search(np.arange(papers.height))


def candidates_of(papers: pl.DataFrame) -> Candidates:
    eligible = papers.filter("in_pools")
    day = days_of(eligible).astype(np.int64)
    by_id = eligible.sort("paper_id")["paper_row"].to_numpy()
    return Candidates(np.sort(day[day != NO_DAY]), by_id)


def followed(
    before: Library, pools: Pools, after: Library, rule: PoolRule, reach: Reach
) -> tuple[Pools, int]:
    """Pools after a change, exhausted ones and those of new queries searched; and how many."""
    old, new = papers_of(before), papers_of(after)
    asked = lambda p: (p.row, p.day, p.text)  # noqa: E731
    place = {row: i for i, row in enumerate(old["paper_row"])}
    kept = [
        i
        for i, row in enumerate(new["paper_row"])
        if row in before and asked(before[row]) == asked(after[row])
    ]
    was = {p.row for p in before.values() if p.in_pools} if before else set()
    now = {p.row for p in after.values() if p.in_pools}
    moved = {r for r in was & now if asked(before[r]) != asked(after[r])}
    gone, came = sorted((was - now) | moved), sorted((now - was) | moved)
    arrivals = new.filter(pl.col("paper_row").is_in(came))
    queries = new[kept]
    found = update_pools(
        picked([pools], np.array([place[r] for r in queries["paper_row"]], np.int64)),
        Queries(
            queries["paper_row"].to_numpy(), days_of(queries).astype(np.int64), vectors_of(queries)
        ),
        Change(
            np.array(gone, np.int32),
            arrivals["paper_row"].to_numpy(),
            days_of(arrivals).astype(np.int64),
            vectors_of(arrivals),
        ),
        candidates_of(new),
        rule=rule,
        reach=reach,
    )
    source = np.arange(new.height) + len(kept)  # the search of everybody, behind the updated ones
    exact = np.flatnonzero(found.exact)
    source[np.array(kept, np.int64)[exact]] = exact
    return picked([found.pools, searched(new, rule, reach)], source), len(exact)


def table(papers: pl.DataFrame, pools: Pools) -> pl.DataFrame:
    return pool_rows(papers, pools, hash_by_row(papers), "c")


def assert_frontier_is_true(papers: pl.DataFrame, pools: Pools, rule: PoolRule) -> None:
    """The remembered stretch is the one of the same ranks in a search that remembers everyone."""
    everyone = searched(papers, rule, Reach(least=10_000)).frontier
    mine = pools.frontier
    for i in range(papers.height):
        stretch = slice(mine.offsets[i], mine.offsets[i + 1])
        first = everyone.offsets[i] + mine.n_above[i]
        true = slice(first, first + stretch.stop - stretch.start)
        assert mine.rows[stretch].tolist() == everyone.rows[true].tolist()
        assert mine.products[stretch].tolist() == everyone.products[true].tolist()


DAYS = st.sampled_from([0, 0, 0, 30, 100, 182, 183, 184, 300, 366, 500, None])


@st.composite
def changes(draw: st.DrawFn, library: Library) -> Library:
    after = dict(library)
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(["add", "add", "many", "delete", "date", "text", "toggle"]))
        if kind in ("add", "many") or not after:
            for _ in range(25 if kind == "many" else 1):
                row = max([*after, *library], default=-1) + 1
                # Ids in another order than rows, so that ties show which of the two decides.
                name = f"p{(row * 7919) % 1000:03}"
                after[row] = Paper(
                    name, row, draw(DAYS), draw(st.integers(0, 11)), draw(st.integers(0, 4)) > 0
                )
            continue
        row = draw(st.sampled_from(sorted(after)))
        if kind == "delete":
            del after[row]
        elif kind == "date":
            after[row] = replace(after[row], day=draw(DAYS))
        elif kind == "text":
            after[row] = replace(after[row], text=draw(st.integers(0, 11)))
        else:
            after[row] = replace(after[row], in_pools=not after[row].in_pools)
    return after


RULES = st.builds(
    PoolRule,
    k_min=st.sampled_from([1, 3]),
    k_max=st.sampled_from([3, 8, 100]),
    share=st.sampled_from([0.1, 0.5]),
    n_min=st.just(2),
)
REACHES = st.sampled_from([Reach(1, 1000), Reach(2, 1000), Reach(6, 2), Reach(1000, 1)])


@settings(max_examples=120, deadline=None)
@given(st.data(), RULES, REACHES)
def test_any_sequence_of_changes_gives_the_pools_of_a_rebuild(
    data: st.DataObject, rule: PoolRule, reach: Reach
) -> None:
    """A paper in a pool it left, or out of one it entered; an edge that drifts from its rank."""
    library: Library = {}
    for row in range(data.draw(st.sampled_from([0, 5, 40]))):
        library[row] = Paper(f"p{(row * 7919) % 1000:03}", row, data.draw(DAYS), row % 12, True)
    pools = searched(papers_of(library), rule, reach)
    for _ in range(data.draw(st.integers(1, 4))):
        after = data.draw(changes(library))
        pools, _ = followed(library, pools, after, rule, reach)
        library, papers = after, papers_of(after)
        assert table(papers, pools).equals(table(papers, searched(papers, rule, reach)))
        assert_frontier_is_true(papers, pools, rule)


def library_of(n: int, **changed: int) -> Library:
    rng = np.random.default_rng(5)
    return {
        row: Paper(f"p{(row * 7919) % 1000:03}", row, int(rng.integers(0, 90)), row % 12, True)
        for row in range(n)
    }


RULE = PoolRule(k_min=5, k_max=50, share=0.2, n_min=2)


@pytest.mark.parametrize(("reach", "all_exact"), [(Reach(30, 1000), True), (Reach(1, 1000), False)])
def test_only_an_exhausted_frontier_asks_for_a_search(reach: Reach, all_exact: bool) -> None:
    """Updates that never happen because everything counts as exhausted, or none that should."""
    before = library_of(100)
    after = before | {r: replace(before[r - 100], row=r, name=f"q{r}") for r in range(100, 130)}
    pools = searched(papers_of(before), RULE, reach)
    _, exact = followed(before, pools, after, RULE, reach)
    assert (exact == 100) is all_exact
    assert exact > 0


def test_frontiers_do_not_grow_with_the_number_of_nights() -> None:
    """Memory that grows with every arrival until a night takes as long as a rebuild."""
    reach, library = Reach(6, 1000), library_of(60)
    pools = searched(papers_of(library), RULE, reach)
    for row in range(60, 90):
        after = library | {row: Paper(f"q{row}", row, 40, row % 12, True)}
        pools, _ = followed(library, pools, after, RULE, reach)
        library = after
        assert np.diff(pools.frontier.offsets).max() <= 12


def test_a_frontier_survives_storage() -> None:
    """Arrays that come back from their tables shifted, truncated or of another type."""
    papers = papers_of(library_of(40) | {50: Paper("z", 50, None, 1, True)})
    pools = searched(papers, RULE, Reach())
    again = pools_of(table(papers, pools), frontier_rows(papers, pools.frontier))
    for name in ("n_window", "k", "threshold", "members", "offsets"):
        np.testing.assert_array_equal(getattr(again, name), getattr(pools, name))
    for name in ("n_above", "rows", "products", "offsets"):
        np.testing.assert_array_equal(getattr(again.frontier, name), getattr(pools.frontier, name))
