"""Comparing a histogram with what is held: no news invented, none that shows missed."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus.openalex_probe import MAX_GROUPS, Held, Told, compare

CELL = ("cvpr", 2024)
COUNTS = st.lists(st.integers(0, 400), max_size=500)


def held(counts: list[int]) -> Held:
    return Held(len(counts), Counter(counts))


def told(counts: list[int]) -> Told:
    """As OpenAlex answers: the largest groups, of equal ones the smaller count."""
    sizes = Counter(counts)
    shown = sorted(sizes, key=lambda count: (-sizes[count], count))[:MAX_GROUPS]
    return Told(len(counts), {count: sizes[count] for count in shown})


@given(COUNTS)
def test_what_is_held_is_no_news(counts: list[int]) -> None:
    """A venue-year that asks for a run every hour."""
    assert not compare(CELL, told(counts), held(counts)).moved


@given(COUNTS, COUNTS)
def test_whatever_the_answer_shows_is_news(before: list[int], now: list[int]) -> None:
    """A moved count below 200 groups, or another number of works, that nobody fetches."""
    probed = compare(CELL, told(now), held(before))
    assert probed.works_moved == (len(before) != len(now))
    if len(set(now)) <= MAX_GROUPS:
        assert probed.citations_moved == (Counter(before) != Counter(now))
    elif probed.citations_moved:
        assert Counter(before) != Counter(now)


def test_beyond_the_cap_only_what_is_shown_counts() -> None:
    """Venue-years of more than 200 counts would have news every hour, or never."""
    counts = [*range(300), *range(150)]  # 0 to 149 twice
    assert len(told(counts).groups) == MAX_GROUPS
    unseen = [*counts[:299], 5000, *counts[300:]]  # a count of one work, beyond those shown
    assert not compare(CELL, told(unseen), held(counts)).moved
    seen = [1, *counts[1:]]  # 0 becomes 1
    assert compare(CELL, told(seen), held(counts)).citations_moved
    grown = [*counts, *[290] * 3]  # a large group that is not among those shown
    assert compare(CELL, Told(len(grown), told(counts).groups), held(grown)).citations_moved


def test_a_crawl_that_contradicted_itself_is_news() -> None:
    """Left as a part, a venue-year would never lose the works that are gone."""
    assert compare(CELL, told([1]), Held(1, {1: 1}, complete=False)).works_moved


def test_equal_answers_have_equal_digests() -> None:
    """A digest that depends on the order of groups asks for the same news again and again."""
    assert Told(3, {1: 2, 5: 1}).digest == Told(3, {5: 1, 1: 2}).digest
    assert Told(3, {1: 2, 5: 1}).digest != Told(3, {1: 2, 6: 1}).digest
    assert Told(3, {}).digest != Told(4, {}).digest
