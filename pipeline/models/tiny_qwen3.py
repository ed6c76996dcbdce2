"""Tiny Qwen3 models with random weights, so that their code runs where the published ones are not.

Belongs here: writing such models as folders in hub format, with a byte-level tokeniser of Qwen's
kind. Not: running them, which is the real code's task, and no claim of quality. Vectors still tell
words apart: pieces have random vectors, and layers that are small add little to them.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HIDDEN, LAYERS, HEADS, KEY_VALUE_HEADS, HEAD, INNER, POSITIONS = 48, 2, 4, 2, 16, 96, 4096
END = "<|endoftext|>"
SPECIAL = (END, "<|im_start|>", "<|im_end|>")
THOUGHT = ("<think>", "</think>")  # added tokens of Qwen3 that are not special
# How Qwen cuts text before byte pairs are merged.
PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Merged from the left into one token each; the last of them cross what a careless split cuts.
WORDS = (
    *("yes", "no", "system", "user", "assistant", "Judge", "whether", "the", "Document", "meets"),
    *("Instruct", "Query", " the", " of", " and", " for", " in", " with", " neural", " network"),
    *(" graph", " learning", " retrieval", " language", " model", " paper", " query", " document"),
    *("<", ">:", "?\n", ".\n", "\n\n", " (", ").", "..", "...", ":\n", ">\n", " \n"),
)


def write_tiny_qwen3(folder: Path, *, seed: int, reranker: bool = False) -> None:
    """Config, tokeniser and weights (under 1 MB) in `folder`; equal seeds give equal bytes.

    `reranker`: names of a causal language model, with tied word vectors, as Qwen3-Reranker has
    them; otherwise those of the body alone, as Qwen3-Embedding has them.
    """
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(reranker=reranker)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = _config(tokenizer.get_vocab_size(), reranker=reranker)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    weights = _weights(tokenizer.get_vocab_size(), np.random.default_rng(seed))
    if reranker:
        weights = {f"model.{name}": tensor for name, tensor in weights.items()}
    # Weights last and by renaming: a folder that holds them is complete.
    save_file(weights, folder / "model.safetensors.partial", metadata={"format": "pt"})
    (folder / "model.safetensors.partial").replace(folder / "model.safetensors")


def _tokenizer(*, reranker: bool) -> Any:
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
    )

    vocabulary, merges = _byte_pairs()
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(PIECES), behavior="isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in THOUGHT])
    if not reranker:  # the published embedder's tokeniser appends the end token itself
        end = [(END, tokenizer.token_to_id(END))]
        template = processors.TemplateProcessing(single=f"$A {END}", special_tokens=end)
        tokenizer.post_processor = template
    return tokenizer


def _byte_pairs() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Ids of the 256 bytes and of what WORDS are merged from, and the merges in order."""
    from tokenizers import pre_tokenizers

    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    pieces, merges = sorted(pre_tokenizers.ByteLevel.alphabet()), []
    for word in WORDS:
        letters = byte_level.pre_tokenize_str(word)[0][0]
        for end in range(1, len(letters)):
            merged = letters[: end + 1]
            if merged not in pieces:
                merges.append((letters[:end], letters[end]))
                pieces.append(merged)
    return {piece: i for i, piece in enumerate(pieces)}, merges


def _config(vocab_size: int, *, reranker: bool) -> dict[str, Any]:
    return {
        "architectures": ["Qwen3ForCausalLM" if reranker else "Qwen3Model"],
        "model_type": "qwen3",
        "hidden_act": "silu",
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_VALUE_HEADS,
        "head_dim": HEAD,
        "intermediate_size": INNER,
        "max_position_embeddings": POSITIONS,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1_000_000,
        "attention_bias": False,
        "tie_word_embeddings": True,
        "use_sliding_window": False,
        "vocab_size": vocab_size,
        "torch_dtype": "float32",
    }


def _weights(vocab_size: int, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Tensors under Qwen3's names, without the leading `model.`."""

    def matrix(rows: int, columns: int, sd: float = 0.1) -> NDArray[np.float32]:
        return (sd * rng.standard_normal((rows, columns), dtype=np.float32)).astype(np.float32)

    def gain(width: int) -> NDArray[np.float32]:
        # Not ones: a norm that is forgotten or swapped must show.
        return (1 + 0.1 * rng.standard_normal(width, dtype=np.float32)).astype(np.float32)

    weights = {
        "embed_tokens.weight": matrix(vocab_size, HIDDEN, sd=1.0),
        "norm.weight": gain(HIDDEN),
    }
    for at in (f"layers.{i}" for i in range(LAYERS)):
        weights |= {
            f"{at}.input_layernorm.weight": gain(HIDDEN),
            f"{at}.post_attention_layernorm.weight": gain(HIDDEN),
            f"{at}.self_attn.q_proj.weight": matrix(HEADS * HEAD, HIDDEN),
            f"{at}.self_attn.k_proj.weight": matrix(KEY_VALUE_HEADS * HEAD, HIDDEN),
            f"{at}.self_attn.v_proj.weight": matrix(KEY_VALUE_HEADS * HEAD, HIDDEN),
            f"{at}.self_attn.o_proj.weight": matrix(HIDDEN, HEADS * HEAD),
            f"{at}.self_attn.q_norm.weight": gain(HEAD),
            f"{at}.self_attn.k_norm.weight": gain(HEAD),
            f"{at}.mlp.gate_proj.weight": matrix(INNER, HIDDEN),
            f"{at}.mlp.up_proj.weight": matrix(INNER, HIDDEN),
            f"{at}.mlp.down_proj.weight": matrix(HIDDEN, INNER),
        }
    return weights
