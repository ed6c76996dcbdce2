"""Formats of texts by family, and bodies other than BERT against transformers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from pipeline.errors import ModelError
from pipeline.models.bi_encoder import MeanPooledEncoder
from pipeline.models.families import E5, FAMILIES, PLAIN, QWEN3, SCIRUS, SPECTER2, Family
from pipeline.models.tiny import write_tiny_encoder

TEXTS = ["a title\nand its abstract", "one", "a longer text of several words " * 9]


@pytest.mark.parametrize(
    ("family", "query", "asked", "document"),
    [
        (PLAIN, "q", "find q", "t\na\nb"),
        (E5, "query: q", "query: find q", "passage: t\na\nb"),
        (SPECTER2, "q", "find q", "t[SEP]a\nb"),
        (SCIRUS, "q", "find q", "t</s>a\nb"),
        (QWEN3, "q", "Instruct: find\nQuery:q", "t\na\nb"),
    ],
)
def test_golden_formats(family: Family, query: str, asked: str, document: str) -> None:
    """A blank or prefix beside the published format costs points without an error."""
    assert family.query_text("q") == query
    assert family.query_text("q", "find") == asked
    assert family.document_text("t\na\nb") == document
    assert FAMILIES[family.name] is family


def save_body(folder: Path, kind: str) -> Any:
    """A tiny model of transformers' own in hub format, with the tiny encoder's tokeniser."""
    import transformers as tf

    write_tiny_encoder(folder, seed=0)
    size = json.loads((folder / "config.json").read_text())["vocab_size"]
    config, model = {
        "roberta": (tf.RobertaConfig, tf.RobertaModel),
        "xlm-roberta": (tf.XLMRobertaConfig, tf.XLMRobertaModel),
        "mpnet": (tf.MPNetConfig, tf.MPNetModel),
    }[kind]
    torch.manual_seed(0)
    types = {} if kind == "mpnet" else {"type_vocab_size": 1}
    # The tiny tokeniser's [PAD] is 0 and stands in no text; the models' padding is 1, [UNK].
    body = model(
        config(
            vocab_size=size, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
            intermediate_size=48, max_position_embeddings=66, pad_token_id=1, **types,
        ),
        add_pooling_layer=False,
    ).eval()  # fmt: skip
    with torch.no_grad():
        for tensor in body.parameters():
            tensor.add_(torch.randn_like(tensor) * 0.1)
    body.save_pretrained(folder)
    return body


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("kind", ["roberta", "xlm-roberta", "mpnet"])
def test_bodies_equal_transformers(tmp_path: Path, kind: str, pooling: Any) -> None:
    """Positions counted from another start, or padding pooled, still look like vectors."""
    reference = save_body(tmp_path, kind)
    family = Family("test", pooling=pooling)
    encoder = MeanPooledEncoder.load(
        tmp_path, "t", max_tokens=64, dtype=torch.float32, family=family
    )
    for text, vector in zip(TEXTS, encoder.encode_documents(TEXTS), strict=True):
        ids = torch.from_numpy(encoder.tokenise([text])[0].astype(np.int64))[None]
        with torch.inference_mode():
            states = reference(ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0]
        expected = states.mean(0) if pooling == "mean" else states[0]
        np.testing.assert_allclose(
            vector, torch.nn.functional.normalize(expected, dim=0), atol=1e-5
        )
    with pytest.raises(ModelError, match="at most 64 tokens"):
        MeanPooledEncoder.load(tmp_path, "t", max_tokens=65, family=family)


def test_prefixes_reach_the_vectors(tmp_path: Path) -> None:
    """A family that is only declared: queries and documents would be encoded alike."""
    write_tiny_encoder(tmp_path, seed=0)
    plain = MeanPooledEncoder.load(tmp_path, "t", dtype=torch.float32)
    e5 = MeanPooledEncoder.load(tmp_path, "t", dtype=torch.float32, family=E5)
    for received, written in (
        (e5.encode_queries(["graph"]), "query: graph"),
        (e5.encode_documents(["graph"]), "passage: graph"),
        (e5.encode_queries(["graph"], "find"), "query: find graph"),
    ):
        np.testing.assert_array_equal(received, plain.encode_documents([written]))


def test_a_separator_is_one_token(tmp_path: Path) -> None:
    """ "[SEP]" spelt in letters between title and abstract is noise, not a boundary."""
    write_tiny_encoder(tmp_path, seed=0)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    tokenizer.add_special_tokens(["[SEP]"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    encoder = MeanPooledEncoder.load(tmp_path, "t", family=SPECTER2)
    (ids,) = encoder.tokenise([SPECTER2.document_text("one\ntwo")])
    assert ids.tolist().count(tokenizer.token_to_id("[SEP]")) == 2


def test_own_pooling_is_not_overruled(tmp_path: Path) -> None:
    """A folder that says how it pools must not be pooled as another family does."""
    write_tiny_encoder(tmp_path, seed=0)
    (tmp_path / "1_Pooling").mkdir()
    path = tmp_path / "1_Pooling" / "config.json"
    path.write_text(json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}))
    with pytest.raises(ModelError, match="expected cls pooling, received another"):
        MeanPooledEncoder.load(tmp_path, "t", family=SPECTER2)
    path.write_text(json.dumps({"pooling_mode_cls_token": True}))
    assert MeanPooledEncoder.load(tmp_path, "t", family=SPECTER2).dim == 64


def test_pickled_weights_are_not_opened(tmp_path: Path) -> None:
    """A pickle runs what its maker wrote; transformers would open it where nothing else lies."""
    save_body(tmp_path, "mpnet")
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="published as safetensors"):
        MeanPooledEncoder.load(tmp_path, "t", max_tokens=64)
