"""Tensors of a model folder in hub format.

Belongs here: reading them, one file or shards. Not: which files those are (weight_files.py), what
the tensors mean (bert.py, qwen3.py) or whether they are the published ones
(resources/model_hub.py).
This module imports torch: import it inside functions, never at the top of another module.
"""

from collections.abc import Collection
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from pipeline.errors import ModelError
from pipeline.models.weight_files import damaged_weights, weight_files


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
            raise damaged_weights(path, error) from error
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
            raise damaged_weights(path, error) from error
    raise ModelError(
        f"expected one of {', '.join(names)} in {folder}, received neither; use a model of that "
        "shape"
    )
