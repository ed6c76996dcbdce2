"""Where state lies and which profile runs: the only reader of `CSIMPACT_*` variables.

Everything the system remembers lies under one folder, `data/` of the project or `CSIMPACT_DATA`:
the inbox, the lake, the ledger, LanceDB and Dagster's instance.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class DataDir:
    """The one folder that holds all state; its parts by name."""

    root: Path

    @property
    def inbox(self) -> Path:
        """Registered dumps, and files a user dropped."""
        return self.root / "inbox"

    @property
    def sources(self) -> Path:
        """What every source but the lists says now, merged from its dumps."""
        return self.root / "sources"

    @property
    def lake(self) -> Path:
        """Parquet tables, the working state."""
        return self.root / "lake"

    @property
    def ledger(self) -> Path:
        """Identity ledger: source data, to be backed up with the inbox."""
        return self.root / "ledger"

    @property
    def lance(self) -> Path:
        """LanceDB database."""
        return self.root / "lance"

    @property
    def models(self) -> Path:
        """Model folders put there by hand, one per model name."""
        return self.root / "models"

    @property
    def benchmarks(self) -> Path:
        """Benchmark folders put there by hand: evaluated, and kept out of training."""
        return self.root / "benchmarks"

    @property
    def audits(self) -> Path:
        """Keys of audit sheets: the teacher's scores that the sheets do not show."""
        return self.root / "audits"

    @property
    def prompts(self) -> Path:
        """Trained prompts, and the journal of what was promoted, refused and rolled back."""
        return self.root / "prompts"

    @property
    def crawl(self) -> Path:
        """Checkpoints of crawls that are under way."""
        return self.root / "crawl" / "openalex"

    @property
    def releases(self) -> Path:
        """Dated releases, one folder each, never changed afterwards."""
        return self.root / "releases"

    @property
    def reports(self) -> Path:
        """Nightly reports, and the state of the tables that the next one compares with."""
        return self.root / "reports"

    @property
    def impact_report(self) -> Path:
        """The page of the whole library; its document lies beside it."""
        return self.reports / "impact" / "impact.html"

    @property
    def journal(self) -> Path:
        """What every step of every run cost, one line each."""
        return self.root / "journal" / "costs.jsonl"

    @property
    def incidents(self) -> Path:
        """One readable page per failed run."""
        return self.root / "incidents"

    @property
    def dagster(self) -> Path:
        """Dagster's instance: runs, events, logs."""
        return self.root / "dagster"


def data_dir() -> DataDir:
    """The state folder: `CSIMPACT_DATA`, else `data/` of the project."""
    return DataDir(Path(os.environ.get("CSIMPACT_DATA") or PROJECT / "data").absolute())


VARIABLES: Mapping[str, str] = {
    "CSIMPACT_DATA": "folder of all state; else data/ of the project",
    "CSIMPACT_PROFILE": "models to work with, minilm or qwen3; else minilm",
    "CSIMPACT_ENCODER": "document encoder in place of the profile's",
    "CSIMPACT_OPENALEX_URL": "another server that answers like OpenAlex",
    "CSIMPACT_AUTOMATION": "on: sensors and schedules start by themselves; else off",
    "CSIMPACT_TRAINING": "on: a prompt is trained every week; else off",
    "CSIMPACT_TICK_SECONDS": "seconds between ticks of sensors that look at this machine; else 30",
    "CSIMPACT_PROBE_SECONDS": "seconds between looks at OpenAlex; else 120 ticks, an hour",
    "CSIMPACT_WEBHOOK": "https address that incidents are posted to; a secret",
    "CSIMPACT_POSTGRES_URL": "PostgreSQL of Dagster's instance, in place of SQLite; a secret",
}
"""Every variable of ours, and what it says. Tests have others of their own."""

PROFILE_VARIABLE, USUAL_PROFILE = "CSIMPACT_PROFILE", "minilm"


def named_profile() -> str | None:
    """`CSIMPACT_PROFILE`; None where nobody named one."""
    return os.environ.get(PROFILE_VARIABLE) or None


def profile_name() -> str:
    """Name of the models to work with (pipeline/models/profiles.py)."""
    return named_profile() or USUAL_PROFILE


def encoder_override() -> str | None:
    """`CSIMPACT_ENCODER`, a document encoder in place of the profile's; None: the profile's."""
    return os.environ.get("CSIMPACT_ENCODER") or None


def openalex_url() -> str:
    """Where OpenAlex answers; `CSIMPACT_OPENALEX_URL` leads to another server of its kind."""
    return (os.environ.get("CSIMPACT_OPENALEX_URL") or "https://api.openalex.org").rstrip("/")


def openalex_chosen() -> bool:
    """Whether OpenAlex may be asked unattended: somebody named a key, or a server of its kind."""
    return bool(openalex_key() or os.environ.get("CSIMPACT_OPENALEX_URL"))


def openalex_key() -> str | None:
    """The API key in `OPENALEX_API_KEY`, the only place it is ever read from or kept in."""
    return os.environ.get("OPENALEX_API_KEY", "").strip() or None


def automation_on() -> bool:
    """Whether sensors and schedules start by themselves: `CSIMPACT_AUTOMATION` is `on`."""
    return _switch("CSIMPACT_AUTOMATION")


def training_on() -> bool:
    """Whether a prompt may be trained every week on this machine: `CSIMPACT_TRAINING` is `on`."""
    return _switch("CSIMPACT_TRAINING")


def tick_seconds() -> int:
    """Seconds between two ticks of a sensor that looks at this machine only, 30 if not named."""
    return int(os.environ.get("CSIMPACT_TICK_SECONDS") or 30)


def probe_seconds() -> int:
    """Seconds between two looks of a sensor at OpenAlex: `CSIMPACT_PROBE_SECONDS`, else an hour.

    Where ticks are made faster or slower, looks become so as well.
    """
    return int(os.environ.get("CSIMPACT_PROBE_SECONDS") or 120 * tick_seconds())


def webhook_url() -> str | None:
    """Where incidents are posted; a secret, since whoever knows it can post there."""
    return os.environ.get("CSIMPACT_WEBHOOK", "").strip() or None


def postgres_url() -> str | None:
    """Where Dagster keeps its instance instead of SQLite; a secret, since it holds a password."""
    return os.environ.get("CSIMPACT_POSTGRES_URL", "").strip() or None


def _switch(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() in ("on", "1", "true", "yes")
