"""From what the library holds to a verdict, and to figures of retrieval: the glue of both.

Belongs here: reading what a recipe needs, and keeping what it gave. Not: the decisions
(pipeline/training/campaign.py), the figures (pipeline/retrieval/evaluation.py), or Dagster
(assets/wholes.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.library import Documents, read_comparable
from pipeline.errors import LabelError
from pipeline.labels.benchmark_check import judged_by_people
from pipeline.labels.exclusion import BenchmarkTexts, Exclusion, benchmark_papers
from pipeline.labels.judged import judged_query_set
from pipeline.labels.labelling import split_library
from pipeline.labels.quality import TeacherVerdict, co_citation_proxy, judge_teacher
from pipeline.labels.scoring import with_texts
from pipeline.labels.splits import SPLITS, Splits
from pipeline.models.bi_encoder import BiEncoder
from pipeline.models.encoding import Vectors
from pipeline.models.prompt_file import Manifest
from pipeline.retrieval.benchmarks.benchmark import Benchmark
from pipeline.retrieval.benchmarks.classification import (
    Classification,
    classify,
    read_classifications,
)
from pipeline.retrieval.benchmarks.reading import holds_classifications, read_benchmarks
from pipeline.retrieval.evaluation import QueryEncoder, SecondStage, evaluate
from pipeline.retrieval.query_set import QuerySet
from pipeline.tables import RETRIEVAL_QUALITY
from pipeline.training.curriculum import Curriculum, Library, build_curriculum
from pipeline.training.looks import next_look
from pipeline.training.naming import plain_name
from pipeline.training.recipe import Recipe
from resources.model_hub import load_bi_encoder
from resources.prompt_registry import Decision
from resources.workspace import Workspace

if TYPE_CHECKING:
    from pipeline.models.query_tower import QueryTower
    from pipeline.training.campaign import Challenger

TEACHER = "teacher"  # the benchmark whose judge is the teacher


@dataclass(frozen=True)
class Labelled:
    """The library as training and evaluation see it.

    labels: today's pairs with the teacher's scores, `split` and `domain` of the query included.
    excluded: papers that a benchmark knows.
    """

    documents: Documents
    splits: Splits
    labels: pl.DataFrame
    benchmarks: Sequence[Benchmark]
    excluded: Exclusion

    def queries(self, split: str) -> QuerySet:
        """The labelled queries of a split, judged by the teacher, against the whole library."""
        of_split = self.labels.filter(pl.col("split") == split)
        return judged_query_set(f"{TEACHER} {split}", of_split, self.documents.papers)

    def seen_with(self, rows: NDArray[np.int32]) -> list[str]:
        """Ids of these papers and of every near-duplicate of theirs."""
        seen = np.isin(self.splits.cluster, self.splits.cluster[rows])
        return self.documents.papers["paper_id"].filter(pl.Series(seen)).to_list()


def read_labelled(workspace: Workspace) -> Labelled:
    """Everything that is labelled today by the profile's teacher.

    Raises:
        NotFoundError: no paper has a vector.
        LabelError: nothing is labelled.
    """
    documents = read_comparable(workspace)
    workspace.report(f"splitting {documents.papers.height:,} papers, near-duplicates together")
    splits = split_library(documents.papers, documents.vectors, workspace.labelling)
    labels = _unmoved(todays_labels(workspace, documents), documents, splits)
    if not labels["score"].count():
        raise LabelError(
            f"expected labels of {workspace.teacher.identity.teacher_id}, found none: run "
            "`csimpact train`, or materialise pair_labels"
        )
    benchmarks = read_all_benchmarks(workspace)
    known = {b.name: BenchmarkTexts([*b.titles, *b.queries.texts]) for b in benchmarks}
    excluded = benchmark_papers(
        documents.papers["title"].to_list(),
        documents.vectors,
        splits.cluster,
        known,
        cosine=workspace.labelling.splits.cosine,
    )
    return Labelled(documents, splits, labels, benchmarks, excluded)


def read_all_benchmarks(workspace: Workspace) -> list[Benchmark]:
    """The retrieval benchmarks in the data folder, by name."""
    places = [place for place in _benchmark_places(workspace) if not holds_classifications(place)]
    return [one for place in places for one in read_benchmarks(place)]


def read_all_classifications(workspace: Workspace) -> list[Classification]:
    """The classification tasks in the data folder, by name."""
    places = [place for place in _benchmark_places(workspace) if holds_classifications(place)]
    return [one for place in places for one in read_classifications(place)]


def _benchmark_places(workspace: Workspace) -> list[Path]:
    root = workspace.data.benchmarks
    found = sorted(root.iterdir()) if root.is_dir() else []
    return [place for place in found if not place.name.startswith(".")]


def todays_labels(workspace: Workspace, documents: Documents) -> pl.DataFrame:
    """Pairs of today with their scores; a pair whose texts changed has none until labelled anew."""
    lake, text_input = workspace.lake, workspace.profile.text_input
    held = lake.read_all("pair_labels")
    teacher = pl.col("teacher_id") == workspace.teacher.identity.teacher_id
    held = held.filter(teacher & (pl.col("text_input") == text_input))
    papers = documents.papers
    pairs = lake.read_all("title_pairs").join(
        papers.select(document_id="paper_id"), on="document_id", how="semi"
    )
    pairs = pairs.join(
        papers.select(query_id="paper_id", domain="domain"), on="query_id", maintain_order="left"
    )
    hashed, _ = with_texts(pairs, papers, text_input=text_input)
    scores = held.select("query_hash", "document_hash", "teacher_id", "text_input", "score")
    return hashed.join(scores, on=["query_hash", "document_hash"], maintain_order="left")


def _unmoved(labels: pl.DataFrame, documents: Documents, splits: Splits) -> pl.DataFrame:
    """Labels of queries that stand in the split they were mined for.

    A new paper that ties two works moves one of them: its candidates are of the other kind until
    pairs are mined anew, and a test query that training may learn from now would refuse everything.
    """
    names = pl.Series([SPLITS[i] for i in splits.split.tolist()], dtype=pl.String)
    today = documents.papers.select(query_id="paper_id").with_columns(split=names)
    return labels.join(today, on=["query_id", "split"], how="semi")


def check_teacher(workspace: Workspace, labelled: Labelled, recipe: Recipe) -> TeacherVerdict:
    """Whether the teacher beats the student where somebody else judged: co-citations, benchmarks.

    Test queries take no part.
    """
    seed = recipe.training.seeds[0]
    known = labelled.labels.filter(pl.col("split") != "test")
    judged = [co_citation_proxy(known.rename({"score": "teacher_score"}))]
    for one in labelled.benchmarks:
        workspace.report(f"checking the teacher on {one.name}")
        encode = workspace.encoder
        judged.append(
            judged_by_people(
                one,
                workspace.teacher,
                encode.encode_queries(one.queries.texts),
                encode.encode_documents(one.document_texts()),
                seed=seed,
            )
        )
    numbers = pl.col("relevance", "teacher_score", "student_score").cast(pl.Float64)
    evidence = pl.concat([frame.with_columns(numbers) for frame in judged])
    return judge_teacher(evidence, rule=recipe.quality, seed=seed)


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
    tables = {name: frame.to_dicts() for name, frame in evidence.items()}
    return registry.decide(prompt_id, encoder_id, verdict, tables)


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
            "labels": f"{labels.hash_rows(seed=0).sum():016x}",
            "labelling": workspace.labelling.id,
            "queries": {s.name: len(s) for s in curriculum.sources},
            "documents": len(curriculum.rows),
            "chosen": challenger.result.chosen,
            "dev": dict(challenger.dev),
            "trained_on": workspace.today.isoformat(),
        },
    )


def measure_quality(
    workspace: Workspace,
    *,
    encoders: Sequence[str] = (),
    benchmarks: Sequence[Benchmark] | None = None,
    rerank: int = 0,
) -> pl.DataFrame:
    """Rows of `retrieval_quality`: plain queries, the instructions, the champion, two stages.

    Args:
        encoders: other encoders, by name, each with its own documents.
        benchmarks: None: those in the data folder, and the teacher's test queries.
        rerank: how many of the first documents the teacher reorders; 0: no second stage.
    """
    rows = [RETRIEVAL_QUALITY.empty()]
    if benchmarks is None and workspace.lake.cells("pair_labels"):
        labelled = read_labelled(workspace)
        queries, papers = labelled.queries("test"), labelled.documents
        rows.append(_evaluated(workspace, queries, papers.vectors, papers.texts(), rerank=rerank))
    for one in read_all_benchmarks(workspace) if benchmarks is None else benchmarks:
        texts = one.document_texts()
        vectors = workspace.encoder.encode_documents(texts)
        rows.append(_evaluated(workspace, one.queries, vectors, texts, rerank=rerank))
        for name in encoders:
            rows.append(_other_encoder(workspace, name, one, texts))
    return pl.concat(rows)


def measure_classifications(
    workspace: Workspace, tasks: Sequence[Classification], *, encoders: Sequence[str] = ()
) -> pl.DataFrame:
    """Rows of `retrieval_quality`: classes told from documents' vectors, which no prompt moves.

    `encoders`: others to compare with the profile's, by name.
    """
    known = {workspace.profile.encoder: workspace.encoder}
    known |= {name: load_bi_encoder(name, workspace.data.models) for name in encoders}
    rows = [RETRIEVAL_QUALITY.empty()]
    for task in tasks:
        workspace.report(f"classifying {task.name}: {len(task.test_texts):,} texts")
        encode = {name: encoder.encode_documents for name, encoder in known.items()}
        rows.append(classify(task, encode, measured_on=workspace.today, seed=0))
    return pl.concat(rows)


def _evaluated(
    workspace: Workspace,
    queries: QuerySet,
    documents: Vectors,
    texts: Sequence[str],
    *,
    rerank: int,
) -> pl.DataFrame:
    workspace.report(f"evaluating {queries.name}: {len(queries.texts):,} queries")
    systems: dict[str, QueryEncoder] = {
        plain_name(i): partial(_encode_words, workspace.encoder, i)
        for i in workspace.profile.instructions
    }
    if champion := workspace.prompts.champion(workspace.encoder_id):
        systems[f"prompt {champion}"] = workspace.prompted(champion).encode_queries
    stage = None
    if rerank:
        stage = SecondStage(workspace.teacher, list(systems)[-1 if champion else 0], texts, rerank)
    return evaluate(
        queries, systems, documents, second_stage=stage, measured_on=workspace.today, seed=0
    )


def _encode_words(encoder: BiEncoder, instruction: str, texts: Sequence[str]) -> Vectors:
    return encoder.encode_queries(texts, instruction)


def _other_encoder(
    workspace: Workspace, name: str, benchmark: Benchmark, texts: Sequence[str]
) -> pl.DataFrame:
    encoder = load_bi_encoder(name, workspace.data.models)
    return evaluate(
        benchmark.queries,
        {name: encoder.encode_queries},
        encoder.encode_documents(texts),
        measured_on=workspace.today,
        seed=0,
    )
