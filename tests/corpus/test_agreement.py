"""A measure that miscounts pairs would bless a resolution that merges strangers."""

from itertools import combinations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus.agreement import Agreement, agreement_by_case, pairwise_agreement
from pipeline.errors import InputError

LABEL = st.one_of(st.none(), st.sampled_from("abcd"))
RECORDS = st.lists(st.tuples(LABEL, LABEL, st.sampled_from(["", "x", "y"])), max_size=12)


def enumerated(rows: list[tuple[str | None, str | None, str]], case: str | None) -> Agreement:
    """The same by listing every pair."""
    found = true = both = 0
    for (f, t, c), (g, u, d) in combinations(rows, 2):
        if case is not None and case not in (c, d):
            continue
        is_found, is_true = f is not None and f == g, t is not None and t == u
        found, true, both = found + is_found, true + is_true, both + (is_found and is_true)
    return Agreement(
        both / found if found else 1.0,
        both / true if true else 1.0,
        2 * both / (found + true) if found + true else 1.0,
        true,
    )


def strings(values: list[str | None]) -> pl.Series:
    return pl.Series(values, dtype=pl.String)


def test_worked_example() -> None:
    """Shares swapped or halved would still lie between 0 and 1."""
    # Found: {1, 2, 3}, {4, 5}; true: {1, 2}, {3, 4, 5}. Both: 12, 45. Found: 12 13 23 45.
    agreement = pairwise_agreement(strings(list("aaabb")), strings(list("xxyyy")))
    assert agreement == Agreement(precision=2 / 4, recall=2 / 4, f1=0.5, n_pairs=4)


@given(RECORDS)
def test_counts_equal_enumeration(rows: list[tuple[str | None, str | None, str]]) -> None:
    """Counting by cluster sizes is only right if it counts what a loop over pairs counts."""
    found, truth, case = (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 3
    assert pairwise_agreement(strings(found), strings(truth)) == enumerated(rows, None)
    by_case = agreement_by_case(strings(found), strings(truth), strings(case))
    assert list(by_case) == sorted({c for c in case if c})
    for name, agreement in by_case.items():
        assert agreement == enumerated(rows, name)


def test_nulls_are_strangers_to_each_other() -> None:
    """Unresolved records taken for one cluster would be a huge wrong merge."""
    nulls = strings([None, None, None])
    assert pairwise_agreement(nulls, strings(["a", "a", "b"])) == Agreement(1.0, 0.0, 0.0, 1)
    assert pairwise_agreement(nulls, nulls).n_pairs == 0


def test_records_without_case_are_partners_only() -> None:
    """A null case must not count as a case, nor drop the records from the others' pairs."""
    found, truth = strings(["a", "a", "b"]), strings(["x", "x", "x"])
    by_case = agreement_by_case(found, truth, strings(["typo", None, None]))
    assert by_case == {"typo": Agreement(1.0, 0.5, 2 / 3, 2)}


def test_numbers_as_labels_and_large_clusters() -> None:
    """Sizes in 32 bits overflow at a cluster of 100,000 records."""
    same = pl.Series([7] * 100_000)
    agreement = pairwise_agreement(same, pl.Series(["x"] * 100_000))
    assert agreement == Agreement(1.0, 1.0, 1.0, 100_000 * 99_999 // 2)


def test_lengths_must_match() -> None:
    """Series of two frames in different order or length would be compared row by row."""
    with pytest.raises(InputError, match="each of 2 records, received 1"):
        pairwise_agreement(strings(["a", "b"]), strings(["a"]))
    with pytest.raises(InputError, match="each of 1 records, received 2"):
        agreement_by_case(strings(["a"]), strings(["a"]), strings(["", ""]))
