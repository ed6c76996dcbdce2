"""A private PostgreSQL on loopback for one test session: made, started, stopped, deleted.

Belongs here: finding the server's programs and starting them as a user that PostgreSQL accepts.
Not: tests.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534  # PostgreSQL refuses to be run by root
PASSWORD = "s3cret-of-a-test"


def programs() -> dict[str, str] | None:
    """Paths of initdb and postgres, None where the server is not installed."""
    found = {name: shutil.which(name) for name in ("initdb", "postgres")}
    return {n: p for n, p in found.items() if p} if all(found.values()) else None


@contextmanager
def running_postgres() -> Iterator[str]:
    """The address of an empty server's database; the server is gone afterwards."""
    named = programs()
    assert named, "initdb and postgres are not on PATH"
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    # Not below pytest's folders, into which no other user may look.
    folder = Path(tempfile.mkdtemp(prefix="csimpact-pg-"))
    (folder / "password").write_text(PASSWORD)
    if who:
        for path in (folder, folder / "password"):
            os.chown(path, NOBODY, NOBODY)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    server = None
    try:
        subprocess.run(
            [named["initdb"], "-D", str(data), "-U", "csimpact", "--pwfile",
             str(folder / "password"), "-A", "scram-sha-256", "-E", "UTF8", "--no-sync"],
            check=True, capture_output=True, cwd=folder, **who,  # type: ignore[call-overload]
        )  # fmt: skip
        server = subprocess.Popen(
            [named["postgres"], "-D", str(data), "-p", str(port), "-k", str(folder),
             "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"],
            cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            **who,  # type: ignore[call-overload]
        )  # fmt: skip
        url = f"postgresql+psycopg2://csimpact:{PASSWORD}@127.0.0.1:{port}/postgres"
        _wait(url, server)
        yield url
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)  # fast shutdown: clients are disconnected
            server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(url: str, server: "subprocess.Popen[bytes]") -> None:
    import psycopg2

    deadline = time.monotonic() + 30
    while True:
        assert server.poll() is None, "postgres ended by itself"
        try:
            psycopg2.connect(url.replace("+psycopg2", "")).close()
            return
        except psycopg2.OperationalError:
            assert time.monotonic() < deadline, "postgres does not answer"
            time.sleep(0.1)
