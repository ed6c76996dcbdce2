"""Trust on first use: revision and digests of models whose publication nobody verified beforehand.

Belongs here: `pins.json` in the models' folder. Not: finding files (model_hub.py).
The first use writes down the commit and the SHA-256 of every file read; later, another file under
the same name is refused rather than used, because stored vectors and labels carry the old one.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from pipeline.errors import ModelError

PINS = "pins.json"


@dataclass(frozen=True)
class Pin:
    """What was found first. `revision` is empty for a folder put there by hand."""

    revision: str = ""
    files: dict[str, str] = field(default_factory=dict)


def read_pin(models_dir: Path, name: str) -> Pin | None:
    """The pin of a model, None before its first use."""
    found = _read(models_dir / PINS).get(name)
    try:
        return None if found is None else Pin(str(found["revision"]), dict(found["files"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _unusable(models_dir / PINS, error) from error


def check_or_pin(models_dir: Path, name: str, now: Pin) -> None:
    """Write `now` down if it is the first, refuse it if it differs from what is written."""
    path = models_dir / PINS
    models_dir.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        pin = read_pin(models_dir, name)
        if pin is None:
            every = _read(path) | {name: asdict(now)}
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps(every, indent=2, sort_keys=True) + "\n")
            partial.replace(path)
            return
    names = sorted(pin.files.keys() | now.files.keys())
    other = [n for n in names if pin.files.get(n) != now.files.get(n)]
    if other:
        raise ModelError(
            f"expected {name} as pinned in {path} on its first use, received another "
            f"{', '.join(other)}; restore those files, or remove the model's entry to accept them"
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        pins = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from error
    if not isinstance(pins, dict):
        raise _unusable(path, TypeError(type(pins).__name__))
    return pins


def _unusable(path: Path, error: Exception) -> ModelError:
    return ModelError(
        f"expected pinned models in {path}, received {error!r}; restore it, or remove it to pin "
        "anew"
    )
