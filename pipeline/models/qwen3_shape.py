"""What a Qwen3 model folder's `config.json` says about the body.

Belongs here: reading it, and the sizes that follow for the tensors. Not: the forward pass
(qwen3.py). Imports no torch.
"""

from dataclasses import dataclass
from typing import Any

from pipeline.errors import ModelError


@dataclass(frozen=True)
class Qwen3Shape:
    """What `config.json` says about the body."""

    num_layers: int
    num_heads: int
    num_key_value_heads: int
    head_size: int
    hidden_size: int
    inner_size: int
    max_positions: int
    rope_theta: float
    norm_eps: float

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Qwen3Shape":
        """The shape, or a `ModelError` naming what this body cannot run."""
        rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
        received = {
            "model_type": config.get("model_type"),
            "hidden_act": config.get("hidden_act"),
            "rope_type": rope.get("rope_type", rope.get("type", "default")),
            "use_sliding_window": bool(config.get("use_sliding_window", False)),
        }
        expected = {
            "model_type": "qwen3",
            "hidden_act": "silu",
            "rope_type": "default",
            "use_sliding_window": False,
        }
        if received != expected:
            raise ModelError(f"expected a decoder of {expected}, received {received}; use a Qwen3")
        try:
            heads = config["num_attention_heads"]
            return cls(
                num_layers=config["num_hidden_layers"],
                num_heads=heads,
                num_key_value_heads=config.get("num_key_value_heads") or heads,
                head_size=config.get("head_dim") or config["hidden_size"] // heads,
                hidden_size=config["hidden_size"],
                inner_size=config["intermediate_size"],
                max_positions=config["max_position_embeddings"],
                rope_theta=float(rope.get("rope_theta") or config["rope_theta"]),
                norm_eps=config["rms_norm_eps"],
            )
        except KeyError as error:
            raise ModelError(
                f"expected {error} in config.json, received none; fetch the model anew"
            ) from error

    def sizes(self) -> dict[str, tuple[int, ...]]:
        """The size of every tensor but the word vectors, by its name in the hub's format."""
        queries, keys = self.num_heads * self.head_size, self.num_key_value_heads * self.head_size
        hidden, inner = self.hidden_size, self.inner_size
        layer: dict[str, tuple[int, ...]] = {
            "input_layernorm": (hidden,),
            "post_attention_layernorm": (hidden,),
            "self_attn.q_proj": (queries, hidden),
            "self_attn.k_proj": (keys, hidden),
            "self_attn.v_proj": (keys, hidden),
            "self_attn.o_proj": (hidden, queries),
            "self_attn.q_norm": (self.head_size,),
            "self_attn.k_norm": (self.head_size,),
            "mlp.gate_proj": (inner, hidden),
            "mlp.up_proj": (inner, hidden),
            "mlp.down_proj": (hidden, inner),
        }
        return {"norm.weight": (hidden,)} | {
            f"layers.{i}.{name}.weight": size
            for i in range(self.num_layers)
            for name, size in layer.items()
        }
