"""An instruction in words, nothing trained: what every prompt has to beat.

Method: INSTRUCTOR (Su et al. 2022, arXiv 2212.09741).
"""

from pipeline.models.adaptation import Adaptation
from pipeline.training.adapters.adapter import Adapter


class InstructionText(Adapter):
    """The configuration's `instruction` before every query."""

    kind = "instruction_text"

    def adaptation(self) -> Adaptation:
        """Nothing: the instruction is among the query's own tokens."""
        return Adaptation()
