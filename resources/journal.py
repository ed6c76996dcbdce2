"""What every step of every run cost, one line of JSON each, whoever ran it.

Belongs here: adding a line, and reading them back. Not: what a step counts (assets/) or what a
person is told of it (pipeline/report).

Lines are added by one write to a file opened for appending, so that runs beside each other never
mix theirs. A line that a crash cut short is passed over. Figures are numbers: no secret fits in.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from pipeline.errors import StorageError
from pipeline.report.costs import Cost


@dataclass(frozen=True)
class Journal:
    """The file `path`, which grows by a line per step."""

    path: Path

    def add(self, run_id: str, job: str, step: str, figures: Mapping[str, Any]) -> None:
        """Add a step that ends now; of `figures`, what is no number is left out."""
        numbers = {k: v for k, v in figures.items() if _is_number(v)}
        cost = Cost(datetime.now(UTC), run_id, job, step, numbers)
        # The line break first ends what a crash may have left without one.
        line = b"\n" + orjson.dumps(asdict(cost)) + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(file, line)
            finally:
                os.close(file)
        except OSError as problem:
            raise StorageError(
                f"could not write {self.path}: {problem.strerror or problem}; tables are "
                "untouched: make room or grant access, then run again"
            ) from problem

    def costs(self, since: datetime | None = None, until: datetime | None = None) -> list[Cost]:
        """Every step that ended after `since` and by `until`, in the order they ended."""
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        found = [cost for line in lines if (cost := _cost(line))]
        return [
            cost
            for cost in found
            if (since is None or cost.at > since) and (until is None or cost.at <= until)
        ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cost(line: bytes) -> Cost | None:
    try:
        row = orjson.loads(line)
        return Cost(**row | {"at": datetime.fromisoformat(row["at"])})
    except (orjson.JSONDecodeError, TypeError, KeyError, ValueError):
        return None  # torn by a crash, or blank: what it told is lost, and nothing else
