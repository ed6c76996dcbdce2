"""How often and how much OpenAlex may be asked: the rate, and the budget of the day.

Belongs here: what all workers of a process share. Not: requests (openalex.py) or prices
(pipeline/corpus/openalex_query.py).
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from pipeline.errors import BudgetExhaustedError


class RateLimiter:
    """Moments at which a request may start, evenly spaced, whoever asks."""

    def __init__(self, per_s: float) -> None:
        self._gap_s = 1 / per_s
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when it is this caller's turn."""
        with self._lock:
            turn = max(time.monotonic(), self._next)
            self._next = turn + self._gap_s
        time.sleep(max(0.0, turn - time.monotonic()))

    def pause(self, seconds: float) -> None:
        """Let nobody start for so long: the server has had enough of all of us."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


@dataclass
class Budget:
    """What is left of the day, as the server's headers tell it; unknown before the first answer."""

    left_usd: float | None = None
    resume_at: datetime | None = None
    _in_flight_usd: float = 0.0
    _spent: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def reserve(self, usd: float) -> Iterator[None]:
        """Hold back the price of a call while it is made.

        Raises BudgetExhaustedError, before anything is sent, if it cannot be paid.
        """
        with self._lock:
            left = None if self.left_usd is None else self.left_usd - self._in_flight_usd
            # A hundredth of a call: sums of prices are not exact.
            if self._spent or (usd and left is not None and left < 0.99 * usd):
                raise self._exhausted(usd)
            self._in_flight_usd += usd
        try:
            yield
        finally:
            with self._lock:
                self._in_flight_usd -= usd

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over what an answer's headers say is left, prepaid credit included."""
        left = _number(headers, "x-ratelimit-remaining-usd")
        reset = _number(headers, "x-ratelimit-reset")
        with self._lock:
            if left is not None:
                more = ("x-ratelimit-prepaid-remaining-usd", "x-ratelimit-onetime-remaining-usd")
                self.left_usd = left + sum(_number(headers, name) or 0.0 for name in more)
            if reset is not None:
                self.resume_at = datetime.now(UTC) + timedelta(seconds=reset)

    def spent(self, wait_s: float | None) -> BudgetExhaustedError:
        """The server refused for lack of budget: nobody asks again. The error to raise."""
        with self._lock:
            self._spent = True
            if wait_s is not None:
                self.resume_at = datetime.now(UTC) + timedelta(seconds=wait_s)
            return self._exhausted(0.0)

    def _exhausted(self, usd: float) -> BudgetExhaustedError:
        left = f", ${self.left_usd:.4f} is left" if self.left_usd is not None else ""
        price = f"; the next call costs ${usd:.4f}" if usd else ""
        when = f"after {self.resume_at:%Y-%m-%d %H:%M} UTC" if self.resume_at else "tomorrow"
        return BudgetExhaustedError(
            f"OpenAlex's budget of the day is spent{left}{price}: run the same command again "
            f"{when}; it goes on where it stopped"
        )


def seconds_to_wait(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds, written as a number or as a date; None if there is none."""
    text = headers.get("retry-after", "")
    if (seconds := _number(headers, "retry-after")) is not None:
        return max(0.0, seconds)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _number(headers: Mapping[str, str], name: str) -> float | None:
    try:
        return float(headers[name])
    except (KeyError, ValueError):
        return None
