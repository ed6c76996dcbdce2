"""From labels to a verdict: the one road by which a prompt can come to serve.

Belongs here: the order of the decisions, and on which queries each is made. Not: the decisions
themselves (quality.py, starts.py, averaging.py, gate.py), or keeping them (resources).

1. The teacher must beat the student (labels/quality.py), or nothing is trained.
2. The best instruction, the empty one included, is chosen on the development queries.
3. Every start is measured there; the best is trained, with several seeds, and one challenger comes
   out: the average, a seed, or the start itself where nothing beat it.
4. The challenger meets the best instruction and the champion on the test queries, once.

Imports torch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from pipeline.errors import TrainingError
from pipeline.models.adaptation import Adaptation
from pipeline.models.encoding import Vectors
from pipeline.models.query_tower import QueryTower
from pipeline.retrieval.evaluation import NDCG, QueryEncoder, measure_systems
from pipeline.retrieval.measures import PerQuery
from pipeline.retrieval.query_set import QuerySet
from pipeline.training.adapters import ADAPTERS, Adapter, AdapterConfig
from pipeline.training.averaging import TrainingResult, train_seeds
from pipeline.training.curriculum import Curriculum
from pipeline.training.forward import encode_adapted
from pipeline.training.gate import Measured, judge
from pipeline.training.looks import best_on_dev
from pipeline.training.naming import plain_name
from pipeline.training.recipe import Recipe
from pipeline.training.starts import Start, choose_start
from pipeline.training.verdict import Verdict

CHALLENGER = "challenger"
PROMPTS = ("soft_prompt", "prompt_with_residual")
"""Kinds that start as an instruction's words, in the instruction's place."""

Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Challenger:
    """What training gave, fixed before any test query is looked at.

    dev: mean nDCG@10 on the development queries of every instruction and of the challenger.
    """

    adaptation: Adaptation
    instruction: str
    rival: str
    start: Start
    result: TrainingResult
    dev: Mapping[str, float]


def train_challenger(
    tower: QueryTower,
    curriculum: Curriculum,
    dev: QuerySet,
    documents: Vectors,
    recipe: Recipe,
    *,
    instructions: Sequence[str],
    progress: Progress,
) -> Challenger:
    """The one challenger of a recipe.

    Args:
        tower: the frozen encoder's query side.
        curriculum: what is learnt from; nothing of it is in `dev` or in a test.
        dev: development queries, ranked over `documents` [document, dim], the whole library.
        recipe: what to do.
        instructions: to try, the empty one among them.
        progress: gets one line per step worth telling.

    Raises:
        TrainingError: nothing to learn from or to choose by, or every run diverged.
    """
    if not dev.texts:
        raise TrainingError(
            "expected labelled development queries to choose by, found none; import more papers, "
            "or mine pairs of more queries"
        )

    def ndcg(encode: QueryEncoder) -> PerQuery:
        return measure_systems(dev, {CHALLENGER: encode}, documents)[CHALLENGER][NDCG]

    def validate(encode: QueryEncoder) -> float:
        return float(ndcg(encode).mean())

    words = {text: ndcg(partial(encode_words, tower, text)) for text in instructions}
    rival = best_on_dev(words)
    progress(f"best instruction on {len(dev.texts)} development queries: {plain_name(rival)}")
    start = choose_start(tower, _starts(tower, recipe, instructions), validate=validate)

    def step(done: int, of: int) -> None:
        progress(f"training from {start.name}: step {done:,} of {of:,}")

    result = train_seeds(
        tower,
        start.adapter,
        curriculum.documents,
        curriculum.sources,
        recipe.training,
        validate=validate,
        progress=step,
    )
    adapter = result.adapter
    assert isinstance(adapter, Adapter)  # what went in comes out
    means = {plain_name(text): float(values.mean()) for text, values in words.items()}
    return Challenger(
        adapter.adaptation(),
        adapter.instruction,
        rival,
        start,
        result,
        means | {CHALLENGER: result.dev},
    )


def judge_challenger(
    systems: Mapping[str, QueryEncoder],
    test: QuerySet,
    documents: Vectors,
    *,
    prompt_id: str,
    training_ids: Sequence[str],
    recipe: Recipe,
    look: int,
    seed: int,
) -> Verdict:
    """The verdict on the test queries.

    systems: `challenger`, and the rivals: the best instruction and the champion, if one serves.
    """
    numbers = measure_systems(test, systems, documents)
    measured = {
        name: Measured(test.query_ids, values[NDCG].astype(np.float64))
        for name, values in numbers.items()
    }
    challenger = measured.pop(CHALLENGER)
    return judge(
        challenger,
        measured,
        test.domains,
        name=prompt_id,
        training_ids=training_ids,
        rule=recipe.gate_rule,
        look=look,
        seed=seed,
    )


def encode_words(tower: QueryTower, instruction: str, texts: Sequence[str]) -> Vectors:
    """Vectors of queries behind an instruction in words."""
    config = AdapterConfig(instruction=instruction)
    rng = np.random.default_rng(0)  # an instruction draws nothing
    adapter = ADAPTERS["instruction_text"](tower, config, rng=rng)
    return encode_adapted(tower, adapter, texts)


def start_config(recipe: Recipe, instruction: str) -> AdapterConfig:
    """The configuration of an adapter that starts exactly as `instruction`.

    A prompt has as many tokens as the instruction; for the empty one it has the recipe's number,
    behind a closed gate. Kinds without a prompt stand behind the instruction's own words.
    """
    sizes = AdapterConfig(rank=recipe.rank, bottleneck=recipe.bottleneck)
    if recipe.adapter not in PROMPTS:
        return sizes.model_copy(update={"instruction": instruction})
    if instruction:
        return sizes.model_copy(update={"initial_text": instruction})
    tokens = {"num_virtual_tokens": recipe.num_virtual_tokens}
    return sizes.model_copy(update={"init": "vocabulary", "gate": True, **tokens})


def _starts(tower: QueryTower, recipe: Recipe, instructions: Sequence[str]) -> dict[str, Adapter]:
    """An adapter for each instruction, which it equals before training."""
    return {
        plain_name(text): ADAPTERS[recipe.adapter](
            tower,
            start_config(recipe, text),
            rng=np.random.default_rng(recipe.training.seeds[0]),
        ).to(tower.device)
        for text in instructions
    }


def dev_table(challenger: Challenger) -> pl.DataFrame:
    """`system, nDCG@10` on the development queries, best first."""
    rows = list(challenger.dev.items())
    return pl.DataFrame(rows, schema=["system", NDCG], orient="row").sort(NDCG, descending=True)
