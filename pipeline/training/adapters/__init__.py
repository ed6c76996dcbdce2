"""What can be trained on the query side of a frozen encoder, by name.

Belongs here: the table of adapters. Each is a file of its own. Importing it imports torch.
"""

from collections.abc import Mapping

from pipeline.training.adapters.adapter import Adapter, AdapterConfig
from pipeline.training.adapters.prompt_with_residual import PromptWithResidual
from pipeline.training.adapters.residual import Residual
from pipeline.training.adapters.soft_prompt import SoftPrompt

__all__ = ["ADAPTERS", "Adapter", "AdapterConfig"]

ADAPTERS: Mapping[str, type[Adapter]] = {
    adapter.kind: adapter for adapter in (SoftPrompt, Residual, PromptWithResidual)
}
