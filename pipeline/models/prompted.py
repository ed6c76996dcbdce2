"""An encoder whose queries carry a trained adaptation; its documents are the frozen encoder's.

Belongs here: serving one. Not: where a query's vector comes from (query_tower.py), the file of a
prompt (prompt_file.py), or which prompt serves (resources).
All that no query changes is computed once, when the encoder is made: merged weights, and the states
of prompts that are read apart from the text, which are all of a causal decoder's.

Importing this module is cheap; torch is loaded when an encoder is made.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TYPE_CHECKING

from pipeline.models.adaptation import Adaptation
from pipeline.models.encoding import TokenIds, Vectors, encode_texts
from pipeline.models.running import one_batch_per_core

if TYPE_CHECKING:
    from pipeline.models.query_tower import TowerEncoder


class PromptedEncoder:
    """A `BiEncoder` of one encoder and what was trained for its queries.

    Its documents have the same vectors as without, and so the same `encoder_id`.
    """

    def __init__(
        self, encoder: "TowerEncoder", adaptation: Adaptation, *, instruction: str = ""
    ) -> None:
        """`instruction`: text before every query, as the prompt's manifest says."""
        import torch

        from pipeline.models.query_tower import QueryTower, detached

        self.encoder_id, self.dim = encoder.encoder_id, encoder.dim
        self._encoder, self._instruction = encoder, instruction
        self._tower = QueryTower(encoder)
        self._prompted = adaptation.prompt is not None and adaptation.gate is None
        with torch.inference_mode():
            self._prepared = self._tower.prepare(detached(adaptation, self._tower.device))

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Unit vectors [text, dim] of documents: the frozen encoder's."""
        return self._encoder.encode_documents(texts, progress=progress)

    def encode_queries(self, texts: Sequence[str], instruction: str = "") -> Vectors:
        """Unit vectors [text, dim] of queries; with an instruction, the frozen encoder's."""
        if instruction:  # the prompt was trained to stand in its place
            return self._encoder.encode_queries(texts, instruction)
        return encode_texts(self, texts)

    def tokenise(self, texts: Sequence[str]) -> list[TokenIds]:
        """Token ids of each query, as they stand behind the prompt."""
        return self._tower.tokenise(texts, self._instruction, prompted=self._prompted)

    def embed_batches(
        self, batches: Iterable[Sequence[TokenIds]]
    ) -> Generator[Vectors, None, None]:
        """Unit vectors of each batch of queries, in order, one batch per core."""
        return one_batch_per_core(self.embed_tokens, batches)

    def embed_tokens(self, batch: Sequence[TokenIds]) -> Vectors:
        """Unit vectors [query, dim] of one batch."""
        import torch

        with torch.inference_mode():
            return self._tower.read(batch, self._prepared).cpu().numpy()
