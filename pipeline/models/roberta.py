"""RoBERTa and XLM-R on the BERT body: the same layers, with positions counted from behind padding.

Belongs here: loading such weights into `BertBody`. Not: its forward pass (bert.py).
Method: Liu et al. 2019 (arXiv 1907.11692), Conneau et al. 2020 (arXiv 1911.02116). Their first
token stands at position padding id + 1, so the rows before that are dropped. A test holds both
against transformers.
This module imports torch: import it inside functions, never at the top of another module.
"""

from pathlib import Path
from typing import Any

import torch

from pipeline.errors import ModelError
from pipeline.models.bert import BertBody, BertShape
from pipeline.models.bi_encoder import most_tokens
from pipeline.models.weights import read_weights

MODEL_TYPES = ("roberta", "xlm-roberta")
POSITIONS = "embeddings.position_embeddings.weight"


def load_roberta(folder: Path, config: dict[str, Any], dtype: torch.dtype) -> BertBody:
    """The body of a model folder in hub format, its matrices in `dtype`."""
    if config.get("model_type") not in MODEL_TYPES:
        raise ModelError(
            f"expected a RoBERTa or XLM-R encoder, received {config.get('model_type')!r}; use an "
            "encoder of that family"
        )
    as_bert = config | {
        "model_type": "bert",
        "max_position_embeddings": most_tokens(config),
    }
    shape = BertShape.from_config(as_bert)
    weights = {
        name.removeprefix("roberta."): tensor
        for name, tensor in read_weights(folder, dtype=torch.float32).items()
    }
    try:
        weights[POSITIONS] = weights[POSITIONS][config["pad_token_id"] + 1 :]
        return BertBody(weights, shape, dtype)
    except KeyError as error:
        raise ModelError(
            f"expected RoBERTa weights in {folder}, received {error!r}; fetch the model anew"
        ) from error
