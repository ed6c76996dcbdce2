"""What Qwen3-Reranker reads of a pair, to the token.

Belongs here: the template, its hash, and pairs to token ids. Not: scores (qwen3_reranker.py).
Method: Zhang et al. 2025 (arXiv 2506.05176), the publisher's example for transformers.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import ModelError
from pipeline.models.encoding import TokenIds

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# The publisher's example for transformers; its example for vLLM has blank lines between the fields.
HEAD = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and "
    'the Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
    "<|im_start|>user\n"
)
INSTRUCT, QUERY, DOCUMENT = "<Instruct>: {}\n<Query>:", " {}\n<Document>:", " {}"
TAIL = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
MARKS = ("<|im_start|>", "<|im_end|>", "<think>", "</think>")

INSTRUCTION = "Given the title of a computer science paper, retrieve papers on the same topic"
MAX_QUERY_TOKENS, MAX_DOCUMENT_TOKENS = 128, 512


@dataclass(frozen=True)
class Template:
    """All that decides what the model reads of a pair: instruction, and tokens at most."""

    instruction: str = INSTRUCTION
    max_query_tokens: int = MAX_QUERY_TOKENS
    max_document_tokens: int = MAX_DOCUMENT_TOKENS

    @property
    def template_hash(self) -> str:
        """First 8 hex digits of the SHA-256 of the exact wording and the limits."""
        parts = (HEAD, INSTRUCT, QUERY, DOCUMENT, TAIL, self.instruction)
        limits = (str(self.max_query_tokens), str(self.max_document_tokens))
        return hashlib.sha256("\0".join(parts + limits).encode()).hexdigest()[:8]


class PairTokeniser:
    """Token ids of pairs, in three parts that add up to those of the whole text.

    The parts meet between a colon and a space, where Qwen's tokeniser always cuts. Special tokens
    that are written out in a text are read as plain text: a title cannot end its own field.
    """

    def __init__(self, tokenizer: "Tokenizer", template: Template) -> None:
        from tokenizers import Tokenizer

        self._template = template
        self._plain = Tokenizer.from_str(tokenizer.to_str())
        self._plain.encode_special_tokens = True
        for one in (self._plain, tokenizer):
            one.no_padding()
            one.no_truncation()
        self.start = np.append(
            _ids(tokenizer, HEAD), _ids(self._plain, INSTRUCT.format(template.instruction))
        )
        self.end = _ids(tokenizer, TAIL)
        self.yes, self.no = _answer(tokenizer, "yes"), _answer(tokenizer, "no")
        if lost := [t for t in MARKS if tokenizer.token_to_id(t) not in self.end]:
            raise ModelError(
                f"expected the tokens {', '.join(MARKS)}, received none for {', '.join(lost)}; use "
                "the tokenizer of a Qwen3-Reranker"
            )

    def tokenise(self, query: str, documents: Sequence[str]) -> tuple[TokenIds, list[TokenIds]]:
        """Ids of what the group shares, and of the rest of each pair."""
        return np.append(self.start, self.queries([query])[0]), self.documents(documents)

    def queries(self, texts: Sequence[str]) -> list[TokenIds]:
        """Ids of each query and of all that stands before its documents, behind `start`."""
        return self._encode(QUERY, self._cut(texts, self._template.max_query_tokens))

    def documents(self, texts: Sequence[str]) -> list[TokenIds]:
        """Ids of each document and of all that follows it."""
        cut = self._cut(texts, self._template.max_document_tokens)
        return [np.append(ids, self.end) for ids in self._encode(DOCUMENT, cut)]

    def _encode(self, form: str, texts: Sequence[str]) -> list[TokenIds]:
        encodings = self._plain.encode_batch_fast(
            [form.format(t) for t in texts], add_special_tokens=False
        )
        return [np.asarray(e.ids, dtype=np.int32) for e in encodings]

    def _cut(self, texts: Sequence[str], limit: int) -> list[str]:
        """Texts of at most `limit` tokens, cut as text: their last token may join what follows."""
        encodings = self._plain.encode_batch(list(texts), add_special_tokens=False)
        return [
            text if len(e.ids) <= limit else text[: e.offsets[limit][0]]
            for text, e in zip(texts, encodings, strict=True)
        ]


def _ids(tokenizer: "Tokenizer", text: str) -> TokenIds:
    return np.asarray(tokenizer.encode(text, add_special_tokens=False).ids, dtype=np.int32)


def _answer(tokenizer: "Tokenizer", word: str) -> int:
    """The one token of an answer; 9693 ("yes") and 2152 ("no") in the published vocabulary."""
    ids = _ids(tokenizer, word)
    if len(ids) != 1:
        raise ModelError(
            f"expected {word!r} to be one token, received {len(ids)}; use the tokenizer of a "
            "Qwen3-Reranker"
        )
    return int(ids[0])
