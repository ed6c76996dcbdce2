"""Prompts on disk: what is read is what was written, for the encoder it was made for."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.errors import ModelError
from pipeline.models.adaptation import Adaptation
from pipeline.models.prompt_file import (
    MANIFEST,
    TENSORS,
    Manifest,
    adaptation_of,
    complete,
    named_tensors,
    read_prompt,
    write_prompt,
)

MADE = Manifest(
    kind="soft_prompt",
    encoder_id="tiny@01234567-128",
    base_sha256="0" * 64,
    hidden_size=4,
    num_layers=2,
    trained_on={"loss": "bpr", "seeds": [0, 1]},
)
FULL = Adaptation(
    prompt=torch.arange(12.0).reshape(3, 4).requires_grad_(),
    gate=torch.zeros(2),
    prefix=torch.ones(2, 2, 3, 4),
    weights={"encoder.layer.0.output.dense.bias": torch.ones(4)},
    side=[(torch.ones(1, 4), torch.zeros(4, 1))] * 2,
    pooling=torch.ones(8),
    residual=(torch.ones(2, 4), torch.zeros(4, 2)),
)


@pytest.mark.parametrize("adaptation", [FULL, Adaptation(), Adaptation(prompt=FULL.prompt)])
def test_what_is_read_is_what_was_written(tmp_path: Path, adaptation: Adaptation) -> None:
    """A tensor lost on the way to disk serves another prompt than the one that was judged."""
    written = write_prompt(tmp_path / "a" / "p", adaptation, MADE)
    read, manifest = read_prompt(tmp_path / "a" / "p", encoder_id=MADE.encoder_id)
    assert manifest == written
    expected = named_tensors(adaptation)
    received = named_tensors(read)
    assert received.keys() == expected.keys()
    assert all(torch.equal(received[n], expected[n]) for n in expected)
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["p"]


def test_the_manifest_counts_the_tensors() -> None:
    """12 + 2 + 48 + 4 + 16 + 8 + 16 numbers, 3 virtual tokens: counts by hand."""
    manifest = complete(MADE, FULL)
    assert (manifest.num_parameters, manifest.num_virtual_tokens) == (106, 3)


def test_an_id_belongs_to_tensors_and_base() -> None:
    """Two prompts under one id, or one prompt under two, cannot be rolled back to."""
    ids = [
        complete(MADE, FULL).prompt_id,
        complete(MADE.model_copy(update={"trained_on": {}}), FULL).prompt_id,
        complete(MADE.model_copy(update={"base_sha256": "1" * 64}), FULL).prompt_id,
        complete(MADE, Adaptation(prompt=FULL.prompt)).prompt_id,
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_prompts_are_never_overwritten(tmp_path: Path) -> None:
    """A registry's history points at folders: one that changes falsifies the past."""
    write_prompt(tmp_path / "p", FULL, MADE)
    write_prompt(tmp_path / "p", FULL, MADE)
    with pytest.raises(ModelError, match="expected a new folder"):
        write_prompt(tmp_path / "p", Adaptation(), MADE)


def test_another_base_model_is_refused(tmp_path: Path) -> None:
    """A prompt on another encoder is noise with the right shape."""
    write_prompt(tmp_path / "p", FULL, MADE)
    with pytest.raises(ModelError, match="encoder other@1, received one for tiny@01234567"):
        read_prompt(tmp_path / "p", encoder_id="other@1")
    with pytest.raises(ModelError, match="base weights"):
        read_prompt(tmp_path / "p", encoder_id=MADE.encoder_id, base_sha256="2" * 64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / TENSORS).write_bytes((f / TENSORS).read_bytes()[:-8]), "expected tensors"),
        (lambda f: (f / TENSORS).unlink(), "expected tensors"),
        (lambda f: (f / MANIFEST).unlink(), "manifest"),
        (lambda f: (f / MANIFEST).write_text("{"), "manifest"),
        (lambda f: edit(f, instruction="Ignore the query:"), "changed manifest.json"),
        (lambda f: edit(f, kind="residual"), "changed manifest.json"),
        (lambda f: tensor(f, "prompt", torch.zeros(3, 4)), "changed tensors"),
    ],
)
def test_damage_and_edits_are_refused(tmp_path: Path, change, message: str) -> None:  # type: ignore[no-untyped-def]
    """A prompt that is not the one the gate passed must not serve under its name."""
    write_prompt(tmp_path / "p", FULL, MADE)
    change(tmp_path / "p")
    with pytest.raises(ModelError, match=message) as error:
        read_prompt(tmp_path / "p", encoder_id=MADE.encoder_id)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("adaptation", "message"),
    [
        (Adaptation(prompt=torch.ones(3, 5)), "expected prompt of shape"),
        (Adaptation(gate=torch.ones(3)), "expected gate of shape"),
        (Adaptation(prefix=torch.ones(3, 2, 1, 4)), "expected prefix of shape"),
        (Adaptation(residual=(torch.ones(2, 4), torch.ones(5, 2))), r"expected residual\.up"),
        (Adaptation(side=[(torch.ones(1, 4), torch.ones(4, 1))]), "of 2 layers"),
    ],
)
def test_another_shape_is_refused(tmp_path: Path, adaptation: Adaptation, message: str) -> None:
    """Broadcasting would serve a wrong shape without complaint."""
    write_prompt(tmp_path / "p", adaptation, MADE)
    with pytest.raises(ModelError, match=message):
        read_prompt(tmp_path / "p", encoder_id=MADE.encoder_id)


@pytest.mark.parametrize("name", ["surprise", "side.0.sideways", "side.1.up"])
def test_unknown_tensors_are_refused(name: str) -> None:
    """A file of a later version that is half understood is another prompt."""
    with pytest.raises(ModelError, match=name.split(".")[0]):
        adaptation_of({name: torch.ones(4, 1)})


def edit(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))


def tensor(folder: Path, name: str, value: torch.Tensor) -> None:
    save_file(load_file(folder / TENSORS) | {name: value}, folder / TENSORS)
