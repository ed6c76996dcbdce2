"""The stages that label: every pair is scored once, whatever happens in between."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from assets import labels
from assets.labelled import read_labelled
from assets.materialise import RefreshConfig, scope_cells
from pipeline.errors import LabelError
from pipeline.labels import scoring
from pipeline.models.late_interaction import LateInteraction
from pipeline.models.reranker import PairGroup, Scores
from pipeline.tables import PAIR_LABELS, TITLE_PAIRS, Cell, violations
from pipeline.train import train
from resources.model_hub import load_reranker
from resources.workspace import Workspace
from tests.library import deliver
from tests.planted import (
    CELLS,
    RULE,
    DocumentTeacher,
    copied,
    label,
    planted_rows,
    planted_workspace,
    refresh,
)

PAIRS, LABELS = labels.STAGES
FEW = RULE.model_copy(update={"queries": 24})


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """60 papers with vectors and citations, and no pairs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        return planted_workspace(tmp_path_factory.mktemp("few"), planted_rows(60), FEW)


@pytest.fixture
def workspace(library: Workspace, tmp_path: Path) -> Workspace:
    workspace = copied(library, tmp_path)
    workspace.teacher = DocumentTeacher()
    return workspace


def scored(workspace: Workspace) -> dict[tuple[str, str], int]:
    """(query text, document text) -> how often the workspace's teacher was asked."""
    teacher = workspace.teacher
    assert isinstance(teacher, DocumentTeacher)
    return dict(teacher.scored)


def test_every_pair_of_every_cell_gets_its_score(workspace: Workspace) -> None:
    """Labels written to another cell, or of a pair that nobody mined."""
    made = label(workspace, workspace.teacher)
    pairs, rows = (workspace.lake.read_all(name) for name in ("title_pairs", "pair_labels"))
    assert violations(TITLE_PAIRS, pairs) == []
    assert violations(PAIR_LABELS, rows) == []
    assert rows.height == pairs.height == sum(scored(workspace).values())
    assert {m.cell: m.facts["pairs_scored"] for m in made} == {
        cell: pairs.filter(venue=cell[0], year=cell[1]).height for cell in CELLS
    }
    assert rows.join(pairs, on=["query_id", "document_id"], how="anti").is_empty()
    assert PAIRS.stale(workspace) == LABELS.stale(workspace) == []


def test_a_second_run_scores_nothing(workspace: Workspace) -> None:
    """A training a night that pays for all labels again."""
    label(workspace, workspace.teacher)
    before = workspace.lake.read_all("pair_labels")
    teacher = DocumentTeacher()
    made = label(workspace, teacher)
    assert not teacher.scored
    assert [m.facts["pairs_scored"] for m in made] == [0, 0]
    assert not any(m.changed for m in made)
    assert workspace.lake.read_all("pair_labels").equals(before)


def test_cells_one_by_one_are_cells_at_once(workspace: Workspace, tmp_path: Path) -> None:
    """Pairs that depend on which cells were asked for; equal texts of two cells scored twice."""
    for cell in CELLS:
        label(workspace, workspace.teacher, [cell])
    assert set(scored(workspace).values()) == {1}
    other = copied(workspace, tmp_path / "other")
    for name in ("title_pairs", "pair_labels"):
        for cell in CELLS:
            other.lake.path(name, cell).unlink()
    label(other, DocumentTeacher())
    for name in ("title_pairs", "pair_labels"):
        assert other.lake.read_all(name).equals(workspace.lake.read_all(name)), name


def test_a_changed_title_scores_only_its_pairs(workspace: Workspace) -> None:
    """One corrected title that sends a venue, or the whole library, to the teacher again."""
    label(workspace, workspace.teacher)
    rows = planted_rows(60)
    half = len(rows) // 2
    queries = set(workspace.lake.read_all("title_pairs")["query_id"])
    papers = workspace.lake.read("papers", CELLS[0])
    changed = next(r for r in rows[:half] if _id(papers, r["title"]) in queries)
    old = changed["title"]
    new = changed | {"title": f"{old} revisited"}
    corrected = [new if row["title"] == old else row for row in rows[:half]]
    deliver(workspace, CELLS[0], corrected, "2026-02-01")
    refresh(workspace)
    before = scored(workspace)
    teacher = DocumentTeacher()
    label(workspace, teacher)
    assert not teacher.scored.keys() & before.keys()
    its = [pair for pair in teacher.scored if any("revisited" in text for text in pair)]
    assert any("revisited" in query for query, _ in its)
    # The others are candidates that moved up into a place that it left.
    assert len(teacher.scored) - len(its) < 0.1 * len(before)
    labelled = read_labelled(workspace).labels
    assert labelled["score"].null_count() == 0


def _id(papers: pl.DataFrame, title: str) -> str:
    return str(papers.filter(title=title)["paper_id"].item())


def test_an_empty_venue_year_has_empty_tables(workspace: Workspace) -> None:
    """A venue-year without papers that stops the labelling of all others."""
    empty: Cell = ("iclr", 2020)
    deliver(workspace, empty, [planted_rows(1)[0] | {"title": ""}])
    refresh(workspace)
    label(workspace, workspace.teacher, [*CELLS, empty])
    for name in ("title_pairs", "pair_labels"):
        assert workspace.lake.path(name, empty).exists()
        assert workspace.lake.read(name, empty).is_empty()
    assert workspace.lake.read_all("pair_labels").height


def test_a_query_without_candidates_has_no_pairs(tmp_path: Path) -> None:
    """A library of one paper: nothing to pair it with, and nothing to say of it."""
    row = planted_rows(1)
    workspace = planted_workspace(tmp_path, [*row, row[0] | {"title": "", "id": "x"}], FEW)
    made = label(workspace, DocumentTeacher(), [CELLS[0]])
    assert made[0].rows == {"pair_labels": 0}
    with pytest.raises(LabelError, match="expected labels of documents/00000000/float32"):
        read_labelled(workspace)


def test_no_number_is_quarantined_and_not_asked_again(workspace: Workspace) -> None:
    """A NaN logit must neither end the night, nor be a label, nor be asked for every night."""

    class Failing(DocumentTeacher):
        def _scores(self, group: PairGroup) -> Scores:
            scores = super()._scores(group)
            scores[:2] = np.nan, np.inf
            return scores

    made = label(workspace, Failing())
    rows = workspace.lake.read_all("pair_labels")
    queries = rows["query_id"].n_unique()
    assert rows["score"].null_count() == 2 * queries
    assert sum(int(m.facts["pairs_quarantined"]) for m in made) == 2 * queries
    again = Failing()
    label(workspace, again)
    assert not again.scored
    train = read_labelled(workspace).queries("train")
    assert train.teacher_scores is not None
    assert (np.isfinite(train.teacher_scores) == (train.teacher_documents >= 0)).all()


def test_out_of_memory_halves_and_goes_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One batch too large for the device, and a night of labelling is lost."""
    teacher = load_reranker("late-interaction/tiny", workspace.data.models)
    assert isinstance(teacher, LateInteraction)
    label(workspace, teacher)
    expected = workspace.lake.read_all("pair_labels")
    for cell in CELLS:
        workspace.lake.path("pair_labels", cell).unlink()
    small = load_reranker("late-interaction/tiny", workspace.data.models)
    assert isinstance(small, LateInteraction)
    whole, refused = small._token_states, []

    def token_states(batch: Sequence[Any]) -> list[torch.Tensor]:
        if len(batch) > 4:
            refused.append(len(batch))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(batch)

    monkeypatch.setattr(small, "_token_states", token_states)
    label(workspace, small)
    assert refused
    rows = workspace.lake.read_all("pair_labels")
    assert_frame_equal(rows, expected, abs_tol=1e-2)  # bf16 products differ by their shapes


def test_a_kill_between_two_cells_of_a_chunk_loses_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chunk that is written for one venue and not yet for the next."""
    monkeypatch.setattr(labels, "score_pairs", partial(scoring.score_pairs, chunk_pairs=100))
    append, calls = labels.append_rows, []

    def killed(*args: object) -> None:
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        append(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(labels, "append_rows", killed)
    with pytest.raises(KeyboardInterrupt):
        label(workspace, workspace.teacher)
    held = workspace.lake.read_all("pair_labels")
    assert 0 < held.height < workspace.lake.read_all("title_pairs").height
    assert LABELS.stale(workspace)
    monkeypatch.setattr(labels, "append_rows", append)
    again = DocumentTeacher()
    label(workspace, again)
    pairs, rows = (workspace.lake.read_all(name) for name in ("title_pairs", "pair_labels"))
    assert rows.height == pairs.height
    assert sum(again.scored.values()) == pairs.height - held.height


def test_another_number_format_is_labelled_though_nothing_is_stale(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library moved to another machine: no label is this teacher's, and no plan would see it."""
    label(workspace, DocumentTeacher())
    workspace.teacher = DocumentTeacher("documents in bfloat16")
    assert LABELS.stale(workspace) == []
    configs: list[dict[str, Any]] = []

    def job(_: Workspace, __: str, config: dict[str, Any]) -> None:
        configs.append(config)
        raise InterruptedError  # before a training that is not asked for here

    monkeypatch.setattr("pipeline.train.run_job", job)
    with pytest.raises(InterruptedError):
        train(workspace)
    asked = RefreshConfig(**configs[0]["refresh_pair_labels"])
    cells = [*LABELS.stale(workspace), *(scope_cells(asked) if asked.force else [])]
    list(LABELS.run(workspace, cells))
    assert read_labelled(workspace).labels["score"].null_count() == 0
