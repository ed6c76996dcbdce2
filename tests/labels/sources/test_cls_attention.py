"""Attention of the first token against transformers' own, and words against pieces by hand."""

from pathlib import Path

import pytest

from pipeline.labels.sources.cls_attention import _by_word, cls_attention, word_attentions
from pipeline.models.bi_encoder import MeanPooledEncoder
from pipeline.models.tiny import write_tiny_encoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_tiny_encoder(folder, seed=0)
    return folder


@pytest.fixture(scope="module")
def encoder(folder: Path) -> MeanPooledEncoder:
    import torch

    return MeanPooledEncoder.load(folder, "tiny", dtype=torch.float32)


def test_equals_transformers(folder: Path, encoder: MeanPooledEncoder) -> None:
    """A layer too early, a head mean before the softmax, or padding attended to."""
    import torch
    from transformers.models.bert.modeling_bert import BertModel

    reference = BertModel.from_pretrained(
        folder, add_pooling_layer=False, attn_implementation="eager"
    )
    ids = torch.randint(5, 1000, (3, 20), generator=torch.Generator().manual_seed(0))
    mask = torch.ones(3, 20, dtype=torch.bool)
    mask[1, 12:] = False
    with torch.inference_mode():
        expected = reference(ids, attention_mask=mask.long(), output_attentions=True)
        received = cls_attention(encoder._body, ids, mask)
    torch.testing.assert_close(received, expected.attentions[-1][:, :, 0].mean(1))
    assert (received[1, 12:] == 0).all()
    assert len(encoder._body.layers) == reference.config.num_hidden_layers  # left as it was


def test_pieces_are_summed_to_words() -> None:
    """Pieces shifted by one give a word its neighbour's attention; [CLS] itself is no word."""
    text = "Naïve graph-cut, graph-cut x"
    offsets = [
        (0, 0),
        (0, 2),
        (2, 5),
        (6, 11),
        (11, 12),
        (12, 15),
        (15, 16),
        (17, 26),
        (27, 28),
        (0, 0),
    ]
    attention = [0.4, 0.01, 0.02, 0.03, 0.04, 0.05, 0.1, 0.06, 0.07, 0.2, 0.0, 0.0]
    assert _by_word(text, offsets, attention) == pytest.approx({"naïve": 0.03, "graph-cut": 0.18})


def test_every_text_gets_its_own_words(encoder: MeanPooledEncoder) -> None:
    """Batches of like length are filled out of order; an empty text has no words."""
    texts = ["zebra " * 40, "", "Graph kernels", "🙂 naïve"]
    words = word_attentions(encoder, texts)
    assert [set(w) for w in words] == [{"zebra"}, set(), {"graph", "kernels"}, {"naïve"}]
    alone = word_attentions(encoder, texts[2:3])[0]
    assert words[2] == pytest.approx(alone, abs=1e-5)
    assert all(0 < sum(w.values()) <= 1 for w in words if w)
