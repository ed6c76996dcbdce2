"""The tiny encoder: reproducible, and good enough to tell topics apart."""

from pathlib import Path

from pipeline.models.bi_encoder import MeanPooledEncoder
from pipeline.models.tiny import write_tiny_encoder


def test_equal_seeds_write_equal_weights(tmp_path: Path) -> None:
    """The digest is part of the key of stored vectors: a drifting one re-encodes everything."""
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_tiny_encoder(tmp_path / name, seed=seed)
    a, b, c = ((tmp_path / n / "model.safetensors").read_bytes() for n in "abc")
    assert a == b != c


def test_shared_words_bring_texts_closer(tiny: MeanPooledEncoder) -> None:
    """The demo's pools would be arbitrary if random vectors did not follow the words."""
    topics = [
        ["graph neural networks for molecules", "predicting molecules with graph networks"],
        ["robot grasping with tactile sensors", "a tactile robot hand for grasping"],
        ["parsing sentences of rare languages", "rare languages and their sentences"],
    ]
    vectors = tiny.encode_documents([text for topic in topics for text in topic])
    similarity = vectors @ vectors.T
    for i in range(6):
        same = i + 1 - 2 * (i % 2)
        others = [similarity[i, j] for j in range(6) if j not in (i, same)]
        assert similarity[i, same] > max(others) + 0.2


def test_stop_words_alone_make_no_topic(tiny: MeanPooledEncoder) -> None:
    """Without weighting, 'of the' in common outweighs the words that differ."""
    a, b = tiny.encode_documents(["on the use of the lens", "on the proof of the bound"])
    assert float(a @ b) < 0.5
