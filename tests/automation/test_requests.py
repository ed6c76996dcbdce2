"""What a sensor asks for, and when it asks again."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.automation.requests import (
    FIRST_RETRY_S,
    LAST_RETRY_S,
    Asked,
    next_asking,
    read_memory,
    write_memory,
)


def test_a_digest_that_returns_to_an_old_value_is_asked_for_again() -> None:
    """Dagster drops a run key it has seen: the second return to an old state would be lost."""
    keys, asked = [], None
    for number, digest in enumerate(["a", "b", "a", "b", "a"]):
        asked = next_asking(asked, digest, now=float(number))
        assert asked
        keys.append(asked.run_key)
    assert len(set(keys)) == 5


def test_what_stays_wanted_is_asked_for_ever_more_rarely() -> None:
    """A broken source asked for every half minute, or a crashed run that nobody repeats."""
    asked = next_asking(None, "a", now=0.0)
    assert asked
    assert next_asking(asked, "a", now=FIRST_RETRY_S - 1) is None
    times, now = [], 0.0
    while now < 10 * LAST_RETRY_S:
        now += 30.0
        if again := next_asking(asked, "a", now=now):
            asked = again
            times.append(now)
    gaps = [b - a for a, b in pairwise(times)]
    assert times[0] == FIRST_RETRY_S
    assert gaps == sorted(gaps)
    assert gaps[-1] == LAST_RETRY_S


def test_a_clock_set_back_by_years_does_not_silence_a_sensor() -> None:
    """A clock mended after a wrong start: everything would wait until the wrong date comes."""
    asked = Asked("a", 3, 1, at=4e9)
    assert next_asking(asked, "a", now=1e9)
    assert next_asking(asked, "a", now=4e9 - 30) is None


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.builds(
            Asked, st.text(max_size=5), st.integers(1, 9), st.integers(1, 9), st.floats(0, 4e9)
        ),
        max_size=4,
    )
)
def test_a_memory_survives_its_cursor(memory: dict[str, Asked]) -> None:
    """A generation lost in the cursor repeats a run key."""
    assert read_memory(write_memory(memory)) == memory


def test_a_foreign_cursor_is_no_memory() -> None:
    """A cursor of an older version would fail every tick."""
    for cursor in (None, "", "17", "[1]", '{"a": 1}', '{"a": {"digest": "x"}}', "not json"):
        assert read_memory(cursor) == {}
