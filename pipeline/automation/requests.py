"""What a sensor remembers of what it asked for, so that news is asked for once and trouble again.

Belongs here: when to ask, and under which run key. Not: what is asked for (sensors), nor how it is
found out. Plain Python: nothing here knows Dagster.

Dagster drops a run key it has ever seen. A digest alone would therefore be lost when it returns to
an old value: every asking has a generation besides, and the pair is the key.
"""

from dataclasses import asdict, dataclass, replace

import orjson

FIRST_RETRY_S = 60.0
LAST_RETRY_S = 24 * 3600.0


@dataclass(frozen=True)
class Asked:
    """The last asking: for which digest, the how-many-eth in all and of this digest, and when."""

    digest: str
    generation: int
    attempt: int
    at: float  # seconds since the epoch

    @property
    def run_key(self) -> str:
        """Never the same twice."""
        return f"{self.digest}-{self.generation}"

    def answered(self) -> "Asked":
        """Nothing is wanted any more: the same digest would be news again, under a new key."""
        return replace(self, digest="", attempt=0)


def next_asking(before: Asked | None, digest: str, *, now: float) -> Asked | None:
    """What to ask now for a digest that is wanted and not there; None: asked already, wait.

    A digest not asked for last is asked for at once. One that is still wanted, although a run was
    asked for, met trouble: it is asked for again after a minute, then after twice as long each
    time, at last once a day. A clock that was set back counts as no time passed.
    """
    if before is None:
        return Asked(digest, 1, 1, now)
    if before.digest != digest:
        return Asked(digest, before.generation + 1, 1, now)
    wait = min(FIRST_RETRY_S * 2 ** (before.attempt - 1), LAST_RETRY_S)
    if now - before.at < wait:
        # Set back by more than any wait, the clock would keep it waiting until it catches up.
        return None if before.at - now < LAST_RETRY_S else _again(before, now)
    return _again(before, now)


def _again(before: Asked, now: float) -> Asked:
    return Asked(before.digest, before.generation + 1, before.attempt + 1, now)


Memory = dict[str, Asked]
"""What was asked for last, by the name of what it concerns."""


def read_memory(cursor: str | None) -> Memory:
    """The memory in a cursor; a cursor of another form is none: everything is asked for once."""
    try:
        return {name: Asked(**asked) for name, asked in orjson.loads(cursor or "{}").items()}
    except (TypeError, AttributeError, orjson.JSONDecodeError):
        return {}


def write_memory(memory: Memory) -> str:
    """The memory as a cursor."""
    return orjson.dumps({name: asdict(asked) for name, asked in memory.items()}).decode()
