"""How well ways of encoding queries retrieve, on benchmarks and on the teacher's test queries.

Belongs here: which systems are compared on what. Not: the measures
(pipeline/retrieval/evaluation.py), or who may serve (training.py).
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from assets.labelled import read_all_benchmarks, read_labelled
from pipeline.models.bi_encoder import BiEncoder
from pipeline.models.encoding import Vectors
from pipeline.retrieval.benchmarks.benchmark import Benchmark
from pipeline.retrieval.benchmarks.classification import (
    Classification,
    classify,
)
from pipeline.retrieval.evaluation import QueryEncoder, SecondStage, evaluate
from pipeline.retrieval.query_set import QuerySet
from pipeline.tables import RETRIEVAL_QUALITY
from pipeline.training.naming import plain_name
from resources.model_hub import load_bi_encoder
from resources.workspace import Workspace

if TYPE_CHECKING:
    pass


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
        rerank: how many of the first documents of a benchmark the teacher reorders; 0: none.
    """
    rows = [RETRIEVAL_QUALITY.empty()]
    if benchmarks is None and workspace.lake.cells("pair_labels"):
        labelled = read_labelled(workspace)
        # No second stage: the teacher judges here, and would only agree with itself.
        rows.append(_evaluated(workspace, labelled.queries("test"), labelled.documents.vectors))
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
    texts: Sequence[str] = (),
    *,
    rerank: int = 0,
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
