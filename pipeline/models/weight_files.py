"""Which files hold a model's weights: one safetensors file, or shards and their index.

Belongs here: the files of a folder in hub format, and what is missing of them. Not: the tensors in
them (weights.py). Imports no torch, because finding a model must be cheap.
"""

import json
from pathlib import Path

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


def _shards(folder: Path) -> list[Path]:
    try:
        index = json.loads((folder / INDEX).read_text())
        names = sorted(set(index["weight_map"].values()))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise damaged_weights(folder / INDEX, error) from error
    # A name that leads out of the folder would read a file that nobody verified.
    if missing := [n for n in names if Path(n).name != n or not (folder / n).is_file()]:
        raise ModelError(
            f"expected {len(names)} weight files in {folder}, received all but "
            f"{', '.join(missing)}; fetch the model anew"
        )
    return [folder / name for name in names]


def damaged_weights(path: Path, error: Exception) -> ModelError:
    """What to say of a weight file that cannot be read."""
    return ModelError(
        f"expected readable weights in {path}, received {error!r}; fetch the model anew"
    )
