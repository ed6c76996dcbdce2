"""Everything a stage works with, opened from one state folder.

Belongs here: putting the parts together. Stages take a `Workspace`, science takes frames.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pipeline.corpus.places import Places
from pipeline.errors import BusyError, ModelError, StorageError
from pipeline.impact.pools import PoolRule
from pipeline.labels.labelling_rule import LabellingRule
from pipeline.models.bi_encoder import BiEncoder
from pipeline.models.profiles import Profile, chosen_profile
from pipeline.models.reranker import Reranker
from pipeline.settings import DataDir, data_dir
from pipeline.staleness import RULES, State, World
from pipeline.tables import Cell
from pipeline.venues import VenueRegistry, load_venues
from resources.deliveries import Imported, import_files, read_again, take_dropped
from resources.inbox import Inbox
from resources.lake import Lake
from resources.ledger_store import LedgerStore
from resources.model_files import verified_model
from resources.model_hub import encoder_id, load_bi_encoder, load_reranker
from resources.prompt_registry import PromptRegistry
from resources.remedies import SPREADS_TO, WITH_IDENTITIES, spread
from resources.source_files import recognise, sha256_of
from resources.source_store import SourceStore
from resources.vector_store import VectorStore

if TYPE_CHECKING:
    from pipeline.models.query_tower import TowerEncoder

LOCK_TIMEOUT_S = 3600.0  # a stage waits for another run's same stage; beyond that something hangs


REPORT_EVERY_S = 15.0  # between two progress lines of a log

Report = Callable[[str], None]
_File = tuple[str, int, int]  # path in the inbox, size, time stamp


def _silent(_: str) -> None:
    return None


def throttled(report: Report) -> Report:
    """`report`, called at most every REPORT_EVERY_S seconds: for logs, which keep every line."""
    last = -REPORT_EVERY_S

    def pass_on(message: str) -> None:
        nonlocal last
        if time.monotonic() - last >= REPORT_EVERY_S:
            report(message)
            last = time.monotonic()

    return pass_on


@dataclass
class Workspace:
    """The parts of one installation, by name; `report` receives one-line progress messages."""

    data: DataDir
    today: date = field(default_factory=date.today)
    rule: PoolRule = field(default_factory=PoolRule)
    labelling: LabellingRule = field(default_factory=LabellingRule)
    report: Report = _silent

    def report_to(self, log: Report) -> None:
        """Send progress to a log, unless somebody listens already."""
        if self.report is _silent:
            self.report = throttled(log)

    @cached_property
    def venues(self) -> VenueRegistry:
        """The venue registry."""
        return load_venues()

    @property
    def domains(self) -> Mapping[str, str]:
        """Domain of every venue of the registry, by slug."""
        return {venue.slug: venue.domain for venue in self.venues}

    @cached_property
    def lake(self) -> Lake:
        """The Parquet tables."""
        return Lake(self.data.lake)

    @cached_property
    def ledger(self) -> LedgerStore:
        """The identity ledger's segments."""
        return LedgerStore(self.data.ledger)

    @cached_property
    def profile(self) -> Profile:
        """The models to work with."""
        return chosen_profile()

    @cached_property
    def encoder_id(self) -> str:
        """Under which vectors are stored."""
        return encoder_id(self.profile.encoder, self.data.models)

    @cached_property
    def encoder(self) -> "TowerEncoder":
        """The frozen encoder, loaded on first use."""
        return load_bi_encoder(self.profile.encoder, self.data.models)

    @property
    def encoder_sha256(self) -> str:
        """SHA-256 of the encoder's weights."""
        return verified_model(self.profile.encoder, self.data.models).digest

    def float32_encoder(self) -> "TowerEncoder":
        """The encoder in float32, for what bfloat16 would round away."""
        import torch

        return load_bi_encoder(self.profile.encoder, self.data.models, dtype=torch.float32)

    def prompted(self, prompt_id: str) -> BiEncoder:
        """The encoder with a prompt on its query side.

        Raises ModelError if the prompt is of another encoder, or was changed.
        """
        from pipeline.models.prompted import PromptedEncoder

        adaptation, manifest = self.prompts.load(prompt_id, self.encoder_id)
        # Replaced weights were trained, and judged, in float32.
        encoder = self.float32_encoder() if adaptation.weights else self.encoder
        return PromptedEncoder(encoder, adaptation, instruction=manifest.instruction)

    @cached_property
    def query_encoder(self) -> BiEncoder:
        """What queries are encoded by: the champion where one serves, else the plain encoder.

        Raises ModelError if the champion was damaged: plain queries in its place would answer
        otherwise without a word.
        """
        champion, plain = self.prompts.champion(self.encoder_id), self.encoder
        if champion is None:
            return plain
        try:
            return self.prompted(champion)
        except ModelError as problem:
            raise ModelError(
                f"prompt {champion} serves queries and cannot be used: {problem}, or take it back: "
                "`csimpact prompt rollback`"
            ) from problem

    @cached_property
    def vectors(self) -> VectorStore:
        """The LanceDB table of this encoder."""
        return VectorStore(self.data.lance, self.encoder_id)

    @property
    def config_id(self) -> str:
        """Pool rule and encoder."""
        return self.rule.config_id(self.encoder_id)

    @cached_property
    def teacher(self) -> Reranker:
        """The reranker, loaded on first use."""
        return load_reranker(
            self.profile.reranker,
            self.data.models,
            instruction=self.profile.reranker_instruction,
        )

    @property
    def prompts(self) -> "PromptRegistry":
        """Prompts trained so far, and which one serves."""
        return PromptRegistry(self.data.prompts)

    def inbox(self) -> Inbox:
        """The inbox as its registry stands now."""
        return Inbox(self.data.inbox, self.venues, self.today)

    def source_store(self) -> SourceStore:
        """What every source but the lists says, as its registry stands now."""
        return SourceStore(self.data.sources, Places.of(self.venues, self.today), self.today)

    def import_files(
        self, paths: Sequence[Path], *, mapping: Path | None = None, accept_shrink: bool = False
    ) -> Imported:
        """Take in files of any source, while nobody else may write to the inbox."""
        with self.lock("inbox"):
            inbox, store = self.inbox(), self.source_store()
            return import_files(paths, inbox, store, mapping=mapping, accept_shrink=accept_shrink)

    def world(self, *, register: bool = True) -> World:
        """What the planner compares against, files dropped into the inbox by hand included.

        `register` remembers them, which stages need and readers must not do.
        """
        if register:
            with self.lock("inbox"):
                inbox, store = self.inbox(), self.source_store()
                store.finish()
                known = _known_files(store)
                inbox.scan(taken=lambda path: self._taken(path, known, store))
                for refusal in read_again(inbox.root, store)[1]:
                    self.report(str(refusal.problem))
        else:
            inbox, store = self.scanned_inbox(), self.source_store()
        return self._world(inbox, store)

    def registered_world(self) -> World:
        """`world` without what was dropped and nobody registered yet: no file is read."""
        return self._world(self.inbox(), self.source_store())

    def _world(self, inbox: Inbox, store: SourceStore) -> World:
        profile = self.profile
        return World(
            records=_joined(inbox.digests(), store.digests("records")),
            edges=store.digests("edges"),
            decisions=self.ledger.decisions(),
            encoder_id=self.encoder_id,
            config_id=self.config_id,
            half_window_days=self.rule.half_window_days,
            labelling=self.labelling.id,
            teacher=f"{profile.reranker} on {profile.text_input}: {profile.reranker_instruction}",
            domains=self.domains,
        )

    def scanned_inbox(self) -> Inbox:
        """The inbox with what was dropped into it, of which nothing is remembered."""
        inbox, known = self.inbox(), _known_files(self.source_store())
        inbox.scan(save=False, taken=lambda p: self._named(p) in known or recognise(p) is not None)
        return inbox

    def _taken(self, path: Path, known: Collection[_File], store: SourceStore) -> bool:
        if (file := self._named(path)) in known:
            return True
        if any(file[:2] == one[:2] for one in known):
            digest = sha256_of(path)
            if store.registry.touch(*file, digest):
                return True
        return take_dropped(path, self.data.inbox, store)

    def _named(self, path: Path) -> _File:
        stat = path.stat()
        return path.relative_to(self.data.inbox).as_posix(), stat.st_size, stat.st_mtime_ns

    def states(self) -> Mapping[str, Mapping[Cell | None, State]]:
        """The remembered state of every output; `damaged` says what has to be made anew.

        What a vanished index held has no state.
        """
        states = {output: self.lake.states(output) for output in RULES}
        if not self.vectors.exists():
            papers = states["papers"]
            states["paper_index"] = {
                cell: state
                for cell, state in states["paper_index"].items()
                if cell in papers and not papers[cell].rows["papers"]
            }
        alone = (self.lake.state(table, None) for table in WITH_IDENTITIES)
        singles = [problem for state in alone if state for problem in state.damaged]
        return spread(states, singles=singles, index=self.vectors.damage())

    def states_of(self, output: str) -> Mapping[str, Mapping[Cell | None, State]]:
        """`states` as planning one output needs them: others are read when they are asked for."""
        return self.states() if output in SPREADS_TO else _OnDemand(self.lake)

    def lock(self, name: str, timeout_s: float = LOCK_TIMEOUT_S) -> "WorkspaceLock":
        """A lock other processes respect; `with` it to hold it."""
        return WorkspaceLock(self.data, name, timeout_s)


class _OnDemand(dict[str, Mapping[Cell | None, State]]):
    """States by output, those that somebody asks for: reading all takes longer than some stages."""

    def __init__(self, lake: Lake) -> None:
        super().__init__()
        self._lake = lake

    def __missing__(self, output: str) -> Mapping[Cell | None, State]:
        self[output] = self._lake.states(output)
        return self[output]


def _known_files(store: SourceStore) -> set[_File]:
    return {(d.path, d.size, d.mtime_ns) for d in store.deliveries}


def _joined(lists: Mapping[Cell, str], sources: Mapping[Cell, str]) -> dict[Cell, str]:
    """One digest per venue-year of what lists and all other sources say of it."""
    cells = lists.keys() | sources.keys()
    return {c: " ".join(d[c] for d in (lists, sources) if c in d) for c in cells}


class WorkspaceLock:
    """A named lock file under the state folder, freed by the system if its holder dies."""

    def __init__(self, data: DataDir, name: str, timeout_s: float) -> None:
        folder = data.root / "locks"
        self._name, self._lock, self._timeout_s = name, FileLock(folder / f"{name}.lock"), timeout_s

    def __enter__(self) -> None:
        path = Path(self._lock.lock_file)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=self._timeout_s)
        except Timeout as problem:
            raise BusyError(
                f"another {self._name} is running on this data folder: wait for it to end, "
                "then run again"
            ) from problem
        except OSError as problem:
            raise StorageError(
                f"could not lock {path} ({problem.strerror or problem}): make room or grant "
                "access, then run again"
            ) from problem

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def open_workspace(data: DataDir | None = None) -> Workspace:
    """The workspace of a state folder, by default that of `CSIMPACT_DATA`."""
    return Workspace(data or data_dir())
