"""A library whose titles tell only half of its abstracts, so that there is something to learn.

Belongs here: building it, labelled or not, and teachers that stand in for models. Not: tests.
Every word of a title has a partner, which stands in the abstract alone. Documents are title +
abstract; a query that is a title lacks the partners, and a linear map of the query can add them.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from shutil import copytree

import numpy as np
import polars as pl

from assets import corpus, labels, retriever
from assets.library import read_comparable
from assets.stages import Made
from pipeline.labels.candidate_rule import CandidateRule
from pipeline.labels.labelling_rule import LabellingRule
from pipeline.labels.splits import SplitRule
from pipeline.models.encoding import Vectors
from pipeline.models.reranker import PairGroup, Reranker, Scores, TeacherIdentity
from pipeline.settings import DataDir
from pipeline.tables import CITATIONS, Cell
from resources.workspace import Workspace
from tests.library import TODAY, Row, deliver, reopened, shared_encoder, tiny_workspace

CELLS: tuple[Cell, ...] = (("cvpr", 2022), ("acl", 2022))
RULE = LabellingRule(
    queries=300,
    share_dev=0.2,
    share_test=0.4,
    learn=CandidateRule(rank_max=200),
    splits=SplitRule(train=0.5, dev=0.15, test=0.35, cosine=0.97),
)
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]


def _word(rng: np.random.Generator) -> str:
    return "".join(rng.choice(SYLLABLES, 3))


def planted_rows(n: int, *, seed: int = 0) -> list[Row]:
    """`n` papers of a list."""
    rng = np.random.default_rng(0)  # the words are the same for all papers
    words = [_word(rng) for _ in range(40)]
    partners = [_word(rng) for _ in range(40)]
    rng, rows = np.random.default_rng(seed), []
    for number in range(n):
        picked = rng.choice(40, 5, replace=False)
        title = " ".join(words[i] for i in picked)
        abstract = " ".join(partners[i] for i in rng.permutation(np.tile(picked, 2)))
        row = {"id": f"{seed}-{number}", "title": title, "abstract": abstract, "gs_citation": 1}
        rows.append(row | {"author": f"Ada N{seed}x{number}", "status": "Poster", "track": "main"})
    return rows


def planted_workspace(folder: Path, rows: Sequence[Row], rule: LabellingRule = RULE) -> Workspace:
    """A library of `rows`, half in each cell, with vectors and citations, and without pairs."""
    workspace = tiny_workspace(folder)
    workspace.labelling = rule
    plant(workspace, rows)
    return workspace


def plant(workspace: Workspace, rows: Sequence[Row]) -> None:
    """Bring `rows` into a workspace, half in each cell, with vectors and citations."""
    half = len(rows) // 2
    for cell, part in zip(CELLS, (rows[:half], rows[half:]), strict=True):
        deliver(workspace, cell, list(part))
    refresh(workspace)
    cite(workspace)


def refresh(workspace: Workspace) -> None:
    """Papers and vectors as after a refresh; what labels do not need is left out."""
    unused = ("citations", "venue_coverage", "paper_index", "topic_pools")
    for stage in (*corpus.STAGES, *retriever.STAGES):
        if stage.output not in unused:
            list(stage.run(workspace, stage.stale(workspace)))


def cite(workspace: Workspace) -> None:
    """Every third paper cites the six documents nearest to some other paper."""
    documents = read_comparable(workspace)
    papers, rng = documents.papers, np.random.default_rng(0)
    edges = []
    for citing in range(0, papers.height, 3):
        about = documents.vectors @ documents.vectors[rng.integers(papers.height)]
        edges += [(citing, int(cited)) for cited in np.argsort(-about)[:6] if cited != citing]
    citing, cited = papers[[e[0] for e in edges]], papers[[e[1] for e in edges]]
    table = citing.select("venue", "year", citing_paper_id="paper_id").with_columns(
        cited["paper_id"].alias("cited_paper_id"),
        ("x:" + cited["paper_id"]).alias("cited_key"),
        source=pl.lit("x"),
        intents=pl.lit(None, pl.List(pl.String)),
        is_influential=pl.lit(None, pl.Boolean),
        is_self_loop=pl.lit(value=False),
        is_forward=pl.lit(value=False),
        first_seen=pl.lit(TODAY),
        last_seen=pl.lit(TODAY),
        in_force=pl.lit(value=True),
    )
    for cell in CELLS:
        mine = table.filter(venue=cell[0], year=cell[1]).select(*CITATIONS.columns)
        workspace.lake.write("citations", cell, mine.cast(dict(CITATIONS.schema)))


def copied(workspace: Workspace, folder: Path) -> Workspace:
    """The same library in a folder of its own, with nothing judged yet."""
    copytree(workspace.data.root, folder / "data", symlinks=True)
    other = reopened(DataDir(folder / "data"))
    other.labelling = workspace.labelling
    return other


def label(workspace: Workspace, teacher: Reranker, cells: Sequence[Cell] = CELLS) -> list[Made]:
    """Pairs and labels of `cells`; returns what the labelling made."""
    workspace.teacher = teacher
    pairs, scores = labels.STAGES
    list(pairs.run(workspace, list(cells)))
    return list(scores.run(workspace, list(cells)))


class DocumentTeacher:
    """Scores by what the student knows of title + abstract on both sides; counts what it scored."""

    def __init__(self, name: str = "documents") -> None:
        self.identity = TeacherIdentity(name, "00000000", "", "float32")
        self.scored: Counter[tuple[str, str]] = Counter()
        self._vectors: dict[str, Vectors] = {}

    def score_groups(self, groups: Iterable[PairGroup]) -> Iterator[Scores]:
        for group in groups:
            self.scored.update((group.query, d) for d in group.documents)
            yield self._scores(group)

    def _scores(self, group: PairGroup) -> Scores:
        new = [t for t in (group.query, *group.documents) if t not in self._vectors]
        if new:
            encoded = shared_encoder().encode_documents(new)
            self._vectors |= dict(zip(new, encoded, strict=True))
        return np.array([self._vectors[group.query] @ self._vectors[d] for d in group.documents])


class NoisyTeacher(DocumentTeacher):
    """Scores drawn by lot, the same ones each time."""

    def __init__(self, name: str = "noise") -> None:
        super().__init__(name)

    def _scores(self, group: PairGroup) -> Scores:
        drawn = (hashlib.sha256(f"{group.query}|{d}".encode()).digest() for d in group.documents)
        return np.array([d[0] * 256 + d[1] for d in drawn], np.float32) / 65536
