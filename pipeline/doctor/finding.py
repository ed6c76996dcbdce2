"""What a check is given and what it tells: one line of what, one line of how to mend it.

Belongs here: the patient and the finding. Not: any check (the modules beside this one) or their
order (examination.py).
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipeline.errors import ModelError
from pipeline.settings import DataDir
from resources.dagster_home import storage_of, wanted_yaml
from resources.known_models import KNOWN_MODELS
from resources.model_files import verified_model
from resources.model_pins import read_pin
from resources.workspace import Workspace

if TYPE_CHECKING:
    import dagster as dg

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """How a part is; `mend` is what to do, empty where nothing is to be done."""

    level: Level
    what: str
    mend: str = ""


def ok(what: str) -> Finding:
    """All is well."""
    return Finding("ok", what)


def warning(what: str, mend: str) -> Finding:
    """Something will be trouble, or is less than it could be."""
    return Finding("warning", what, mend)


def problem(what: str, mend: str) -> Finding:
    """Something does not work."""
    return Finding("problem", what, mend)


@dataclass
class Patient:
    """One installation under examination.

    deep: read every byte. environ: its variables. now: the time, with a time zone.
    """

    workspace: Workspace
    deep: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def data(self) -> DataDir:
        """The folder of all state."""
        return self.workspace.data

    @property
    def empty(self) -> bool:
        """Whether nothing was ever put into the folder."""
        return not any(map(_anything_in, (self.data.inbox, self.data.sources, self.data.lake)))

    @cached_property
    def encoder_known(self) -> bool:
        """Whether vectors can be named without fetching weights, or pinning them.

        What needs their name is then not examined: the check of the encoder says why.
        """
        name, folder = self.workspace.profile.encoder, self.data.models
        known = KNOWN_MODELS.get(name)
        if known and known.sha256:
            return True
        try:
            verified_model(name, folder, download=False, pin=False)
        except ModelError:
            return False
        return known is None or read_pin(folder, name) is not None

    @property
    def databases(self) -> list[Path]:
        """Dagster's SQLite files, without those of single runs."""
        home = self.data.dagster
        names = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
        return [home / name for name in names if (home / name).exists()]

    @property
    def in_postgres(self) -> bool:
        """Whether Dagster keeps its instance in PostgreSQL."""
        return bool(self.environ.get("CSIMPACT_POSTGRES_URL", "").strip())

    @cached_property
    def instance(self) -> "dg.DagsterInstance | None":
        """Dagster's instance, None where none was made yet: looking must not make one."""
        home = self.data.dagster
        if not (home / "dagster.yaml").exists() or not (self.in_postgres or self.databases):
            return None
        import dagster as dg

        written = (home / "dagster.yaml").read_text(encoding="utf-8")
        if storage_of(written) != storage_of(wanted_yaml(home.absolute())):
            return None  # of a folder that was moved, or before the change to PostgreSQL
        return dg.DagsterInstance.from_config(str(home))


Check = Callable[[Patient], Iterable[Finding]]


def _anything_in(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
