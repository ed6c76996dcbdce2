"""What texts have in common, read once: keys and values of a decoder's layers.

Belongs here: what is kept of tokens that were read, and who goes on from it. Not: reading them
(qwen3.py).
This module imports torch: import it inside functions, never at the top of another module.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

KeyValue = tuple[Tensor, Tensor]
"""Keys and values of one layer, each [text or 1, head, token, width]."""


@dataclass(frozen=True)
class Past:
    """What texts have in common, as read: keys and values per layer, and where the text goes on.

    mask: [text or 1, token], true on real tokens. end: [text or 1], position of the next token.
    rows: [text], which row each continuing text goes on from; None: text i from row i, or all from
        the only one.
    """

    layers: Sequence[KeyValue]
    mask: Tensor
    end: Tensor
    rows: Tensor | None = None

    @classmethod
    def of(cls, layers: Sequence[KeyValue]) -> "Past":
        """Keys and values that stand nowhere (a prefix, a gated prompt): text begins at 0."""
        k = layers[0][0]
        mask = torch.ones(k.shape[0], k.shape[2], dtype=torch.bool, device=k.device)
        return cls(layers, mask, mask.new_zeros(k.shape[0], dtype=torch.long))

    def take(self, rows: Tensor) -> "Past":
        """The same for texts that go on from `rows` [text]; copied layer by layer, when read."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    def layer(self, index: int) -> KeyValue:
        """Keys and values of one layer, a row for each text or one for all."""
        k, v = self.layers[index]
        return (k, v) if self.rows is None else (k[self.rows], v[self.rows])

    def mask_of(self, texts: int) -> Tensor:
        """[text, token]: which tokens of the past are real, for `texts` texts."""
        mask = self.mask if self.rows is None else self.mask[self.rows]
        return mask.expand(texts, -1)

    def end_of(self) -> Tensor:
        """[text or 1]: position of each text's next token."""
        return self.end if self.rows is None else self.end[self.rows]
