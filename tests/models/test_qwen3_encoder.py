"""Qwen3-Embedding: tokens, pooling, dimensions, and vectors against a plain forward."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from pipeline.errors import ModelError
from pipeline.models.qwen3_encoder import Qwen3Encoder
from pipeline.models.tiny_qwen3 import write_tiny_qwen3

TEXTS = ["Graph neural networks\nWe study them.", "", "神经网络 " * 40, "x", "no\n\n"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("embedder") / "tiny"
    write_tiny_qwen3(path, seed=0)
    return path


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Qwen3Encoder:
    return load(folder)


def load(folder: Path, **kwargs: int) -> Qwen3Encoder:
    return Qwen3Encoder.load(folder, "tiny", dtype=torch.float32, device="cpu", **kwargs)


def test_golden_tokens(folder: Path, encoder: Qwen3Encoder) -> None:
    """The publisher's end token is the padding token, and stands there exactly once."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    (ids,) = encoder.tokenise([encoder.family.query_text("no graph", "the model")])
    assert [tokenizer.id_to_token(i) for i in ids] == [
        "Instruct", ":", "Ġ", "the", "Ġmodel", "Ċ", "Query", ":", "no", "Ġgraph", "<|endoftext|>",
    ]  # fmt: skip
    (cut,) = load(folder, max_tokens=3).tokenise(["the graph network"])
    assert [tokenizer.id_to_token(i) for i in cut] == ["the", "Ġgraph", "<|endoftext|>"]


def test_vectors_equal_transformers(folder: Path, encoder: Qwen3Encoder) -> None:
    """The last token of the padded batch instead of the text's is another vector."""
    from transformers import Qwen3Model

    reference = Qwen3Model.from_pretrained(folder).eval()
    vectors = encoder.encode_documents(TEXTS)
    assert vectors.dtype == np.float32
    for ids, vector in zip(encoder.tokenise(TEXTS), vectors, strict=True):
        with torch.inference_mode():
            last = reference(torch.from_numpy(ids.astype(np.int64))[None]).last_hidden_state[0, -1]
        np.testing.assert_allclose(vector, torch.nn.functional.normalize(last, dim=0), atol=1e-5)


def test_padding_does_not_change_a_vector(encoder: Qwen3Encoder) -> None:
    """A paper's vector must not depend on the papers encoded beside it."""
    together = encoder.embed_tokens(encoder.tokenise(TEXTS))
    np.testing.assert_allclose(together, encoder.encode_documents(TEXTS), atol=1e-5)


def test_fewer_dimensions_are_cut_and_normalised(folder: Path, encoder: Qwen3Encoder) -> None:
    """A cut vector that is not normalised anew ranks short ones last."""
    whole, cut = encoder.encode_documents(TEXTS), load(folder, dim=16).encode_documents(TEXTS)
    expected = whole[:, :16] / np.linalg.norm(whole[:, :16], axis=1, keepdims=True)
    np.testing.assert_allclose(cut, expected, atol=1e-5)
    for dim in (-1, 49):
        with pytest.raises(ModelError, match="expected 1 to 48 dimensions"):
            load(folder, dim=dim)


def test_an_instruction_changes_queries_only(encoder: Qwen3Encoder) -> None:
    """Documents are encoded once, whatever is asked of them."""
    plain = encoder.encode_queries(["graph"])
    np.testing.assert_array_equal(plain, encoder.encode_documents(["graph"]))
    asked = encoder.encode_queries(["graph"], "find papers")
    written = encoder.encode_documents(["Instruct: find papers\nQuery:graph"])
    np.testing.assert_array_equal(asked, written)
    assert not np.allclose(asked, plain)


def test_out_of_memory_halves_and_goes_on(
    encoder: Qwen3Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first load of hours must not end at the one batch that does not fit."""
    expected, run = encoder.embed_tokens(encoder.tokenise(TEXTS)), encoder._body.states

    def tight(words: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if len(words) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run(words, mask)

    monkeypatch.setattr(encoder._body, "states", tight)
    received = encoder.embed_tokens(encoder.tokenise(TEXTS))
    np.testing.assert_allclose(received, expected, atol=1e-5)


def test_unfit_folders_are_refused(tmp_path: Path) -> None:
    """A tokeniser without the end token would pool whatever word comes last."""
    write_tiny_qwen3(tmp_path, seed=0)
    with pytest.raises(ModelError, match="at most 4096 tokens"):
        load(tmp_path, max_tokens=4097)
    path = tmp_path / "tokenizer.json"
    path.write_text(path.read_text().replace("<|endoftext|>", "<|other|>"))
    with pytest.raises(ModelError, match=r"expected the token <\|endoftext\|>"):
        load(tmp_path)
