"""An OpenAlex on loopback: the simulated literature over HTTP, with faults on demand.

Belongs here: sockets, threads, and answers that break on the way. Not: what is answered
(openalex_running.py and what it uses).
"""

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pipeline.errors import InputError
from pipeline.simulation.literature import Literature
from pipeline.simulation.openalex_answers import Answer
from pipeline.simulation.openalex_faults import FAULTS, Faults
from pipeline.simulation.openalex_meter import Meter, key_of
from pipeline.simulation.openalex_running import Call, RunningServer

__all__ = ["FAULTS", "Call", "Faults", "RunningServer", "serve"]

HOST = "127.0.0.1"
# Connections dropped on purpose are no news to whoever reads the log.
logging.getLogger("uvicorn.error").addFilter(
    lambda record: "without completing" not in record.getMessage()
)


class _Reply(Response):
    """Sends an answer, cut or dropped where a fault wants it so."""

    def __init__(self, answer: Answer, fault: str | None) -> None:
        body = answer.body[: len(answer.body) // 2] if fault == "truncated" else answer.body
        super().__init__(body, answer.status, dict(answer.headers), answer.content_type)
        self._dropped = fault == "dropped"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._dropped:
            return await super().__call__(scope, receive, send)
        start = {"type": "http.response.start", "status": self.status_code}
        await send(start | {"headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        # uvicorn closes the connection when an answer ends before its announced length.
        return await send({"type": "http.response.body", "body": half, "more_body": True})


def _application(server: RunningServer, latency_s: float, closing: threading.Event) -> Starlette:
    async def handle(request: Request) -> Response:
        number, call = server.begin(request.url.path, dict(request.query_params))
        key = key_of(request.query_params, request.headers)
        if latency_s:
            await asyncio.sleep(latency_s)
        if server.faults.of_request(number) == "timeout":
            call.fault = "timeout"
            await _silence(closing, server.faults.hold_s)
            return Response(status_code=504)
        answer = server.respond(number, call, key)
        return _Reply(answer, call.fault)

    return Starlette(routes=[Route("/{path:path}", handle)])


async def _silence(closing: threading.Event, seconds: float) -> None:
    """Waits that long, or until the server closes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not closing.is_set():
        await asyncio.sleep(0.05)


@contextmanager
def serve(
    literature: Literature,
    *,
    faults: Faults | None = None,
    api_key: str | None = None,
    latency_s: float = 0.0,
    rate_per_s: float | None = None,
    budget_usd: float = 1.0,
    port: int = 0,
) -> Iterator[RunningServer]:
    """A running server over `literature`, on a free port unless one is named.

    With an `api_key`, calls without it get a tenth of the budget and no cursors; without one
    every call has all. `rate_per_s`: requests admitted per second.
    """
    listener = _listener(port)
    meter = Meter(api_key=api_key, budget_usd=budget_usd, rate_per_s=rate_per_s)
    server = RunningServer(literature, faults or Faults(), meter)
    server.url = f"http://{HOST}:{listener.getsockname()[1]}"
    closing = threading.Event()
    config = uvicorn.Config(
        _application(server, latency_s, closing),
        log_config=None,  # logging is for the caller to set up
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    runner = uvicorn.Server(config)
    thread = threading.Thread(target=runner.run, args=([listener],), daemon=True)
    thread.start()
    try:
        _await_start(runner, thread)
        yield server
    finally:
        runner.should_exit = True
        closing.set()
        thread.join(timeout=10)
        listener.close()


def _listener(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":  # elsewhere it would take the port away from whoever holds it
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise InputError(
            f"port {port}: expected a free port of {HOST}, received {error}; name another one"
        ) from error
    return listener


def _await_start(runner: uvicorn.Server, thread: threading.Thread) -> None:
    while not runner.started:
        if not thread.is_alive():
            raise InputError("the simulated OpenAlex did not start")
        time.sleep(0.002)
