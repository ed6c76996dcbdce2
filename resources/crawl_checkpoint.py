"""Where a crawl stands: lines fetched so far, and the state they belong to.

Belongs here: surviving a crash at any moment. Not: what a line or a state says (crawl.py,
openalex_poll.py).

Lines are appended and synced, then the state that counts them replaces the old one. A crash in
between leaves lines no state counts; they are cut off on resuming, and fetched again.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from pipeline.errors import StorageError
from resources.lake import replace_file

State = dict[str, Any]


class Checkpoint:
    """One crawl's folder; gone when the crawl is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines, self._state = folder / "works.jsonl", folder / "state.json"

    def resume(self, key: dict[str, str]) -> State | None:
        """The state of the crawl that bears `key`, its lines cut to what it counts.

        None, and an empty folder, if there is none, it is damaged, or it is of another crawl.
        """
        try:
            state: State = orjson.loads(self._state.read_bytes())
            if state["key"] == key and self._lines.stat().st_size >= state["bytes"]:
                os.truncate(self._lines, state["bytes"])
                return state
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
            pass  # unreadable is as good as absent: the crawl begins anew
        self.remove()
        return None

    def append(self, lines: Iterable[bytes], state: State) -> None:
        """Keep lines fetched, and where the crawl stands after them; `state` has its `key`."""
        data = b"".join(line + b"\n" for line in lines)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._lines.open("ab") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                size = file.tell()
        except OSError as problem:
            raise StorageError(
                f"could not write {self._lines}: {problem.strerror or problem}; what was fetched "
                "before is kept: make room or grant access, then run again"
            ) from problem
        replace_file(self._state, orjson.dumps({**state, "bytes": size}), durable=True)

    def lines(self) -> list[bytes]:
        """Everything kept so far, in the order it came."""
        try:
            return self._lines.read_bytes().splitlines()
        except FileNotFoundError:
            return []

    def remove(self) -> None:
        """Forget the crawl: it was delivered, or must begin anew."""
        # The state first: without it the lines mean nothing.
        self._state.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
