"""What can be trained on the query side of a frozen encoder, by name.

Belongs here: the table of adapters. Each is a file of its own. Importing it imports torch.
"""

from collections.abc import Mapping

from pipeline.training.adapters.adapter import Adapter, AdapterConfig
from pipeline.training.adapters.bitfit import BitFit
from pipeline.training.adapters.deep_prefix import DeepPrefix
from pipeline.training.adapters.instruction_text import InstructionText
from pipeline.training.adapters.low_rank import LowRank
from pipeline.training.adapters.prompt_with_residual import PromptWithResidual
from pipeline.training.adapters.residual import Residual
from pipeline.training.adapters.side_adapter import SideAdapter
from pipeline.training.adapters.soft_prompt import SoftPrompt
from pipeline.training.adapters.weighted_mean import WeightedMean

__all__ = ["ADAPTERS", "Adapter", "AdapterConfig"]

ADAPTERS: Mapping[str, type[Adapter]] = {
    adapter.kind: adapter
    for adapter in (
        SoftPrompt,
        Residual,
        PromptWithResidual,
        DeepPrefix,
        BitFit,
        WeightedMean,
        LowRank,
        SideAdapter,
        InstructionText,
    )
}
