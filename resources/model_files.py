"""Where model weights come from, and the proof that they are the published ones.

Belongs here: finding, fetching and verifying model folders. Not: running them (pipeline/models/),
which models there are (known_models.py).
Order: a folder put there by hand (`<models_dir>/<name>`), a Python package that carries the files,
the Hugging Face hub at a pinned revision. A package that carries weights is read as files and
never imported: its maker need not be trusted, the SHA-256 of the weights decides. Bodies are our
own or transformers', and weights are safetensors, so nothing that is fetched is ever executed.
"""

import hashlib
import importlib.util
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ModelError
from pipeline.models.weight_files import INDEX, SINGLE, weight_files
from resources import known_models
from resources.known_models import KnownModel
from resources.model_pins import Pin, check_or_pin, read_pin

OTHERS = ("config.json", "tokenizer.json", "1_Pooling/config.json")
# All that is read, and nothing that could be executed.
FILES = ("model*.safetensors", INDEX, *OTHERS)


@dataclass(frozen=True)
class Found:
    """A verified folder, the SHA-256 of its weights, and the revision it came from, "" if none."""

    folder: Path
    digest: str
    revision: str = ""


def find_model(name: str, models_dir: Path, *, download: bool = True) -> Path:
    """The folder with the model's verified files; only known models are looked for elsewhere."""
    return verified_model(name, models_dir, download=download).folder


def verified_model(
    name: str, models_dir: Path, *, download: bool = True, pin: bool = True
) -> Found:
    """The model's files, all of them there and the same as published, or as first used.

    Without `pin`, nothing is written down where this would be the first use.
    """
    known = known_models.KNOWN_MODELS.get(name)
    folder, revision = _find(name, known, models_dir, download=download)
    paths = weight_files(folder)
    digests = {path.name: _sha256(path) for path in paths}
    if known and known.sha256:
        digest = digests.get(SINGLE, "none, but shards")
        if digest != known.sha256:
            raise ModelError(
                f"expected {name} weights with SHA-256 {known.sha256}, received {digest} in "
                f"{folder}; remove or rename that copy and fetch the published one"
            )
    if known and not known.pinned and (pin or read_pin(models_dir, name)):
        others = [n for n in (INDEX, *OTHERS) if (folder / n).is_file()]
        files = digests | {n: _sha256(folder / n) for n in others}
        check_or_pin(models_dir, name, Pin(revision, files))
    return Found(folder, _weights_digest(digests), revision)


def _find(
    name: str, known: KnownModel | None, models_dir: Path, *, download: bool
) -> tuple[Path, str]:
    """The folder of the first place that has the model, and the hub's revision or ""."""
    local = models_dir / name
    if any((local / file).is_file() for file in (SINGLE, INDEX, "config.json")):
        return local, ""
    if known and (packaged := _packaged_folder(known)):
        return packaged, ""
    if known:
        pin = read_pin(models_dir, name)
        revision = known.revision or (pin.revision if pin else "")
        if download:
            revision = revision or _newest_commit(known, local)
            return _download(known, revision, local), revision
        if revision and (cached := _cached(known, revision)):
            return cached, revision
    raise ModelError(
        f"expected weights of {name!r} at {local / SINGLE}, received nothing; put the model "
        f"there, or choose one of: {', '.join(known_models.KNOWN_MODELS)}"
    )


def _packaged_folder(known: KnownModel) -> Path | None:
    """The model folder inside the installed package, located without executing the package."""
    if not known.package:
        return None
    spec = importlib.util.find_spec(known.package)  # a top-level name: nothing is imported
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / "model" / SINGLE).is_file():
            return Path(place) / "model"
    return None


def _newest_commit(known: KnownModel, local: Path) -> str:
    """The commit that the hub's main branch names now, for a model nobody has pinned yet."""
    import huggingface_hub

    try:
        return str(huggingface_hub.HfApi().model_info(known.repo, revision="main").sha)
    except Exception as error:  # the hub client lets through errors of several HTTP libraries
        raise _unreachable(known, local, error) from error


def _snapshot(known: KnownModel, revision: str, *, cached: bool) -> Path:
    import huggingface_hub

    return Path(
        huggingface_hub.snapshot_download(
            known.repo, revision=revision, allow_patterns=list(FILES), local_files_only=cached
        )
    )


def _cached(known: KnownModel, revision: str) -> Path | None:
    """The hub's snapshot in its cache, None if it is not there whole.

    A download that was interrupted left a copy without weights.
    """
    with suppress(Exception):
        folder = _snapshot(known, revision, cached=True)
        if weight_files(folder):
            return folder
    return None


def _download(known: KnownModel, revision: str, local: Path) -> Path:
    """The hub's snapshot at a commit, from its cache if it is there whole."""
    # A commit cannot change, so its cached copy needs no network; offline, asking the network
    # first took 23 s of retries.
    if folder := _cached(known, revision):
        return folder
    try:
        folder = _snapshot(known, revision, cached=False)
    except Exception as error:  # the hub client lets through errors of several HTTP libraries
        raise _unreachable(known, local, error) from error
    if not any((folder / file).is_file() for file in (SINGLE, INDEX)):
        raise ModelError(
            f"expected safetensors in {known.repo} at {revision}, received none; convert the model "
            f"and put it at {local}, or choose one published as safetensors"
        )
    return folder


def _unreachable(known: KnownModel, local: Path, error: Exception) -> ModelError:
    package = f", in the package {known.package}" if known.package else ""
    extra = (
        "install the extra `minilm`, or put the files there" if package else "put the files there"
    )
    return ModelError(
        f"expected {known.repo} in {local}{package} or on the Hugging Face hub, received "
        f"{type(error).__name__}; {extra}put the files there"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _weights_digest(digests: dict[str, str]) -> str:
    """The digest of one file, or of the digests of shards in the order of their names."""
    if len(digests) == 1:
        return next(iter(digests.values()))
    return hashlib.sha256("".join(digests[n] for n in sorted(digests)).encode()).hexdigest()
