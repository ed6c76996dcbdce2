"""Encoders and rerankers by name, verified and ready.

Belongs here: which code runs a model, from what is known of its name or what its folder says. Not:
where its files come from (model_files.py), which models there are (known_models.py), running them
(pipeline/models/).
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import ModelError
from pipeline.models.bi_encoder import (
    MAX_TOKENS,
    MeanPooledEncoder,
    most_tokens,
    read_config,
    read_pooling,
)
from pipeline.models.families import PLAIN, QWEN3, Family
from pipeline.models.reranker import Reranker
from resources import known_models
from resources.known_models import KnownModel, Task
from resources.model_files import find_model, verified_model

__all__ = ["encoder_id", "find_model", "load_bi_encoder", "load_reranker"]

if TYPE_CHECKING:
    import torch

    from pipeline.models.qwen3_encoder import Qwen3Encoder

LATE_INTERACTION = "late-interaction/"  # before an encoder's name: the teacher made of it


def encoder_id(
    name: str, models_dir: Path, *, max_tokens: int | None = None, dim: int | None = None
) -> str:
    """Name, first 8 hex digits of the weights' SHA-256, token limit: under it vectors are stored.

    And the number of components, where they were cut (Matryoshka). Not in it: the number format of
    the computation. bf16 and float32 vectors agree to a cosine of 0.999, and nothing is encoded
    twice.
    """
    known = known_models.KNOWN_MODELS.get(name)
    if known and known.sha256:  # without a look at files: the planner asks for it all the time
        return _id(name, known.sha256, max_tokens or known.max_tokens, dim)
    found = verified_model(name, models_dir)
    return _id(name, found.digest, max_tokens or _limit(known, found.folder), dim)


def load_bi_encoder(
    name: str,
    models_dir: Path,
    *,
    max_tokens: int | None = None,
    dim: int | None = None,
    dtype: "torch.dtype | None" = None,
    device: str | None = None,
) -> "MeanPooledEncoder | Qwen3Encoder":
    """The named encoder, verified and ready to encode.

    `dim` (components kept) and `device` (None: a GPU where there is one) are for decoders; `dtype`
    None picks the machine's fastest.
    """
    known = known_models.KNOWN_MODELS.get(name)
    found = verified_model(name, models_dir)
    config = read_config(found.folder)
    _expect("encoder", name, known, config)
    limit = max_tokens or _limit(known, found.folder)
    identity = _id(name, found.digest, limit, dim)
    if config.get("model_type") == "qwen3":
        from pipeline.models.qwen3_encoder import Qwen3Encoder

        return Qwen3Encoder.load(
            found.folder, identity, max_tokens=limit, dim=dim, dtype=dtype, device=device
        )
    if dim is not None:
        raise ModelError(
            f"expected an encoder whose vectors can be cut, received {name} with {dim} dimensions; "
            "leave them whole"
        )
    family = known.family if known else _own_family(found.folder)
    return MeanPooledEncoder.load(
        found.folder, identity, max_tokens=limit, dtype=dtype, family=family
    )


def load_reranker(
    name: str,
    models_dir: Path,
    *,
    instruction: str = "",
    max_tokens: int | None = None,
    device: str | None = None,
) -> Reranker:
    """The named teacher, verified and ready to score.

    Args:
        name: of a reranker, or "late-interaction/" and the name of a BERT encoder.
        models_dir: where folders put there by hand lie.
        instruction: for Qwen3-Reranker, "" for its default here; others take none.
        max_tokens: of a text (late interaction), of a pair (cross-encoders), of a document (Qwen3).
        device: None: a GPU where there is one; late interaction runs on the CPU.
    """
    if name.startswith(LATE_INTERACTION):
        return _load_late_interaction(
            name.removeprefix(LATE_INTERACTION), models_dir, max_tokens=max_tokens
        )
    found = verified_model(name, models_dir)
    config = read_config(found.folder)
    _expect("reranker", name, known_models.KNOWN_MODELS.get(name), config)
    revision = found.digest[:8]
    if _classifies(config):
        from pipeline.models import cross_encoder

        limit = max_tokens or min(cross_encoder.MAX_TOKENS, most_tokens(config))
        return cross_encoder.CrossEncoder.load(
            found.folder, name, revision=revision, max_tokens=limit, device=device or _device()
        )
    from pipeline.models.qwen3_reranker import Qwen3Reranker
    from pipeline.models.qwen3_template import Template

    usual = Template()
    template = replace(
        usual,
        instruction=instruction or usual.instruction,
        max_document_tokens=max_tokens or usual.max_document_tokens,
    )
    return Qwen3Reranker.load(
        found.folder, name, revision=revision, template=template, device=device
    )


def _load_late_interaction(name: str, models_dir: Path, *, max_tokens: int | None) -> Reranker:
    from pipeline.models.late_interaction import LateInteraction

    found = verified_model(name, models_dir)
    limit = max_tokens or _limit(known_models.KNOWN_MODELS.get(name), found.folder)
    return LateInteraction.load(found.folder, name, revision=found.digest[:8], max_tokens=limit)


def _id(name: str, digest: str, max_tokens: int, dim: int | None) -> str:
    return f"{name}@{digest[:8]}-{max_tokens}" + (f"-d{dim}" if dim else "")


def _limit(known: KnownModel | None, folder: Path) -> int:
    """Tokens read of a text unless told: as published, or by the kind of an unknown model."""
    if known:
        return known.max_tokens
    return 512 if read_config(folder).get("model_type") == "qwen3" else MAX_TOKENS


def _own_family(folder: Path) -> Family:
    """What the folder of an unknown encoder says of itself: its pooling, and no prefixes."""
    return replace(PLAIN, pooling="cls") if read_pooling(folder) == "cls" else PLAIN


def _classifies(config: dict[str, Any]) -> bool:
    return any(a.endswith("ForSequenceClassification") for a in config.get("architectures") or [])


def _expect(task: Task, name: str, known: KnownModel | None, config: dict[str, Any]) -> None:
    """Refuse a model made for the other task: its numbers would look like answers."""
    kind, classifies = config.get("model_type"), _classifies(config)
    if known:
        fits, received = known.task == task, f"a known {known.task}"
    elif task == "encoder":
        fits, received = not classifies, "a cross-encoder"
    else:
        fits, received = classifies or kind == QWEN3.name, f"a plain {kind}"
    if not fits:
        models = known_models.KNOWN_MODELS.items()
        raise ModelError(
            f"expected {name} to work as {task}, received {received}; choose one of: "
            f"{', '.join(n for n, m in models if m.task == task)}"
        )


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
