"""Budget, keys and the rate limit of the simulated OpenAlex.

Belongs here: who may ask, what it costs, and the headers that say so. Not: answers.

As in the original a list call costs one credit of $0.0001 and a single work nothing; without a
key there is a tenth of the budget and no cursor paging. The day of the simulation ends a fixed
time after the start: an exhausted budget then means hours at any time of day.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

CREDIT_USD = 0.0001
KEYLESS_SHARE = 0.1
SECONDS_LEFT_TODAY = 53_578


class Meter:
    """Counts credits and requests, and tells when to refuse."""

    def __init__(
        self,
        *,
        api_key: str | None,
        budget_usd: float,
        rate_per_s: float | None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api_key = api_key
        self._limit = round(budget_usd / CREDIT_USD)
        self._used = {True: 0, False: 0}  # with a key, and without
        self._rate = rate_per_s
        self._now = now
        self._start = self._refilled = now()
        self._tokens = max(rate_per_s or 0.0, 1.0)

    def __repr__(self) -> str:
        return f"Meter(used={self._used}, limit={self._limit})"  # the key stays unsaid

    def privileged(self, key: str | None) -> bool:
        """Whether a call has the whole budget: it has the key, or none is needed."""
        return self._api_key is None or key == self._api_key

    def knows(self, key: str | None) -> bool:
        """Whether a key is right, or absent."""
        return not key or self.privileged(key)

    def limit(self, privileged: bool) -> int:
        """Credits of the day."""
        return self._limit if privileged else round(self._limit * KEYLESS_SHARE)

    def remaining(self, privileged: bool) -> int:
        """Credits left today."""
        return max(0, self.limit(privileged) - self._used[privileged])

    def seconds_to_reset(self) -> int:
        """Until the budget is whole again."""
        return max(1, SECONDS_LEFT_TODAY - int(self._now() - self._start))

    def spend(self, privileged: bool, credits: int) -> bool:
        """Whether the budget sufficed; if so, it is charged."""
        if self.remaining(privileged) < credits:
            return False
        self._used[privileged] += credits
        return True

    def admit(self) -> bool:
        """Whether one more request fits the rate: a bucket of one second's tokens."""
        if self._rate is None:
            return True
        now = self._now()
        refill = (now - self._refilled) * self._rate
        self._tokens = min(max(self._rate, 1.0), self._tokens + refill)
        self._refilled = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def headers(self, privileged: bool, credits: int) -> dict[str, str]:
        """What every answer says about the budget."""
        remaining = self.remaining(privileged)
        return self._standing(privileged, remaining) | {
            "X-RateLimit-Cost-USD": _usd(credits),
            "X-RateLimit-Credits-Used": str(credits),
        }

    def refusal(
        self, privileged: bool, credits: int, *, message: str, wait_s: int, remaining: int
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Body and headers of a 429."""
        body = {
            "error": "Rate limit exceeded",
            "message": message,
            "retryAfter": wait_s,
            "costUsd": credits * CREDIT_USD,
            "dailyRemainingUsd": float(_usd(remaining)),
            "prepaidRemainingUsd": 0,
            "creditsRequired": credits,
            "creditsRemaining": remaining,
            "onetimeCreditsRemaining": 0,
        }
        headers = self._standing(privileged, remaining) | {
            "Retry-After": str(wait_s),
            "X-RateLimit-Cost-Required-USD": _usd(credits),
            "X-RateLimit-Credits-Required": str(credits),
        }
        return body, headers

    def exhausted(self, privileged: bool, credits: int) -> tuple[dict[str, Any], dict[str, str]]:
        """The 429 of a budget that does not suffice."""
        message = (
            f"Insufficient budget. This request costs ${_usd(credits)} but you only have $0 "
            "remaining. Resets at midnight UTC. Need more? Add funds at "
            "https://openalex.org/pricing"
        )
        wait_s = self.seconds_to_reset()
        return self.refusal(privileged, credits, message=message, wait_s=wait_s, remaining=0)

    def too_fast(
        self, privileged: bool, credits: int, *, wait_s: int
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """The 429 of too many requests in a second."""
        rate = f"{self._rate or 100:g}"
        message = f"Rate limit exceeded: {rate} requests per second. Please slow down."
        remaining = self.remaining(privileged)
        return self.refusal(
            privileged, credits, message=message, wait_s=wait_s, remaining=remaining
        )

    def _standing(self, privileged: bool, remaining: int) -> dict[str, str]:
        limit = self.limit(privileged)
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Limit-USD": _usd(limit),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Remaining-USD": _usd(remaining),
            "X-RateLimit-Onetime-Remaining": "0",
            "X-RateLimit-Prepaid-Remaining-USD": "0",
            "X-RateLimit-Reset": str(self.seconds_to_reset()),
        }


def key_of(params: Mapping[str, str], headers: Mapping[str, str]) -> str | None:
    """The key of a call: a parameter, or a bearer token."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token
    return params.get("api_key") or params.get("api-key") or None


def _usd(credits: int) -> str:
    """`0.0001` of one credit, without zeros at the end."""
    return f"{credits * CREDIT_USD:.4f}".rstrip("0").rstrip(".")
