"""How each family of encoders wants its texts written and its states pooled.

Belongs here: the formats that publishers trained with, one entry per family. Not: the models
themselves (bi_encoder.py, qwen3_encoder.py) or their addresses (resources/model_hub.py).
A wrong format costs points without an error: E5 without its prefixes, a first-token encoder pooled
by mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Pooling = Literal["mean", "cls", "last"]


@dataclass(frozen=True)
class Family:
    """The formats of one family.

    pooling: over real tokens: their mean, the first, or the last of them.
    query, document: what stands before a text. instruction: what stands before a query for which
        there is one. separator: what stands between title and abstract; "" leaves the newline.
    """

    name: str
    pooling: Pooling = "mean"
    query: str = ""
    document: str = ""
    instruction: str = "{} "
    separator: str = ""

    def query_text(self, text: str, instruction: str = "") -> str:
        """A query as the model reads it; an empty instruction leaves its place out."""
        return self.query + (self.instruction.format(instruction) if instruction else "") + text

    def document_text(self, text: str) -> str:
        """A document, "title\\nabstract" or one text, as the model reads it."""
        if self.separator:
            text = text.replace("\n", self.separator, 1)
        return self.document + text


# Documents alone, as SBERT's models were trained (Reimers and Gurevych 2019).
PLAIN = Family("plain")
# Wang et al. 2022 (arXiv 2212.03533) and 2024 (arXiv 2402.05672).
E5 = Family("e5", query="query: ", document="passage: ")
# Singh et al. 2023 (arXiv 2211.13308). The base model alone: without the proximity and query
# adapters that SPECTER2 is published with, vectors are those of its citation pre-training, and
# queries are encoded as papers without an abstract.
SPECTER2 = Family("specter2", pooling="cls", separator="[SEP]")
# Gerasimenko et al. 2024 (RuSciBench): mean over title, end token and abstract.
SCIRUS = Family("scirus", separator="</s>")
# Zhang et al. 2025 (arXiv 2506.05176): no blank behind the colon, documents raw.
QWEN3 = Family("qwen3", pooling="last", instruction="Instruct: {}\nQuery:")

FAMILIES: Mapping[str, Family] = {f.name: f for f in (PLAIN, E5, SPECTER2, SCIRUS, QWEN3)}
