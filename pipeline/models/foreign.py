"""Encoders that are not worth own code, run by transformers behind the body's interface.

Belongs here: MPNet, whose attention has a bias of its own. Not: BERT, RoBERTa, XLM-R, Qwen3, which
run on own bodies and take adaptations. Safetensors only, no remote code.
This module imports torch: import it inside functions, never at the top of another module.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.errors import ModelError
from pipeline.models.bi_encoder import most_tokens
from pipeline.models.weight_files import weight_files

MODEL_TYPES = ("mpnet",)


@dataclass(frozen=True)
class ForeignShape:
    """What batching and pooling ask of a body."""

    hidden_size: int
    max_positions: int


class ForeignBody:
    """Hidden states of the last layer for right-padded token ids."""

    def __init__(self, model: Any, shape: ForeignShape, dtype: torch.dtype) -> None:
        self.shape, self.dtype, self._model = shape, dtype, model

    def __call__(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """[text, token, hidden] for ids [text, token]; mask is true on real tokens, None = all."""
        mask = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask
        states: Tensor = self._model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        return states


def load_foreign(folder: Path, config: dict[str, Any], dtype: torch.dtype) -> ForeignBody:
    """The body of a model folder in hub format, loaded by transformers."""
    from transformers import AutoModel

    weight_files(folder)  # transformers would look for pickles in their absence
    try:
        model = AutoModel.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, trust_remote_code=False,
            local_files_only=True, add_pooling_layer=False,
        )  # fmt: skip
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        line = " ".join(str(error).split())
        raise ModelError(
            f"expected an encoder in {folder}, received {line[:200]}; fetch the model anew"
        ) from error
    shape = ForeignShape(config["hidden_size"], most_tokens(config))
    return ForeignBody(model.eval(), shape, dtype)
