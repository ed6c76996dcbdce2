"""What changed between two states of a table."""

from collections.abc import Mapping
from datetime import date
from random import Random

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.release.changes import NOT_COMPARED, changes_of, compared_columns
from pipeline.tables import CITATION_COUNTS, TABLES, TNCSI_SP

Counts = Mapping[tuple[str, str], tuple[int, date]]

DAYS = st.dates(date(2026, 1, 1), date(2026, 1, 3))
COUNTS = st.dictionaries(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from(["openalex", "google_scholar"])),
    st.tuples(st.integers(0, 2), DAYS),
)


def counts(rows: Counts) -> pl.DataFrame:
    return pl.DataFrame(
        [(p, 1, "cvpr", 2016, source, n, day) for (p, source), (n, day) in rows.items()],
        schema=CITATION_COUNTS.schema,
        orient="row",
    )


def keys(frame: pl.DataFrame) -> set[tuple[str, ...]]:
    return set(frame.select(CITATION_COUNTS.key).rows())


@given(before=COUNTS, after=COUNTS)
def test_rows_are_told_by_key_and_value(before: Counts, after: Counts) -> None:
    """A changed row told as gone and new, or a moved one missed, is a wrong history."""
    changes = changes_of(CITATION_COUNTS, counts(before), counts(after))
    both = before.keys() & after.keys()
    assert keys(changes.added) == after.keys() - before.keys()
    assert keys(changes.removed) == before.keys() - after.keys()
    assert keys(changes.after) == {k for k in both if before[k] != after[k]}
    assert keys(changes.before) == keys(changes.after)
    cited = changes.moved("cited_by_count", ["venue"])
    assert {(p, s): (b, a) for p, s, _, b, a in cited.rows()} == {
        k: (before[k][0], after[k][0]) for k in both if before[k][0] != after[k][0]
    }
    expected = {
        "cited_by_count": cited.height,
        "observed_on": sum(before[k][1] != after[k][1] for k in both),
    }
    assert changes.columns() == {name: n for name, n in expected.items() if n}


@given(state=COUNTS, seed=st.randoms())
def test_order_is_no_change(state: Counts, seed: Random) -> None:
    """Rows written in another order are the same rows."""
    shuffled = dict(sorted(state.items(), key=lambda _: seed.random()))
    assert changes_of(CITATION_COUNTS, counts(state), counts(shuffled)).none


def test_null_and_nan_are_equal_to_themselves() -> None:
    """A score that stays unknown would be told as moved every night."""
    row = dict.fromkeys(TNCSI_SP.schema, None) | {"paper_id": "a", "config_id": "c"}
    before = pl.DataFrame([row | {"pool_scale": float("nan")}], schema=TNCSI_SP.schema)
    after = pl.DataFrame(
        [row | {"pool_scale": float("nan"), "tncsi_sp": 0.5}], schema=TNCSI_SP.schema
    )
    assert changes_of(TNCSI_SP, before, before).none
    assert changes_of(TNCSI_SP, before, after).columns() == {"tncsi_sp": 1}


def test_a_column_of_one_state_alone_is_no_change_of_rows() -> None:
    """After an update of csimpact every row would be told as changed."""
    before = counts({("a", "openalex"): (1, date(2026, 1, 1))})
    changes = changes_of(CITATION_COUNTS, before.drop("paper_row"), before)
    assert changes.none
    assert "paper_row" not in changes.compared


def test_without_its_key_a_state_is_another_table() -> None:
    """Rows of a renamed key cannot be told apart: they went, and others came."""
    after = counts({("a", "openalex"): (1, date(2026, 1, 1))})
    changes = changes_of(CITATION_COUNTS, after.rename({"paper_id": "work"}), after)
    assert (changes.added.height, changes.removed.height, changes.n_changed) == (1, 1, 0)


def test_what_is_not_compared_is_declared() -> None:
    """A renamed column would be compared again, vectors of it for a minute."""
    for table, names in NOT_COMPARED.items():
        assert names <= TABLES[table].columns.keys() - set(TABLES[table].key)
        empty = TABLES[table].empty().select(compared_columns(TABLES[table]))
        assert changes_of(TABLES[table], empty, empty).none
        assert not names & set(compared_columns(TABLES[table]))
