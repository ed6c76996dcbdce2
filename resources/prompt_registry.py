"""Every prompt that was ever judged, and which one serves: nothing is overwritten.

Belongs here: keeping challengers with their verdicts, promotion, rollback. Not: the judgment
(pipeline/training/gate.py) or the prompt's files (pipeline/models/prompt_file.py).
A decision is one numbered file, written whole under a temporary name and renamed; what serves is
what the decisions, read in order, say. Numbers have no gaps: a lost file is noticed, since without
it nobody knows what serves. Whoever decides holds the workspace's lock `prompts` meanwhile. A
prompt that was kept and never judged, because the training was killed in between, serves nobody.
"""

import getpass
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from pipeline.errors import InputError, NotFoundError, StorageError
from pipeline.models.adaptation import Adaptation
from pipeline.models.prompt_file import (
    MANIFEST,
    Manifest,
    complete,
    read_manifest,
    read_prompt,
    write_prompt,
)
from pipeline.training.verdict import Comparison, Verdict
from resources.lake import replace_file

Evidence = dict[str, list[dict[str, JsonValue]]]

MIN_PREFIX = 4  # characters that name a prompt


class Decision(BaseModel):
    """One entry of the journal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    by: str = Field(description="user, or `gate`")
    kind: Literal["promoted", "refused", "rolled_back"]
    prompt_id: str = Field(description="the prompt decided about")
    encoder_id: str
    reasons: tuple[str, ...]
    verdict: Verdict | None = None
    evidence: Evidence = Field({}, description="tables beside the verdict, row by row")


class PromptRegistry:
    """`prompts/<prompt_id>/` with tensors and manifest, `prompts/journal/000001.json`, …"""

    def __init__(self, root: Path) -> None:
        self.root = root

    def decisions(self) -> list[Decision]:
        """Every decision, the oldest first; raises StorageError if one is damaged or missing."""
        paths = self._journal()
        expected = [f"{number:06d}.json" for number in range(1, len(paths) + 1)]
        for name, path in zip(expected, paths, strict=True):
            if path.name != name:
                raise _damaged(path.with_name(name), f"it is missing before {path.name}")
        return [_read(path) for path in paths]

    def undecided(self) -> list[str]:
        """Prompts that were kept and never judged: their training ended in between."""
        decided = {d.prompt_id for d in self.decisions()}
        kept = {p.parent.name for p in self.root.glob(f"[!.]*/{MANIFEST}")}
        return sorted(kept - decided)

    def champion(self, encoder_id: str) -> str | None:
        """The prompt that serves queries of this encoder, or None: plain queries."""
        served = self._served(encoder_id)
        return served[-1] if served else None

    def load(self, prompt_id: str, encoder_id: str) -> tuple[Adaptation, Manifest]:
        """The prompt; raises ModelError if it is of another encoder or was changed."""
        return read_prompt(self.root / prompt_id, encoder_id=encoder_id)

    def judged(self) -> list[tuple[str, tuple[str, ...]]]:
        """(prompt id, test queries) of every verdict so far, refusals included."""
        return [(d.prompt_id, d.verdict.test_ids) for d in self.decisions() if d.verdict]

    def keep(self, adaptation: Adaptation, manifest: Manifest) -> str:
        """Store a challenger's files; returns its id. It serves nobody yet.

        One that is there already stays as it is: the same tensors came of another day's training,
        or of one that was killed before its verdict. Raises ModelError if it was damaged since.
        """
        prompt_id = complete(manifest, adaptation).prompt_id
        folder = self.root / prompt_id
        if folder.exists():
            return read_prompt(folder, encoder_id=manifest.encoder_id)[1].prompt_id
        return write_prompt(folder, adaptation, manifest).prompt_id

    def decide(
        self, prompt_id: str, encoder_id: str, verdict: Verdict, evidence: Evidence | None = None
    ) -> Decision:
        """Promote or refuse a kept challenger, as its verdict says."""
        return self._append(
            by="gate",
            kind="promoted" if verdict.promoted else "refused",
            prompt_id=prompt_id,
            encoder_id=encoder_id,
            reasons=verdict.reasons,
            verdict=verdict,
            evidence=evidence,
        )

    def promote(self, name: str, reason: str = "") -> Decision:
        """Let a prompt serve again that the gate once promoted.

        Raises:
            NotFoundError: there is none of that name.
            InputError: the gate did not promote it, or it serves already.
            ModelError: its files were damaged.
        """
        prompt_id = self.find(name)
        mine = [d for d in self.decisions() if d.prompt_id == prompt_id]
        passed = [d for d in mine if d.kind == "promoted"]
        if not passed:
            refusals = [" ".join(d.reasons) for d in mine if d.kind == "refused"]
            why = f"it refused it: {refusals[-1]}" if refusals else "it was never judged"
            raise InputError(
                f"expected a prompt that the gate promoted, received {prompt_id}; {why} Train "
                "another: `csimpact train`"
            )
        if self.champion(passed[-1].encoder_id) == prompt_id:
            raise InputError(
                f"expected a prompt that does not serve, received {prompt_id}, which does already"
            )
        self.load(prompt_id, passed[-1].encoder_id)
        return self._append(
            by=_user(),
            kind="promoted",
            prompt_id=prompt_id,
            encoder_id=passed[-1].encoder_id,
            reasons=(reason or "Promoted by hand.",),
        )

    def rollback(self, encoder_id: str, reason: str = "") -> Decision:
        """Take the serving prompt back: the one before it serves again, or none.

        What was taken back serves again only if somebody promotes it. Raises NotFoundError if none
        serves.
        """
        serving = self.champion(encoder_id)
        if serving is None:
            raise NotFoundError(
                f"expected a prompt that serves {encoder_id}, found none: queries are plain already"
            )
        return self._append(
            by=_user(),
            kind="rolled_back",
            prompt_id=serving,
            encoder_id=encoder_id,
            reasons=(reason or "Rolled back by hand.",),
        )

    def find(self, name: str) -> str:
        """The prompt, judged or only kept, whose id begins with `name`.

        Raises NotFoundError unless exactly one does.
        """
        known = dict.fromkeys([*(d.prompt_id for d in self.decisions()), *self.undecided()])
        found = [p for p in known if p.startswith(name)] if len(name) >= MIN_PREFIX else []
        if len(found) != 1:
            many = f"{len(found)} prompts begin with" if found else "no prompt is called"
            short = f" ({MIN_PREFIX} characters at least)" if len(name) < MIN_PREFIX else ""
            raise NotFoundError(f"{many} {name!r}{short}: `csimpact prompt list` names them")
        return found[0]

    def manifest(self, prompt_id: str) -> Manifest:
        """What a kept prompt was trained on."""
        return read_manifest(self.root / prompt_id)

    def table(self) -> pl.DataFrame:
        """One row per decision, the newest first; `serves` marks the prompt in use."""
        decisions = self.decisions()
        serving = {p for e in {d.encoder_id for d in decisions} if (p := self.champion(e))}
        promoted = {d.prompt_id: i for i, d in enumerate(decisions) if d.kind == "promoted"}
        rows = [
            {
                "prompt_id": d.prompt_id,
                "decision": d.kind,
                "at": d.at,
                "by": d.by,
                "serves": d.prompt_id in serving and promoted[d.prompt_id] == i,
                "gain": worst.gain if (worst := _strongest_rival(d)) else None,
                "low": worst.low if worst else None,
                "n_queries": d.verdict.n_queries if d.verdict else None,
                "encoder_id": d.encoder_id,
                "reason": " ".join(d.reasons),
            }
            for i, d in enumerate(decisions)
        ]
        return pl.DataFrame(rows[::-1], schema=_TABLE, orient="row")

    def _served(self, encoder_id: str) -> list[str]:
        """What a rollback goes back through: the prompt in use last, what it replaced before it."""
        served: list[str] = []
        for decision in self.decisions():
            if decision.encoder_id != encoder_id or decision.kind == "refused":
                continue
            served = [one for one in served if one != decision.prompt_id]
            if decision.kind == "promoted":
                served.append(decision.prompt_id)
        return served

    def _append(
        self,
        *,
        by: str,
        kind: Literal["promoted", "refused", "rolled_back"],
        prompt_id: str,
        encoder_id: str,
        reasons: Sequence[str],
        verdict: Verdict | None = None,
        evidence: Evidence | None = None,
    ) -> Decision:
        decision = Decision(
            at=datetime.now(UTC),
            by=by,
            kind=kind,
            prompt_id=prompt_id,
            encoder_id=encoder_id,
            reasons=tuple(reasons),
            verdict=verdict,
            evidence=evidence or {},
        )
        number = len(self.decisions()) + 1  # of a journal without gaps, or an older one is lost
        path = self.root / "journal" / f"{number:06d}.json"
        replace_file(path, decision.model_dump_json(indent=1).encode(), durable=True)
        return decision

    def _journal(self) -> list[Path]:
        return sorted((self.root / "journal").glob("*.json"))


_TABLE: dict[str, pl.DataType | type[pl.DataType]] = {
    "prompt_id": pl.String,
    "decision": pl.String,
    "at": pl.Datetime("us", "UTC"),
    "by": pl.String,
    "serves": pl.Boolean,
    "gain": pl.Float64,
    "low": pl.Float64,
    "n_queries": pl.Int64,
    "encoder_id": pl.String,
    "reason": pl.String,
}


def _strongest_rival(decision: Decision) -> Comparison | None:
    """The comparison of the smallest lower bound; None of what nobody measured."""
    against = decision.verdict.overall if decision.verdict else ()
    return min(against, key=lambda c: c.low, default=None)


def _read(path: Path) -> Decision:
    try:
        return Decision.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as problem:
        raise _damaged(path, str(problem).splitlines()[0]) from problem


def _damaged(path: Path, problem: str) -> StorageError:
    return StorageError(
        f"{path} cannot be read ({problem}): restore it from a backup; until then nobody knows "
        "which prompt serves, and no query is encoded"
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user in a container
        return str(os.getuid())
