"""Tensors of a model folder in hub format: one safetensors file, or shards and their index.

Belongs here: reading them, and saying which part is missing. Not: what they mean (bert.py,
qwen3.py) or whether they are the published ones (resources/model_hub.py).
This module imports torch: import it inside functions, never at the top of another module.
"""

import json
from collections.abc import Collection
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from pipeline.errors import ModelError

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of the folder, all of them there; a `ModelError` names those missing.

    A folder that has weights in another format only is refused: pickles execute code.
    """
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    if (folder / INDEX).is_file():
        return _shards(folder)
    others = sorted(p.name for s in ("*.bin", "*.pt", "*.h5") for p in folder.glob(s))
    raise ModelError(
        f"expected {SINGLE} or {INDEX} in {folder}, received {', '.join(others) or 'neither'}; "
        + ("use a model published as safetensors" if others else "fetch the model anew")
    )


def read_weights(
    folder: Path,
    *,
    dtype: torch.dtype,
    device: str | torch.device = "cpu",
    skip: Collection[str] = (),
) -> dict[str, Tensor]:
    """Every tensor of the folder by its name, but for those of `skip`, in `dtype` on `device`."""
    tensors: dict[str, Tensor] = {}
    for path in weight_files(folder):
        try:
            # One tensor at a time: a model of 8 billion weights is in memory once.
            with safe_open(path, framework="pt") as file:
                for name in sorted(set(file.keys()) - set(skip)):
                    tensors[name] = file.get_tensor(name).to(device, dtype)
        except (SafetensorError, OSError) as error:
            raise _damaged(path, error) from error
    return tensors


def read_rows(folder: Path, names: Collection[str], rows: list[int]) -> Tensor:
    """float32 [row, width]: rows of the first matrix of `names` that the folder has."""
    for path in weight_files(folder):
        try:
            with safe_open(path, framework="pt") as file:
                for name in set(names) & set(file.keys()):
                    matrix = file.get_slice(name)
                    return torch.cat([matrix[r : r + 1] for r in rows]).float()
        except (SafetensorError, OSError) as error:
            raise _damaged(path, error) from error
    raise ModelError(
        f"expected one of {', '.join(names)} in {folder}, received neither; use a model of that "
        "shape"
    )


def _shards(folder: Path) -> list[Path]:
    try:
        index = json.loads((folder / INDEX).read_text())
        names = sorted(set(index["weight_map"].values()))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise _damaged(folder / INDEX, error) from error
    # A name that leads out of the folder would read a file that nobody verified.
    if missing := [n for n in names if Path(n).name != n or not (folder / n).is_file()]:
        raise ModelError(
            f"expected {len(names)} weight files in {folder}, received all but "
            f"{', '.join(missing)}; fetch the model anew"
        )
    return [folder / name for name in names]


def _damaged(path: Path, error: Exception) -> ModelError:
    return ModelError(
        f"expected readable weights in {path}, received {error!r}; fetch the model anew"
    )
