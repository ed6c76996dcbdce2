"""A server that answers as a test tells it to, over a real socket, and works to answer with.

Belongs here: helpers of the tests of the crawl. Not: tests, nor the simulated OpenAlex
(pipeline/simulation/openalex_server.py), which knows what OpenAlex does.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from resources.openalex import OpenAlex, Patience

Work = dict[str, Any]
IMPATIENT = Patience(attempts=4, first_wait_s=0.002, longest_wait_s=2.0, timeout_s=1.0)


@dataclass(frozen=True)
class Request:
    """What was asked."""

    path: str
    params: Mapping[str, str]
    target: str  # as it came, with everything in it


@dataclass(frozen=True)
class Answer:
    """What is answered; a body that is no bytes is sent as JSON."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Scripted:
    """The running server: where it is, and what it was asked."""

    url: str
    requests: list[Request] = field(default_factory=list)


@contextmanager
def scripted(answer: Callable[[Request], Answer]) -> Iterator[Scripted]:
    """A server on loopback for as long as the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet; apart, the second waits for 40 ms

        def do_GET(self) -> None:  # the library's name
            url = urlsplit(self.path)
            request = Request(url.path, dict(parse_qsl(url.query)), self.path)
            running.requests.append(request)
            given = answer(request)
            body = given.body if isinstance(given.body, bytes) else json.dumps(given.body).encode()
            self.send_response(given.status)
            for name, value in {"content-length": str(len(body)), **given.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = Scripted(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()


def client(url: str, **changes: Any) -> OpenAlex:
    """A client that loses patience before a test does."""
    return OpenAlex(url, **{"rate_per_s": 10_000.0, "patience": IMPATIENT, **changes})


def page(works: list[Work], *, count: int | None = None, cursor: str | None = None) -> Answer:
    """A list page."""
    meta = {"count": len(works) if count is None else count, "next_cursor": cursor}
    return Answer({"meta": meta, "results": works})


def work(number: int, **changes: Any) -> Work:
    """A work with as much as a poll looks at."""
    return {
        "id": f"https://openalex.org/W{number}",
        "title": f"Title {number}",
        "publication_date": "2018-01-01",
        "cited_by_count": number,
        **changes,
    }
