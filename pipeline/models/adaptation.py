"""What is added to a frozen encoder on the query side, as tensors and nothing else.

Belongs here: the one form in which prompts, prefixes, low-rank updates and residuals reach an
encoder's body. Not: how they are trained (pipeline/training) or stored (resources/).
Empty fields add nothing: `Adaptation()` is the frozen encoder itself.

This module imports torch for its types only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Adaptation:
    """Tensors that a query's forward pass takes beside the frozen weights.

    prompt: [token, hidden], vectors in place of word vectors, before the query's own tokens.
    gate: [layer], or None. None: the prompt is read, placed and pooled as ordinary text, so that
        the word vectors of an instruction give exactly that instruction's vector. Given: text keeps
        its positions and is pooled alone, the prompt is read without it, and each layer adds
        tanh(gate) × attention over the prompt's states and the prefix to its own attention
        (LLaMA-Adapter, Zhang et al. 2023, arXiv 2303.16199): at zero the vector is the plain
        query's.
    prefix: [layer, 2, token, width of keys], keys and values before every layer's own
        (prefix-tuning, Li and Liang 2021, arXiv 2101.00190; P-tuning v2, arXiv 2110.07602).
    weights: tensors that take the place of the body's, by their name in the hub's format (BitFit,
        arXiv 2106.10199; LoRA, arXiv 2106.09685, as the merged product).
    side: per layer (down [bottleneck, hidden], up [hidden, bottleneck]) of a parallel adapter.
    pooling: [position] weights of a weighted mean over tokens, in place of the encoder's pooling
        (SGPT, Muennighoff 2022, arXiv 2202.08904); counted from the first token, in encoders that
        pool their last token from that one backwards.
    residual: (down [rank, dim], up [dim, rank]): v + up·down·v on the pooled vector, before the
        norm.
    """

    prompt: "Tensor | None" = None
    gate: "Tensor | None" = None
    prefix: "Tensor | None" = None
    weights: "Mapping[str, Tensor]" = field(default_factory=dict)
    side: "Sequence[tuple[Tensor, Tensor]] | None" = None
    pooling: "Tensor | None" = None
    residual: "tuple[Tensor, Tensor] | None" = None
