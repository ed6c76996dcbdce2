"""Rerankers of Qwen3's shape with random weights, for timing only.

Belongs here: writing one as a folder that our reranker and `Qwen3ForSequenceClassification` both
load, and reading it with sentence-transformers. Not: timing (labelling.py). The tokeniser is of
Qwen's kind, its merges learnt from the benchmark's own texts: a title has about as many tokens as
under the published vocabulary. That vocabulary is smaller changes no product of matrices.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from sentence_transformers import CrossEncoder as Peer
from tokenizers import AddedToken, Tokenizer, pre_tokenizers, trainers

from pipeline.models import tiny_qwen3
from pipeline.models.qwen3_shape import Qwen3Shape
from pipeline.models.qwen3_template import DOCUMENT, HEAD, INSTRUCT, INSTRUCTION, QUERY, TAIL
from pipeline.models.reranker import PairGroup

VOCABULARY = 8000
SIZES = {  # of Qwen3-Reranker-0.6B
    "hidden_size": 1024,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 3072,
    "max_position_embeddings": 40960,
}


def write_decoder(folder: Path, texts: Sequence[str], layers: int) -> dict[str, object]:
    """Weights in bfloat16, configuration and tokeniser; returns the configuration."""
    tokenizer = train_tokenizer(texts)
    pad = tokenizer.token_to_id(tiny_qwen3.END)
    config = tiny_qwen3._config(tokenizer.get_vocab_size(), reranker=True) | SIZES
    config |= {
        "num_hidden_layers": layers,
        "architectures": ["Qwen3ForSequenceClassification"],
        "num_labels": 1,
        "id2label": {"0": "relevant"},
        "label2id": {"relevant": 0},
        "pad_token_id": pad,
        "torch_dtype": "bfloat16",
    }
    (folder / "config.json").write_text(json.dumps(config))
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=tiny_qwen3.END, padding_side="left"
    ).save_pretrained(folder)
    hidden = SIZES["hidden_size"]
    sizes = {f"model.{n}": s for n, s in Qwen3Shape.from_config(config).sizes().items()}
    sizes["model.embed_tokens.weight"] = (tokenizer.get_vocab_size(), hidden)
    sizes["score.weight"] = (1, hidden)
    torch.manual_seed(0)
    weights = {n: torch.randn(s, dtype=torch.bfloat16) * 0.02 for n, s in sizes.items()}
    weights |= {n: w.abs() for n, w in weights.items() if len(sizes[n]) == 1}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return config


def train_tokenizer(texts: Sequence[str]) -> Tokenizer:
    """Byte pairs of the texts and of the template, cut and marked as Qwen's."""
    tokenizer: Tokenizer = tiny_qwen3._tokenizer(reranker=True)
    marks = [AddedToken(t, special=True, normalized=False) for t in tiny_qwen3.SPECIAL]
    marks += [AddedToken(t, special=False, normalized=False) for t in tiny_qwen3.THOUGHT]
    template = HEAD + INSTRUCT.format(INSTRUCTION) + QUERY + DOCUMENT + TAIL + "yes\nno\n"
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=marks,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # The template often enough that its words are tokens, as they are in Qwen's vocabulary.
    tokenizer.train_from_iterator([*texts, *[template] * len(texts)], trainer)
    return tokenizer


def load_peer(folder: Path, device: str, max_tokens: int, dtype: torch.dtype | None) -> Peer:
    """sentence-transformers' cross-encoder; dtype None: its default."""
    return Peer(
        str(folder),
        device=device,
        max_length=max_tokens,
        activation_fn=torch.nn.Identity(),
        model_kwargs={} if dtype is None else {"dtype": dtype},
    )


def whole_pairs(groups: Sequence[PairGroup]) -> list[tuple[str, str]]:
    """Every pair as the peer reads it: the whole template, cut where documents begin."""
    start = HEAD + INSTRUCT.format(INSTRUCTION)
    query, document = QUERY.split("\n")
    return [
        (start + query.format(g.query) + "\n", document + DOCUMENT.format(d) + TAIL)
        for g in groups
        for d in g.documents
    ]
