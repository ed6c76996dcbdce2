"""A tiny encoder with random weights, so that demo and tests run without published ones.

Belongs here: writing such an encoder as a model folder in hub format. Not: running it, which is
the real code's task, and no claim of quality: it knows words, not meaning.
Method: words are cut into pieces of three letters, each with a random vector, and the layers add
little to them. A text's vector is thus close to a random projection of its bag of pieces, so
cosine follows word overlap (Johnson and Lindenstrauss 1984). Short pieces, stop words and the
special tokens get short vectors, and a large layer-norm epsilon lets short vectors stay short.
"""

import itertools
import json
import string
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HIDDEN, LAYERS, HEADS, INNER, POSITIONS = 64, 2, 4, 128, 128
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
STOP_TEXT = (
    "a an and are as at be by can for from has have in into is it its not of on or our that the "
    "their these this those to via was we were when which with"
)
STOP_WORDS = frozenset(STOP_TEXT.split())


def write_tiny_encoder(folder: Path, *, seed: int) -> None:
    """Config, tokeniser and weights (about 9 MB) in `folder`; equal seeds give equal bytes."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _pieces()
    rng = np.random.default_rng(seed)
    _tokenizer(vocabulary).save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "config.json").write_text(json.dumps(_config(len(vocabulary)), indent=2) + "\n")
    # Weights last and by renaming: a folder that holds them is complete.
    save_file(_weights(vocabulary, rng), folder / "model.safetensors.partial")
    (folder / "model.safetensors.partial").replace(folder / "model.safetensors")


def _pieces() -> list[str]:
    """Special tokens, then every string of one to three letters, digits and punctuation."""
    letters = string.ascii_lowercase
    grams = ["".join(g) for n in (1, 2, 3) for g in itertools.product(letters, repeat=n)]
    grams += list(string.digits)
    stops = sorted(w for w in STOP_WORDS if len(w) > 3)
    return [*SPECIAL, *grams, *(f"##{g}" for g in grams), *string.punctuation, *stops]


def _tokenizer(vocabulary: list[str]) -> Any:
    """BERT's tokeniser over `vocabulary`."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    ids = {piece: i for i, piece in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
    )
    return tokenizer


def _config(vocab_size: int) -> dict[str, Any]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": INNER,
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2,
        "vocab_size": vocab_size,
        "pad_token_id": 0,
        "layer_norm_eps": 0.9,  # large: otherwise every norm would make short vectors long
    }


def _weights(vocabulary: list[str], rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Tensors under BERT's names."""
    weights: dict[str, NDArray[np.float32]] = {}

    def affine(name: str, rows: int, columns: int) -> None:
        # 0.02, BERT's own: layers change the vectors a little, word pieces stay dominant.
        weights[f"{name}.weight"] = _normal(rng, rows, columns, sd=0.02)
        weights[f"{name}.bias"] = np.zeros(rows, dtype=np.float32)

    def norm(name: str) -> None:
        weights[f"{name}.weight"] = np.ones(HIDDEN, dtype=np.float32)
        weights[f"{name}.bias"] = np.zeros(HIDDEN, dtype=np.float32)

    words = _normal(rng, len(vocabulary), HIDDEN, sd=1.0)
    weights["embeddings.word_embeddings.weight"] = words * _piece_weights(vocabulary)[:, None]
    weights["embeddings.position_embeddings.weight"] = _normal(rng, POSITIONS, HIDDEN, sd=0.05)
    weights["embeddings.token_type_embeddings.weight"] = np.zeros((2, HIDDEN), dtype=np.float32)
    norm("embeddings.LayerNorm")
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            affine(f"{at}.attention.self.{part}", HIDDEN, HIDDEN)
        affine(f"{at}.attention.output.dense", HIDDEN, HIDDEN)
        norm(f"{at}.attention.output.LayerNorm")
        affine(f"{at}.intermediate.dense", INNER, HIDDEN)
        affine(f"{at}.output.dense", HIDDEN, INNER)
        norm(f"{at}.output.LayerNorm")
    return weights


def _piece_weights(vocabulary: list[str]) -> NDArray[np.float32]:
    """Length of each piece's vector: 1 for three letters, less for what says little."""

    def weight(piece: str) -> float:
        if piece in SPECIAL or piece in STOP_WORDS or piece in string.punctuation:
            return 0.05
        return (0.2, 0.5, 1.0)[len(piece.removeprefix("##")) - 1]

    return np.array([weight(piece) for piece in vocabulary], dtype=np.float32)


def _normal(rng: np.random.Generator, rows: int, columns: int, *, sd: float) -> NDArray[np.float32]:
    return sd * rng.standard_normal((rows, columns), dtype=np.float32)
