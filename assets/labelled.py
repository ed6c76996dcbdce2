"""The library as training and evaluation see it: today's labels, splits, benchmarks.

Belongs here: reading them together. Not: learning from them (training.py), measuring by them
(evaluation.py), making labels (labels.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.library import Documents, read_comparable
from pipeline.errors import LabelError
from pipeline.labels.exclusion import BenchmarkTexts, Exclusion, benchmark_papers
from pipeline.labels.judged import judged_query_set
from pipeline.labels.labelling import split_library
from pipeline.labels.scoring import with_texts
from pipeline.labels.splits import SPLITS, Splits
from pipeline.retrieval.benchmarks.benchmark import Benchmark
from pipeline.retrieval.benchmarks.classification import (
    Classification,
    read_classifications,
)
from pipeline.retrieval.benchmarks.reading import holds_classifications, read_benchmarks
from pipeline.retrieval.query_set import QuerySet
from resources.workspace import Workspace

if TYPE_CHECKING:
    pass

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
