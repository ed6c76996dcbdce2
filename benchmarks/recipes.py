"""What each loss, source and query side gives on a real library, by development queries alone.

    python -m benchmarks.recipes DATA_DIR [--only NAME …] [--queries 3000] [--epochs 2]

DATA_DIR holds a library whose pairs are labelled (`csimpact train` labels them). Every variant
starts from the best of the instructions, is trained once with one seed, and is measured by mean
nDCG@10 of the development queries against the teacher, ranked over the whole library. No test query
is looked at: the figures choose recipes, they promote nothing.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from assets.labelled import Labelled, read_labelled
from assets.training import build_tower, curriculum_of
from benchmarks.machine import machine_line
from pipeline.errors import CsimpactError
from pipeline.settings import DataDir
from pipeline.training.config import LossName, TrainingConfig
from pipeline.training.recipe import AdapterKind, Recipe
from pipeline.training.source_spec import SourceName, SourceSpec
from resources.workspace import Workspace


def variants(queries: int, epochs: int) -> Iterator[Recipe]:
    """Query sides under one source and loss; losses and sources under one query side."""
    own = SourceSpec(name="own_vector", loss="corpus_kl", queries=queries)
    course = TrainingConfig(epochs=epochs, validations=4, patience=4)

    def recipe(name: str, *sources: SourceSpec, **more: object) -> Recipe:
        fields = {"adapter": "residual", "training": course, **more}
        return Recipe.model_validate(
            {"name": name, "profile": "minilm", "sources": sources or (own,), **fields}
        )

    for kind in get_args(AdapterKind):
        yield recipe(f"query side {kind}", adapter=kind)
    for loss in get_args(LossName):
        source = SourceSpec(name="labels", loss=loss, queries=queries)
        anchored = course.model_copy(update={"anchor_weight": 1.0, "learning_rate": 1e-3})
        yield recipe(f"loss {loss} on labels", source)
        yield recipe(f"loss {loss} on labels, anchored", source, training=anchored)
    for name in get_args(SourceName):
        if name not in ("labels", "own_vector"):
            source = SourceSpec(name=name, loss="info_nce", queries=queries)
            yield recipe(f"source {name}", source)
            yield recipe(f"source own_vector + {name}", own, source)
    labels = SourceSpec(name="labels", loss="listwise_kl", queries=queries)
    yield recipe("source own_vector + labels", own, labels)
    yield recipe("source own_vector, 5 times the queries", own.model_copy(
        update={"queries": 5 * queries}
    ))  # fmt: skip


def measure(workspace: Workspace, labelled: Labelled, recipe: Recipe) -> str:
    """One line: start, best and gain on the development queries, parameters, seconds."""
    from pipeline.training.campaign import train_challenger

    started = time.perf_counter()
    curriculum = curriculum_of(workspace, labelled, recipe)
    challenger = train_challenger(
        build_tower(workspace, recipe),
        curriculum,
        labelled.queries("dev"),
        labelled.documents.vectors,
        recipe,
        instructions=workspace.profile.instructions,
        progress=lambda _: None,
    )
    best = max(v for name, v in challenger.dev.items() if name != "challenger")
    n = sum(len(source) for source in curriculum.sources)
    return (
        f"{recipe.name:48} {n:6} queries  start {challenger.start.dev:.4f}  best "
        f"{challenger.result.dev:.4f}  gain {challenger.result.dev - best:+.4f}  "
        f"{time.perf_counter() - started:5.0f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="beginnings of names")
    parser.add_argument("--queries", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=2)
    given = parser.parse_args()
    workspace = Workspace(DataDir(given.data.absolute()))
    labelled = read_labelled(workspace)
    print(machine_line("torch", "numpy"))
    print(
        f"{labelled.documents.papers.height:,} papers, {len(labelled.queries('dev').texts)} "
        f"development queries, teacher {workspace.teacher.identity.teacher_id}"
    )
    for recipe in variants(given.queries, given.epochs):
        if given.only and not recipe.name.startswith(tuple(given.only)):
            continue
        try:
            print(measure(workspace, labelled, recipe), flush=True)
        except CsimpactError as problem:
            print(f"{recipe.name:48} {problem}", flush=True)


if __name__ == "__main__":
    main()
