"""The encoder against itself in other batches and formats, and against two reference libraries."""

import gzip
import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ModelError
from pipeline.models.bi_encoder import MeanPooledEncoder
from pipeline.models.encoding import TokenIds, Vectors, encode_texts
from pipeline.models.tiny import write_tiny_encoder
from resources.model_hub import find_model

TEXTS = [
    "Graph neural networks for molecules",
    "",
    "Proofs\nWe prove it. " + "A long abstract about optimal transport and its many uses. " * 20,
    "Réseaux de neurones, 神经网络 and <b>markup</b> & $\\alpha$-divergence",
    "Robot grasping with tactile sensors\nTouch tells a robot what it cannot see.",
    "x",
]


def cosines(a: Vectors, b: Vectors) -> np.ndarray:
    return (a * b).sum(axis=1)


def test_vectors_are_unit_float32(tiny: MeanPooledEncoder) -> None:
    """Cosine is taken as a plain product downstream: a longer vector would win every pool."""
    vectors = tiny.encode_documents(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), tiny.dim)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)


def test_padding_does_not_change_a_vector(tiny: MeanPooledEncoder) -> None:
    """A mask forgotten in attention or pooling lets a text's batch neighbours move its vector."""
    together = tiny.embed_tokens(tiny.tokenise(TEXTS))  # one batch, padded to 128
    alone = np.vstack([tiny.encode_documents([t]) for t in TEXTS])
    np.testing.assert_allclose(together, alone, atol=2e-6)


@pytest.mark.parametrize("batch_tokens", [1, 100, 10_000])
def test_batch_size_does_not_change_a_vector(tiny: MeanPooledEncoder, batch_tokens: int) -> None:
    """Vectors of one paper from a nightly run and from a first load must be the same point."""
    vectors = encode_texts(tiny, TEXTS, batch_tokens=batch_tokens)
    np.testing.assert_allclose(vectors, tiny.encode_documents(TEXTS), atol=2e-6)


def test_encoding_leaves_the_thread_count_alone(tiny: MeanPooledEncoder) -> None:
    """One thread per batch must not become one thread for whatever runs torch afterwards."""
    import torch

    def count_of_a_new_thread() -> int:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(torch.get_num_threads).result()

    before = torch.get_num_threads(), count_of_a_new_thread()
    encode_texts(tiny, TEXTS, batch_tokens=1)
    assert (torch.get_num_threads(), count_of_a_new_thread()) == before


def test_an_interrupted_run_stops_soon(tiny: MeanPooledEncoder) -> None:
    """Ctrl-C in a first load of an hour must not wait for the batches still queued."""
    begun: list[int] = []

    class Counted(MeanPooledEncoder):
        def embed_tokens(self, batch: Sequence[TokenIds]) -> Vectors:
            begun.append(len(batch))
            return super().embed_tokens(batch)

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    encoder = Counted("tiny", tiny._tokenizer, tiny._body)
    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        encode_texts(encoder, ["some text"] * 5000, batch_tokens=1, progress=interrupt)
    assert threading.active_count() == threads
    assert len(begun) < 2500


def test_text_beyond_the_limit_is_cut(tiny_folder: Path) -> None:
    """Untruncated abstracts run past the learned positions, or cost four times as much."""
    short = MeanPooledEncoder.load(tiny_folder, "tiny", max_tokens=8)
    assert max(len(ids) for ids in short.tokenise(TEXTS)) == 8
    with pytest.raises(ModelError, match="at most 128 tokens"):
        MeanPooledEncoder.load(tiny_folder, "tiny", max_tokens=129)


def test_bfloat16_agrees_with_float32(tiny: MeanPooledEncoder, tiny_folder: Path) -> None:
    """Machines with and without bf16 fill the same table: their vectors must be interchangeable."""
    import torch

    half = MeanPooledEncoder.load(tiny_folder, "tiny", dtype=torch.bfloat16)
    agreement = cosines(half.encode_documents(TEXTS), tiny.encode_documents(TEXTS))
    assert agreement.min() >= 0.999


def test_body_equals_transformers(tiny: MeanPooledEncoder, tiny_folder: Path) -> None:
    """Our forward pass is own code: a swapped norm or a missing bias still looks like vectors."""
    import torch
    from transformers.models.bert.modeling_bert import BertModel

    reference = BertModel.from_pretrained(tiny_folder, add_pooling_layer=False)
    ids = torch.randint(5, 1000, (3, 20), generator=torch.Generator().manual_seed(0))
    mask = torch.ones(3, 20, dtype=torch.bool)
    mask[1, 12:] = False
    with torch.inference_mode():
        expected = reference(ids, attention_mask=mask.long()).last_hidden_state[mask]
        received = tiny._body(ids, mask)[mask]
    torch.testing.assert_close(received, expected, atol=1e-5, rtol=1e-5)


def test_published_weights_agree_with_sentence_transformers(tmp_path: Path) -> None:
    """Vectors that others cannot reproduce with the published model and library."""
    try:
        folder = find_model("all-MiniLM-L6-v2", tmp_path)
    except ModelError as error:
        pytest.skip(f"needs the published weights: {error}")
    if importlib.util.find_spec("sentence_transformers") is None:
        pytest.skip("needs sentence-transformers as the reference")
    import torch
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(folder), device="cpu")
    reference.max_seq_length = 128
    expected = reference.encode(TEXTS, normalize_embeddings=True)
    for dtype, floor in ((None, 0.999), (torch.float32, 0.99999)):
        encoder = MeanPooledEncoder.load(folder, "minilm", dtype=dtype)
        assert cosines(encoder.encode_documents(TEXTS), expected).min() >= floor


def test_importing_the_encoder_does_not_import_torch() -> None:
    """Dagster loads code locations often; torch at import time costs seconds each time."""
    code = "import sys, resources.model_hub; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_loading_the_encoder_does_not_import_transformers(tiny_folder: Path) -> None:
    """A search must answer within six seconds from cold; importing transformers takes four."""
    code = (
        "import sys; from pathlib import Path; from resources.model_hub import load_bi_encoder\n"
        "e = load_bi_encoder('tiny', Path(sys.argv[1])); e.encode_queries(['a query'])\n"
        "print('transformers' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny_folder.parent)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "deberta"}, "expected a BERT encoder"),
        ({"hidden_act": "relu"}, "expected a BERT encoder"),
        ({"num_hidden_layers": 3}, r"encoder\.layer\.2"),
    ],
)
def test_unfit_models_are_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    """Weights of another architecture give vectors without complaint, and without meaning."""
    write_tiny_encoder(tmp_path, seed=0)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ModelError, match=message):
        MeanPooledEncoder.load(tmp_path, "tiny")


@pytest.mark.parametrize(
    ("pooling", "accepted"),
    [
        ({"pooling_mode_mean_tokens": True}, True),
        ({"pooling_mode": "mean"}, True),
        ({"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}, False),
        ({"pooling_mode": "cls"}, False),
    ],
)
def test_models_that_pool_otherwise_are_refused(
    tmp_path: Path, pooling: dict[str, object], accepted: bool
) -> None:
    """A first-token encoder pooled by mean is quietly a much worse one."""
    write_tiny_encoder(tmp_path, seed=0)
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    if accepted:
        assert MeanPooledEncoder.load(tmp_path, "tiny").dim == 64
    else:
        with pytest.raises(ModelError, match="expected mean pooling"):
            MeanPooledEncoder.load(tmp_path, "tiny")


def test_damaged_files_are_named(tmp_path: Path) -> None:
    """A truncated download must not end in a traceback of a foreign library."""
    write_tiny_encoder(tmp_path, seed=0)
    weights = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights[:1000])
    with pytest.raises(ModelError, match="expected BERT weights"):
        MeanPooledEncoder.load(tmp_path, "tiny")
    (tmp_path / "tokenizer.json").write_bytes(gzip.compress(b"{}"))
    with pytest.raises(ModelError, match="tokenizer"):
        MeanPooledEncoder.load(tmp_path, "tiny")
