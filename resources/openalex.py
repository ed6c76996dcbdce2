"""OpenAlex over HTTP: one page of a list, groups or one work, soundly or with one clear error.

Belongs here: connections, time-outs, retries and the key. Not: which works are wanted
(pipeline/corpus/openalex_query.py), what an answer says (openalex_answers.py), nor keeping works
(crawl.py, openalex_poll.py).

The key is added below httpx, by the transport: requests as httpx, its log and its exceptions
know them never hold it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
import orjson
import stamina

from pipeline.corpus.openalex_probe import MAX_GROUPS, Told
from pipeline.corpus.openalex_query import LIST_CALL_USD, PER_PAGE, Query, Work
from pipeline.errors import InputError, SourceError
from pipeline.settings import openalex_key, openalex_url
from resources.openalex_answers import (
    NO_MORE,
    REDIRECTS,
    Gone,
    Page,
    PassingFault,
    read_groups,
    read_page,
    read_work,
)
from resources.openalex_limits import Budget, RateLimiter, seconds_to_wait

FIRST_CURSOR = "*"
RATE_PER_S = 100.0  # what OpenAlex allows
_PASSING = {403, 408, 429, 500, 502, 503, 504}  # 403 is also how a guard says "too fast"


@dataclass(frozen=True)
class Patience:
    """How long a fault may last before it is an error."""

    attempts: int = 6
    first_wait_s: float = 0.5  # doubled each time, with jitter on top
    longest_wait_s: float = 60.0  # a longer Retry-After is not slept out
    timeout_s: float = 30.0


@dataclass
class Tally:
    """Requests sent for one purpose, and what they cost."""

    calls: int = 0
    usd: float = 0.0

    def add(self, other: "Tally") -> None:
        """Count another's requests in."""
        self.calls += other.calls
        self.usd += other.usd


class CursorExpiredError(SourceError):
    """The server no longer knows where this cursor stood."""


Check = Callable[[Page], None]
Answer = TypeVar("Answer")

# Retries are told to whoever configured logging; by themselves they would go to the terminal, and
# where structlog happens to be installed into what a command answers.
stamina.instrumentation.set_on_retry_hooks([stamina.instrumentation.LoggingOnRetryHook])
logging.getLogger("stamina").addHandler(logging.NullHandler())
# Its debug log has every header, and a redirect may repeat the key.
logging.getLogger("httpcore").setLevel(logging.INFO)


@dataclass
class OpenAlex:
    """A client that any number of threads may share; close it, or use it in `with`."""

    url: str = field(default_factory=openalex_url)
    rate_per_s: float = RATE_PER_S
    patience: Patience = field(default_factory=Patience)
    workers: int = 16

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in ("http", "https") or not urlsplit(self.url).hostname:
            raise InputError(
                f"CSIMPACT_OPENALEX_URL: expected an address such as https://api.openalex.org, "
                f"received {self.url!r}"
            )
        self._limiter = RateLimiter(self.rate_per_s)
        self._budget = Budget()
        self._stopped = False
        self._key = openalex_key()
        limits = httpx.Limits(max_connections=self.workers, max_keepalive_connections=self.workers)
        self._http = httpx.Client(
            base_url=self.url,
            transport=_Keyed(self._key, self.url, limits),
            timeout=httpx.Timeout(self.patience.timeout_s, connect=10.0),
            headers={"user-agent": "csimpact", "accept": "application/json"},
        )

    def __enter__(self) -> "OpenAlex":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def stop(self) -> None:
        """Let whoever asks from now on have an error: the user wants to leave."""
        self._stopped = True

    def page(
        self, query: Query, cursor: str, tally: Tally, check: Check = lambda page: None
    ) -> Page:
        """The page of a list at a cursor; `check` may raise PassingFault to have it asked again.

        Raises CursorExpiredError, BudgetExhaustedError, or SourceError in one line.
        """
        params = {**query.params, "per_page": str(PER_PAGE), "cursor": cursor}

        def read(response: httpx.Response) -> Page:
            page = read_page(response)
            check(page)
            return page

        return self._ask(query.path, params, read, tally, LIST_CALL_USD)

    def works(self, query: Query, tally: Tally) -> list[Work]:
        """The works of a list that fits one page."""
        params = {**query.params, "per_page": str(PER_PAGE)}
        return self._ask(query.path, params, read_page, tally, LIST_CALL_USD).works

    def count(self, query: Query, tally: Tally) -> int:
        """How many works the list holds, for the price of one call."""
        params = {**query.params, "per_page": "1", "select": "id"}
        return self._ask(query.path, params, read_page, tally, LIST_CALL_USD).count

    def groups(self, query: Query, tally: Tally) -> Told:
        """How many works have each value that the query groups by, for the price of one call."""
        params = {**query.params, "per_page": str(MAX_GROUPS)}
        return self._ask(query.path, params, read_groups, tally, LIST_CALL_USD)

    def work(self, work_id: str, fields: tuple[str, ...], tally: Tally) -> Work | Gone:
        """One work by its id, which is free; or what became of it."""
        params = {"select": ",".join(fields)}
        return self._ask(f"/works/{work_id}", params, partial(read_work, work_id), tally, 0.0)

    def _ask(
        self,
        path: str,
        params: dict[str, str],
        read: Callable[[httpx.Response], Answer],
        tally: Tally,
        usd: float,
    ) -> Answer:
        patience = self.patience
        retry = stamina.RetryingCaller(
            attempts=patience.attempts,
            timeout=None,
            wait_initial=patience.first_wait_s,
            wait_max=patience.longest_wait_s,
            wait_jitter=patience.first_wait_s,
        )
        try:
            return retry(_wait_for, lambda: read(self._send(path, params, tally, usd)))
        except PassingFault as fault:
            raise SourceError(
                f"OpenAlex gave no sound answer {patience.attempts} times, the last time {fault}: "
                "run the same command again later; what was fetched is kept"
            ) from None

    def _send(self, path: str, params: dict[str, str], tally: Tally, usd: float) -> httpx.Response:
        with self._budget.reserve(usd):
            self._limiter.wait()
            if self._stopped:
                raise SourceError("interrupted; what was fetched is kept")
            tally.calls += 1
            try:
                response = self._http.get(path, params=params)
            except httpx.RequestError as problem:
                raise PassingFault(f"{type(problem).__name__} ({problem})") from None
            self._budget.learn(response.headers)
        if response.status_code != 200:
            self._refuse(response, cursor=params.get("cursor", FIRST_CURSOR))
        tally.usd += usd
        return response

    def _refuse(self, response: httpx.Response, cursor: str) -> None:
        """Raise what a status other than 200 means; redirects and absent works are answers."""
        status, wait_s = response.status_code, seconds_to_wait(response.headers)
        if wait_s is not None and wait_s > self.patience.longest_wait_s:
            if status == 429:
                raise self._budget.spent(wait_s)
            raise SourceError(
                f"OpenAlex is not available ({status}) and asks to come back in "
                f"{wait_s / 60:.0f} minutes: run the same command again then"
            )
        if status in _PASSING:
            if wait_s:
                self._limiter.pause(wait_s)
            raise PassingFault(f"{status} {self._said(response)}", wait_s)
        if status == 401:
            raise InputError(
                f"OpenAlex refuses the key ({self._said(response)}): expected a valid one in the "
                "environment variable OPENALEX_API_KEY; keys are free"
            )
        if status == 400 and cursor != FIRST_CURSOR:
            raise CursorExpiredError(
                f"OpenAlex refuses a cursor it gave ({self._said(response)}), again and again: run "
                "the same command later"
            )
        if status not in REDIRECTS | NO_MORE:
            raise SourceError(f"OpenAlex refuses the query: {status} {self._said(response)}")

    def _said(self, response: httpx.Response) -> str:
        """The server's words, shortened; it may have repeated the key."""
        try:
            document = orjson.loads(response.content)
            text = str(document.get("message") or document.get("error"))
        except (orjson.JSONDecodeError, AttributeError):
            text = response.reason_phrase
        text = text.replace(self._key, "(key)") if self._key else text
        hint = "" if self._key else "; no key is set in OPENALEX_API_KEY"
        return " ".join(text.split())[:200] + (hint if response.status_code in (401, 403) else "")


class _Keyed(httpx.BaseTransport):
    """Sends requests with the key added, through the proxy of the environment if there is one."""

    def __init__(self, key: str | None, url: str, limits: httpx.Limits) -> None:
        self._key = key
        host, scheme = urlsplit(url).hostname or "", urlsplit(url).scheme
        proxy = None if proxy_bypass(host) else getproxies().get(scheme)
        self._transport = httpx.HTTPTransport(limits=limits, proxy=proxy)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._key:
            request = httpx.Request(
                request.method,
                request.url.copy_add_param("api_key", self._key),
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions,
            )
        return self._transport.handle_request(request)

    def close(self) -> None:
        self._transport.close()


def _wait_for(problem: Exception) -> bool | float:
    if not isinstance(problem, PassingFault):
        return False
    return True if problem.wait_s is None else problem.wait_s
