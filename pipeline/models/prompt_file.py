"""A trained adaptation on disk: `prompt.safetensors` beside `manifest.json`.

Belongs here: writing and reading one such folder, and proof that it is what was written, for the
encoder it was trained on. Not: which prompt serves (resources), nor how it acts (adaptation.py).
Tensors have one name each: `prompt`, `gate`, `prefix`, `pooling`, `residual.down`, `residual.up`,
`side.<layer>.down`, `side.<layer>.up`, `weights.<name in the hub's format>`.

Importing this module is cheap; torch is loaded when a prompt is.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from pipeline.errors import ModelError
from pipeline.models.adaptation import Adaptation

if TYPE_CHECKING:
    from torch import Tensor

TENSORS, MANIFEST = "prompt.safetensors", "manifest.json"

_SIDE = re.compile(r"side\.(\d+)\.(down|up)")


class Manifest(BaseModel):
    """What a prompt is, whose it is, and what it was made from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(description="kind of adapter")
    encoder_id: str = Field(description="encoder it was trained on and serves with")
    base_sha256: str = Field(description="SHA-256 of that encoder's weights")
    hidden_size: int = Field(gt=0, description="width of the encoder")
    num_layers: int = Field(gt=0, description="layers of the encoder")
    instruction: str = Field("", description="text read before every query")
    initial_text: str = Field("", description="text that a prompt started from")
    trained_on: dict[str, JsonValue] = Field(
        default_factory=dict, description="labels' digest, loss, sources, seeds, dates"
    )
    num_virtual_tokens: int = Field(0, ge=0, description="length of the prompt, tokens")
    num_parameters: int = Field(0, ge=0, description="numbers in the tensors")
    tensors_sha256: str = Field("", description="of names, shapes, number formats and bytes")
    prompt_id: str = Field("", description="short digest of the tensors and of what they belong to")


def complete(manifest: Manifest, adaptation: Adaptation) -> Manifest:
    """The manifest with what follows from the tensors filled in, `prompt_id` included."""
    tensors = named_tensors(adaptation)
    prompt = adaptation.prompt if adaptation.prompt is not None else adaptation.prefix
    counted = manifest.model_copy(
        update={
            "num_virtual_tokens": 0 if prompt is None else prompt.shape[-2],
            "num_parameters": sum(t.numel() for t in tensors.values()),
            "tensors_sha256": _digest(tensors),
        }
    )
    return counted.model_copy(update={"prompt_id": _prompt_id(counted)})


def write_prompt(folder: Path, adaptation: Adaptation, manifest: Manifest) -> Manifest:
    """The manifest as written. The folder appears complete or not at all.

    Raises:
        ModelError: another prompt is there: prompts are never overwritten.
    """
    from safetensors.torch import save_file

    manifest = complete(manifest, adaptation)
    if folder.exists():
        if (held := _read_manifest(folder)) == manifest:
            return manifest
        raise ModelError(
            f"expected a new folder, received {folder}, which holds {held.prompt_id}; name another"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".partial-") as partial:
        inside = Path(partial) / "prompt"
        inside.mkdir()
        save_file(named_tensors(adaptation), inside / TENSORS)
        (inside / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
        for path in inside.iterdir():
            _flush(path)
        inside.rename(folder)
    return manifest


def read_prompt(
    folder: Path, *, encoder_id: str, base_sha256: str | None = None
) -> tuple[Adaptation, Manifest]:
    """The adaptation and its manifest, for the encoder named.

    Raises:
        ModelError: made for another encoder, damaged, edited, or of another shape.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    manifest = _read_manifest(folder)
    for name, expected, received in (
        ("encoder", encoder_id, manifest.encoder_id),
        ("base weights", base_sha256 or manifest.base_sha256, manifest.base_sha256),
    ):
        if expected != received:
            raise ModelError(
                f"expected a prompt for {name} {expected}, received one for {received} in "
                f"{folder}; choose a prompt of this encoder, or train one"
            )
    try:
        tensors = load_file(folder / TENSORS)
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"expected tensors in {folder / TENSORS}, received {error}; restore the file"
        ) from error
    digest = _digest(tensors)
    if digest != manifest.tensors_sha256 or _prompt_id(manifest) != manifest.prompt_id:
        raise ModelError(
            f"expected the prompt {manifest.prompt_id} as it was written, received changed "
            f"{'tensors' if digest != manifest.tensors_sha256 else MANIFEST} in {folder}; restore "
            "the files"
        )
    _check_shapes(tensors, manifest, folder)
    return adaptation_of(tensors), manifest


def named_tensors(adaptation: Adaptation) -> "dict[str, Tensor]":
    """Every tensor of the adaptation under its name in the file, detached, on the CPU."""
    named: dict[str, Tensor | None] = {
        name: getattr(adaptation, name) for name in ("prompt", "gate", "prefix", "pooling")
    }
    named |= {f"weights.{name}": tensor for name, tensor in adaptation.weights.items()}
    pairs = {f"side.{i}": pair for i, pair in enumerate(adaptation.side or ())}
    if adaptation.residual is not None:
        pairs["residual"] = adaptation.residual
    for name, (down, up) in pairs.items():
        named |= {f"{name}.down": down, f"{name}.up": up}
    return {n: t.detach().cpu().clone() for n, t in named.items() if t is not None}


def adaptation_of(tensors: "Mapping[str, Tensor]") -> Adaptation:
    """The adaptation whose named tensors these are; a `ModelError` names one that is unknown."""
    rest, fields = dict(tensors), dict[str, Any]()
    for name in ("prompt", "gate", "prefix", "pooling"):
        fields[name] = rest.pop(name, None)
    fields["weights"] = {
        n.removeprefix("weights."): rest.pop(n) for n in tensors if n.startswith("weights.")
    }
    try:
        layers = sorted({int(m[1]) for n in tensors if (m := _SIDE.fullmatch(n))})
        if layers:
            fields["side"] = [
                (rest.pop(f"side.{i}.down"), rest.pop(f"side.{i}.up")) for i in range(len(layers))
            ]
        if "residual.down" in rest or "residual.up" in rest:
            fields["residual"] = rest.pop("residual.down"), rest.pop("residual.up")
    except KeyError as error:
        raise ModelError(
            f"expected both matrices of every layer, received no {error}; restore the file"
        ) from error
    if rest:
        raise ModelError(
            f"expected tensors of an adaptation, received {', '.join(sorted(rest))}; use a prompt "
            "of this version"
        )
    return Adaptation(**fields)


def _check_shapes(tensors: "Mapping[str, Tensor]", manifest: Manifest, folder: Path) -> None:
    """All sizes that the encoder fixes; None stands for one that it does not."""
    hidden, layers = manifest.hidden_size, manifest.num_layers
    expected: dict[str, tuple[int | None, ...]] = {
        "prompt": (None, hidden),
        "gate": (layers,),
        "prefix": (layers, 2, None, None),
        "pooling": (None,),
        "down": (None, hidden),
        "up": (hidden, None),
    }
    for name, tensor in tensors.items():
        key = name if name in expected else name.rsplit(".", 1)[-1]
        shape = None if name.startswith("weights.") else expected.get(key)
        if shape is None:
            continue  # the encoder's body checks its own; an unknown name is refused by that name
        received = tuple(tensor.shape)
        if len(received) != len(shape) or any(
            s not in (None, r) for s, r in zip(shape, received, strict=True)
        ):
            raise ModelError(
                f"expected {name} of shape {shape}, received {received} in {folder}; use a prompt "
                "of this encoder"
            )
    side = sum(bool(_SIDE.fullmatch(name)) for name in tensors)
    if side not in (0, 2 * layers):
        raise ModelError(
            f"expected side adapters of {layers} layers, received {side} matrices in {folder}; use "
            "a prompt of this encoder"
        )


def _digest(tensors: "Mapping[str, Tensor]") -> str:
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _prompt_id(manifest: Manifest) -> str:
    """12 hex digits of all that decides which vector a query gets."""
    told: dict[str, Any] = manifest.model_dump(
        include={"kind", "encoder_id", "base_sha256", "instruction", "tensors_sha256"}
    )
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


def _read_manifest(folder: Path) -> Manifest:
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        line = " ".join(str(error).split())
        raise ModelError(
            f"expected a prompt's manifest in {folder / MANIFEST}, received {line}; restore the "
            "file"
        ) from error


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
