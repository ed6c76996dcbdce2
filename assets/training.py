"""From what the library holds to a verdict.

Belongs here: handing a recipe what it needs, and keeping what it gave. Not: the decisions
(pipeline/training/campaign.py), figures (evaluation.py), or Dagster (wholes.py).
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from assets.labelled import Labelled, read_labelled
from assets.library import read_documents
from pipeline.labels.abstract_check import judged_by_abstracts
from pipeline.labels.benchmark_check import judged_by_people
from pipeline.labels.quality import TeacherVerdict, citation_proxy, judge_teacher
from pipeline.models.prompt_file import Manifest
from pipeline.retrieval.benchmarks.benchmark import Benchmark
from pipeline.retrieval.evaluation import QueryEncoder
from pipeline.retrieval.query_set import QuerySet
from pipeline.retrieval.ranking import rank_documents
from pipeline.training.curriculum import Curriculum, Library, build_curriculum
from pipeline.training.looks import next_look
from pipeline.training.naming import plain_name
from pipeline.training.recipe import Recipe
from resources.lake import digest_of
from resources.prompt_registry import Decision
from resources.workspace import Workspace

if TYPE_CHECKING:
    from pipeline.models.query_tower import QueryTower
    from pipeline.training.campaign import Challenger


ABSTRACT_QUERIES = 400
"""Titles held against abstracts where nobody else judged: some minutes of two cores."""


def check_teacher(workspace: Workspace, labelled: Labelled, recipe: Recipe) -> TeacherVerdict:
    """Whether the teacher beats the student where somebody else judged.

    By citations and benchmarks; where there are neither, by titles and their own abstracts, which
    says less. Only development queries take part.
    """
    seed, rule = recipe.training.seeds[0], recipe.quality
    known = labelled.labels.filter(pl.col("split") == "dev")
    judged = [citation_proxy(known.rename({"score": "teacher_score"}))]
    judged += [_judged_by_people(workspace, one, seed) for one in labelled.benchmarks]
    if not any((frame["relevance"] > 0).any() for frame in judged):
        workspace.report("checking the teacher on titles and their abstracts")
        judged.append(
            judged_by_abstracts(
                known.drop("score"),
                labelled.documents.papers,
                workspace.teacher,
                encode_queries=workspace.encoder.encode_queries,
                encode_documents=workspace.encoder.encode_documents,
                n_queries=ABSTRACT_QUERIES,
                seed=seed,
            )
        )
    numbers = pl.col("relevance", "teacher_score", "student_score").cast(pl.Float64)
    evidence = pl.concat([frame.with_columns(numbers) for frame in judged])
    return judge_teacher(evidence, rule=rule, seed=seed)


def _judged_by_people(workspace: Workspace, benchmark: Benchmark, seed: int) -> pl.DataFrame:
    workspace.report(f"checking the teacher on {benchmark.name}")
    encoder = workspace.encoder
    return judged_by_people(
        benchmark,
        workspace.teacher,
        encoder.encode_queries(benchmark.queries.texts),
        encoder.encode_documents(benchmark.document_texts()),
        seed=seed,
    )


def train_prompt(workspace: Workspace, recipe: Recipe) -> Decision:
    """Train a recipe's challenger, judge it, and let the registry promote or refuse it.

    Raises:
        LabelError: nothing is labelled, or the teacher does not beat the student.
        TrainingError: nothing to learn from, every run diverged, or this challenger was judged.
    """
    from pipeline.training.campaign import dev_table, train_challenger

    labelled = read_labelled(workspace)
    teacher = check_teacher(workspace, labelled, recipe)
    teacher.require()
    curriculum = curriculum_of(workspace, labelled, recipe)
    tower = build_tower(workspace, recipe)
    challenger = train_challenger(
        tower,
        curriculum,
        labelled.queries("dev"),
        labelled.documents.vectors,
        recipe,
        instructions=workspace.profile.instructions,
        progress=workspace.report,
    )
    evidence = {
        "teacher check": teacher.table,
        "sources": curriculum.report,
        "development queries": dev_table(challenger),
        "kept out for benchmarks": labelled.excluded.counts,
    }
    with workspace.lock("prompts"):  # how many looks a test split had is read and written in one
        return _judge(workspace, labelled, curriculum, tower, challenger, recipe, evidence)


def build_tower(workspace: Workspace, recipe: Recipe) -> "QueryTower":
    """The query side; in float32 where weights are replaced: bf16 rounds small changes off."""
    from pipeline.models.query_tower import QueryTower
    from pipeline.training.adapters import ADAPTERS

    encoder = workspace.encoder
    if ADAPTERS[recipe.adapter].replaces_weights:
        encoder = workspace.float32_encoder()
    return QueryTower(encoder)


def curriculum_of(workspace: Workspace, labelled: Labelled, recipe: Recipe) -> Curriculum:
    """What a recipe learns from: training papers that no benchmark knows."""
    from pipeline.labels.sources.cls_attention import word_attentions

    papers = labelled.documents.papers
    learnable = labelled.splits.mask("train").copy()
    learnable[labelled.excluded.rows] = False
    library = Library(
        papers=papers,
        vectors=labelled.documents.vectors,
        citations=workspace.lake.read_all("citations"),
        labels=labelled.labels.filter(pl.col("split") == "train", pl.col("score").is_not_null()),
        learnable=learnable,
        attentions=partial(word_attentions, workspace.encoder),
    )
    return build_curriculum(
        library,
        recipe.sources,
        documents=recipe.documents,
        selection=recipe.selection,
        seed=recipe.training.seeds[0],
    )


def _judge(
    workspace: Workspace,
    labelled: Labelled,
    curriculum: Curriculum,
    tower: "QueryTower",
    challenger: "Challenger",
    recipe: Recipe,
    evidence: Mapping[str, pl.DataFrame],
) -> Decision:
    from pipeline.models.prompted import PromptedEncoder
    from pipeline.training.campaign import CHALLENGER, encode_words, judge_challenger

    registry, encoder_id = workspace.prompts, workspace.encoder_id
    manifest = _manifest(workspace, labelled, curriculum, tower, challenger, recipe)
    prompt_id = registry.keep(challenger.adaptation, manifest)
    test = labelled.queries("test")
    prompted = PromptedEncoder(
        tower.encoder, challenger.adaptation, instruction=challenger.instruction
    )
    systems: dict[str, QueryEncoder] = {
        CHALLENGER: prompted.encode_queries,
        plain_name(challenger.rival): partial(encode_words, tower, challenger.rival),
    }
    if champion := registry.champion(encoder_id):
        systems[f"champion {champion}"] = workspace.prompted(champion).encode_queries
    look = next_look(registry.judged(), prompt_id, test.query_ids)
    workspace.report(f"judging {prompt_id} on {len(test.texts):,} test queries, look {look}")
    verdict = judge_challenger(
        systems,
        test,
        labelled.documents.vectors,
        prompt_id=prompt_id,
        training_ids=labelled.seen_with(curriculum.rows),
        recipe=recipe,
        look=look,
        seed=recipe.training.seeds[0],
    )
    found = _first_ten(workspace, systems, test)
    tables = {n: frame.to_dicts() for n, frame in (*evidence.items(), ("first ten", found))}
    return registry.decide(prompt_id, encoder_id, verdict, tables)


def _first_ten(
    workspace: Workspace, systems: Mapping[str, QueryEncoder], test: QuerySet
) -> pl.DataFrame:
    """`system, without_abstract`: share of such papers among the first ten of the whole library.

    No judgment covers them where the teacher reads abstracts; so that it is seen if a prompt buries
    them, or brings them up.
    """
    library = read_documents(workspace)
    bare = library.papers["abstract"].fill_null("").str.strip_chars() == ""
    place = {paper: row for row, paper in enumerate(library.papers["paper_id"])}
    own = np.array([place[query] for query in test.query_ids], np.int32)
    shares = [
        bare.to_numpy()[
            rank_documents(
                encode(test.texts), library.vectors, min(10, len(bare) - 1), excluded=own
            )
        ].mean()
        for encode in systems.values()
    ]
    return pl.DataFrame({"system": list(systems), "without_abstract": shares})


def _manifest(
    workspace: Workspace,
    labelled: Labelled,
    curriculum: Curriculum,
    tower: "QueryTower",
    challenger: "Challenger",
    recipe: Recipe,
) -> Manifest:
    labels = labelled.labels.select("query_hash", "document_hash", "score")
    return Manifest(
        kind=recipe.adapter,
        encoder_id=workspace.encoder_id,
        base_sha256=workspace.encoder_sha256,
        hidden_size=tower.hidden_size,
        num_layers=tower.num_layers,
        instruction=challenger.instruction,
        initial_text=challenger.start.name,
        trained_on={
            "recipe": recipe.model_dump(mode="json"),
            "teacher": workspace.teacher.identity.teacher_id,
            "labels": digest_of(labels.sort(labels.columns)),
            "labelling": workspace.labelling.id,
            "queries": {s.name: len(s) for s in curriculum.sources},
            "documents": len(curriculum.rows),
            "chosen": challenger.result.chosen,
            "dev": dict(challenger.dev),
            "trained_on": workspace.today.isoformat(),
        },
    )
