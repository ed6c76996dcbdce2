"""The registry of prompts: who serves, after any history, and when nobody can say."""

from pathlib import Path

import pytest
import torch

from pipeline.errors import InputError, ModelError, NotFoundError, StorageError
from pipeline.models.prompt_file import MANIFEST, TENSORS
from resources.prompt_registry import PromptRegistry
from tests.prompts import ENCODER, adaptation, judged, manifest, verdict


@pytest.fixture
def registry(tmp_path: Path) -> PromptRegistry:
    return PromptRegistry(tmp_path / "prompts")


def test_nothing_serves_an_empty_registry(registry: PromptRegistry) -> None:
    """The first search of a new library must not fail for want of a folder."""
    assert registry.champion(ENCODER) is None
    assert registry.table().height == 0
    assert registry.undecided() == registry.judged() == []
    with pytest.raises(NotFoundError, match="plain already"):
        registry.rollback(ENCODER)
    assert not registry.root.exists()


def test_the_gate_decides_who_serves(registry: PromptRegistry) -> None:
    """A refused challenger that serves all the same."""
    first = judged(registry, 1, promoted=True)
    refused = judged(registry, 2, promoted=False)
    assert registry.champion(ENCODER) == first
    second = judged(registry, 3, promoted=True)
    assert registry.champion(ENCODER) == second
    assert registry.champion("another encoder") is None
    assert registry.judged() == [(p, ("q1", "q2")) for p in (first, refused, second)]
    loaded, _ = registry.load(second, ENCODER)
    assert loaded.prompt is not None
    assert torch.equal(loaded.prompt, adaptation(3).prompt)


def test_rollback_goes_back_to_what_served_before(registry: PromptRegistry) -> None:
    """A prompt taken back for harm that serves again after the next rollback."""
    first, second = (judged(registry, seed, promoted=True) for seed in (1, 2))
    registry.promote(first, "better on our own queries")
    assert registry.champion(ENCODER) == first
    assert registry.rollback(ENCODER).prompt_id == first
    assert registry.champion(ENCODER) == second
    registry.rollback(ENCODER, "harmful")
    assert registry.champion(ENCODER) is None
    assert registry.promote(first[:6]).prompt_id == first
    assert registry.champion(ENCODER) == first
    kinds = [d.kind for d in registry.decisions()]
    assert kinds == ["promoted"] * 3 + ["rolled_back"] * 2 + ["promoted"]
    assert registry.decisions()[4].reasons == ("harmful",)


def test_what_may_not_be_promoted(registry: PromptRegistry) -> None:
    """By hand, past the gate: refused, never judged, serving already, unknown, damaged."""
    refused, serving = judged(registry, 1, promoted=False), judged(registry, 2, promoted=True)
    kept = registry.keep(adaptation(3), manifest())
    with pytest.raises(InputError, match="refused it: Not shown to be better"):
        registry.promote(refused)
    with pytest.raises(InputError, match="never judged"):
        registry.promote(kept)
    with pytest.raises(InputError, match="does already"):
        registry.promote(serving)
    with pytest.raises(NotFoundError, match="no prompt is called 'zzzzzz'"):
        registry.promote("zzzzzz")
    with pytest.raises(NotFoundError, match="4 characters"):
        registry.promote(serving[:2])
    registry.rollback(ENCODER)
    (registry.root / serving / TENSORS).write_bytes(b"no tensors")
    with pytest.raises(ModelError):
        registry.promote(serving)
    assert registry.champion(ENCODER) is None
    assert len(registry.decisions()) == 3


def test_killed_between_keeping_and_judging(registry: PromptRegistry) -> None:
    """The same tensors on another day: refused as an overwrite, for ever without a verdict."""
    kept = registry.keep(adaptation(1), manifest(day=1))
    (registry.root / ".partial-x" / "prompt").mkdir(parents=True)
    assert registry.undecided() == [kept]
    assert registry.champion(ENCODER) is None
    assert registry.find(kept[:5]) == kept
    assert registry.keep(adaptation(1), manifest(day=2)) == kept
    assert registry.manifest(kept).trained_on["trained_on"] == "2026-01-01"
    registry.decide(kept, ENCODER, verdict(kept, promoted=True))
    assert registry.undecided() == []
    (registry.root / kept / TENSORS).write_bytes(b"no tensors")
    with pytest.raises(ModelError):
        registry.keep(adaptation(1), manifest())


def test_a_decision_written_half_does_not_count(registry: PromptRegistry) -> None:
    """A crash while a decision is written must leave the last one in force."""
    first = judged(registry, 1, promoted=True)
    (registry.root / "journal" / ".000002.json.7.tmp").write_text('{"at"')
    assert registry.champion(ENCODER) == first


@pytest.mark.parametrize("damage", ["half", "lost", "foreign"])
def test_a_damaged_journal_is_no_plain_query(registry: PromptRegistry, damage: str) -> None:
    """A lost rollback revives a harmful prompt; a lost promotion serves plain queries unnoticed.

    And the next decision would be written over an existing one.
    """
    first, second = (judged(registry, seed, promoted=True) for seed in (1, 2))
    path = registry.root / "journal" / "000001.json"
    whole = path.read_bytes()
    if damage == "lost":
        path.unlink()
    else:
        path.write_bytes(whole[:50] if damage == "half" else b'{"kind": "served"}')
    for asked in (
        lambda: registry.champion(ENCODER),
        registry.table,
        lambda: registry.rollback(ENCODER),
        lambda: registry.promote(first),
        lambda: judged(registry, 3, promoted=True),
    ):
        with pytest.raises(StorageError, match=r"000001\.json cannot be read .* from a backup"):
            asked()
    path.write_bytes(whole)
    assert registry.champion(ENCODER) == second
    assert len(registry.decisions()) == 2


def test_the_table_marks_what_serves(registry: PromptRegistry) -> None:
    """Two rows marked, or the rollback's row, or the gain against the weaker rival."""
    first = judged(registry, 1, promoted=True)
    refused = judged(registry, 2, promoted=False)
    second = judged(registry, 3, promoted=True)
    registry.rollback(ENCODER)
    table = registry.table()
    assert table["prompt_id"].to_list() == [second, second, refused, first]
    assert table["decision"].to_list() == ["rolled_back", "promoted", "refused", "promoted"]
    assert table["serves"].to_list() == [False, False, False, True]
    assert table["gain"].to_list() == pytest.approx([None, 0.02, -0.02, 0.02])
    assert table["low"].to_list() == pytest.approx([None, 0.01, -0.03, 0.01])
    assert table["n_queries"].to_list() == [None, 1350, 1350, 1350]


def test_verdict_and_evidence_come_back_whole(registry: PromptRegistry) -> None:
    """A number lost on disk cannot be shown, nor the look counted."""
    prompt_id = judged(registry, 1, promoted=True)
    (decision,) = PromptRegistry(registry.root).decisions()
    assert decision.verdict == verdict(prompt_id, promoted=True)
    assert decision.evidence["teacher check"][0]["difference"] == 0.1
    assert (registry.root / prompt_id / MANIFEST).is_file()
