"""How much the first token attends to each word of a document, in the encoder's last layer.

Belongs here: recomputing one row of attention, which the fused kernel of the forward pass does not
give back. Not: what is made of it (b_prop.py).
Source: B-PROP (Ma et al. 2021, arXiv 2104.09791): heads averaged, pieces of a word summed.
"""

import copy
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.errors import ModelError
from pipeline.labels.sources.b_prop import WordAttention
from pipeline.labels.sources.words import word_spans
from pipeline.models.bi_encoder import BiEncoder, MeanPooledEncoder
from pipeline.models.encoding import BATCH_TOKENS, length_batches

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.models.bert import BertBody


def cls_attention(body: "BertBody", ids: "Tensor", mask: "Tensor") -> "Tensor":
    """Attention of token 0 to every token, mean over heads, [text, token]; rows sum to 1."""
    import torch
    from torch.nn.functional import linear

    trunk = copy.copy(body)
    trunk.layers = body.layers[:-1]
    states, qkv = trunk(ids, mask), body.layers[-1].qkv
    b, t, _ = states.shape
    projected = linear(states, qkv.weight, qkv.bias).view(b, t, 3, body.shape.num_heads, -1)
    query, key = projected[:, 0, 0], projected[:, :, 1]  # [text, head, width], [text, token, ...]
    scores = torch.einsum("bhw,bthw->bht", query.float(), key.float()) * query.shape[-1] ** -0.5
    heads: Tensor = scores.masked_fill(~mask[:, None], float("-inf")).softmax(-1)
    return heads.mean(1)


def word_attentions(encoder: BiEncoder, texts: Sequence[str]) -> list[WordAttention]:
    """Per text its case-folded words with the attention to their pieces; cut-off words are absent.

    About the cost of encoding the texts.
    """
    import torch

    from pipeline.models.bert import BertBody

    body = encoder._body if isinstance(encoder, MeanPooledEncoder) else None
    if not isinstance(encoder, MeanPooledEncoder) or not isinstance(body, BertBody):
        raise ModelError(
            f"expected an encoder of the BERT family, received {encoder.encoder_id}; use prop in "
            "place of b_prop"
        )
    encoded = encoder._tokenizer.encode_batch(list(texts))
    found: list[WordAttention] = [{}] * len(texts)
    for rows in length_batches([len(e.ids) for e in encoded], BATCH_TOKENS):
        width = max(len(encoded[row].ids) for row in rows)
        ids = torch.zeros(len(rows), width, dtype=torch.int64)
        mask = torch.zeros(len(rows), width, dtype=torch.bool)
        for place, row in enumerate(rows):
            ids[place, : len(encoded[row].ids)] = torch.tensor(encoded[row].ids)
            mask[place, : len(encoded[row].ids)] = True
        with torch.inference_mode():
            attention = cls_attention(body, ids, mask).tolist()
        for place, row in enumerate(rows):
            found[row] = _by_word(texts[row], encoded[row].offsets, attention[place])
    return found


def _by_word(
    text: str, offsets: Sequence[tuple[int, int]], attention: Sequence[float]
) -> WordAttention:
    """Attention summed over the pieces that lie in each word; special tokens are empty spans."""
    at = {place: word for start, end, word in word_spans(text) for place in range(start, end)}
    summed: defaultdict[str, float] = defaultdict(float)
    for (start, end), a in zip(offsets, attention, strict=False):  # attention has padding behind
        if start < end and start in at:
            summed[at[start]] += a
    return summed
