"""Search with a trained prompt, and with a second stage."""

import numpy as np
import polars as pl
import pytest

from pipeline.corpus.text import document_text
from pipeline.errors import InputError, ModelError
from pipeline.models.prompt_file import TENSORS
from pipeline.models.reranker import PairGroup
from pipeline.query import Library
from pipeline.query.records import PAPER_COLUMNS
from pipeline.query.reranking import MAX_RERANK
from pipeline.settings import DataDir
from resources.workspace import open_workspace
from tests.prompts import serve_prompt

TITLE = "Graph Networks number 36"
ASKED = "robot grasping"


def test_a_prompt_moves_queries_and_nothing_else(own: DataDir) -> None:
    """A prompt that reaches documents or pools changes scores that nobody recomputes."""
    plain = Library(own)
    before = plain.search(ASKED, k=70), plain.similar(TITLE, k=69), plain.pool(TITLE)
    totals = plain.status()[0]
    files = {p: p.read_bytes() for p in own.lake.rglob("*.parquet")}
    prompt_id = serve_prompt(open_workspace(own))
    prompted = Library(own)
    after = prompted.search(ASKED, k=70)
    assert (plain.prompt, prompted.prompt) == (prompt_id, prompt_id)
    assert set(after["paper_id"]) == set(before[0]["paper_id"])
    assert after["score"].to_list() != pytest.approx(before[0]["score"].to_list(), abs=1e-3)
    assert prompted.similar(TITLE, k=69).equals(before[1])
    assert prompted.pool(TITLE).equals(before[2])
    assert prompted.status()[0] == totals
    assert totals["stale"] == 0
    assert {p: p.read_bytes() for p in own.lake.rglob("*.parquet")} == files
    texts = ["A paper\nwith an abstract"]
    workspace = open_workspace(own)
    assert np.array_equal(
        workspace.query_encoder.encode_documents(texts), workspace.encoder.encode_documents(texts)
    )
    assert not np.allclose(
        workspace.query_encoder.encode_queries(texts), workspace.encoder.encode_queries(texts)
    )


def test_the_snapshot_keeps_its_prompt_and_a_rollback_its_old_answers(own: DataDir) -> None:
    """After a rollback queries must be what they were, to the last digit."""
    plain = Library(own).search(ASKED)
    registry = open_workspace(own).prompts
    serve_prompt(open_workspace(own))
    library = Library(own)
    prompted = library.search(ASKED)
    registry.rollback(open_workspace(own).encoder_id)
    assert library.search(ASKED).equals(prompted)
    assert Library(own).search(ASKED).equals(plain)


def test_a_damaged_prompt_is_named_and_not_passed_over(own: DataDir) -> None:
    """Plain queries in its place answer otherwise without a word; papers have no part in it."""
    workspace = open_workspace(own)
    prompt_id = serve_prompt(workspace)
    (own.prompts / prompt_id / TENSORS).write_bytes(b"damaged")
    with pytest.raises(ModelError, match=f"prompt {prompt_id} serves .* rollback") as caught:
        Library(own).search(ASKED)
    assert "\n" not in str(caught.value)
    assert Library(own).similar(TITLE, k=3).height == 3
    workspace.prompts.rollback(workspace.encoder_id)
    assert Library(own).search(ASKED).height == 10


def test_the_first_papers_in_the_rerankers_order(library_env: DataDir) -> None:
    """Scores beside other papers than theirs; papers beyond the first n; a lost cosine."""
    library = Library(library_env)
    near = library.search(ASKED, k=12)
    found = library.search(ASKED, k=5, rerank=12)
    assert found.columns == [*PAPER_COLUMNS, "score", "cosine"]
    assert found.height == 5
    assert found["score"].is_sorted(descending=True)
    cosine = dict(near.select("paper_id", "score").iter_rows())
    assert found["cosine"].to_list() == [cosine[p] for p in found["paper_id"]]
    workspace = open_workspace(library_env)
    papers = workspace.lake.read_all("papers").filter(pl.col("paper_id").is_in(list(cosine)))
    texts = [document_text(t, a) for t, a in papers.select("title", "abstract").iter_rows()]
    (scores,) = workspace.teacher.score_groups([PairGroup(ASKED, texts)])
    expected = dict(zip(papers["paper_id"], scores, strict=True))
    assert found["score"].to_list() == pytest.approx(sorted(expected.values())[::-1][:5], abs=1e-5)
    assert found["score"].to_list() == pytest.approx(
        [expected[p] for p in found["paper_id"]], abs=1e-5
    )


def test_rerank_keeps_filters_and_order_of_ties(library_env: DataDir) -> None:
    """A filter of five papers has five to rerank, whatever was asked."""
    library = Library(library_env)
    found = library.search(ASKED, k=5, venue="CVPR", year=2023, rerank=50)
    assert (found.height, set(found["year"])) == (5, {2023})


@pytest.mark.parametrize("n", [-1, 4, MAX_RERANK + 1])
def test_a_depth_that_cannot_be_met_is_refused(library_env: DataDir, n: int) -> None:
    """Fewer than are shown would mix two scales in one column; too many take hours."""
    with pytest.raises(InputError, match=f"from 5 .* to {MAX_RERANK} papers to rerank"):
        Library(library_env).search(ASKED, k=5, rerank=n)


def test_a_paper_without_score_comes_last(
    library_env: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NaN sorts above every number, and is no JSON."""
    library = Library(library_env)
    teacher = library._workspace.teacher

    def score(groups: list[PairGroup]) -> list[np.ndarray]:
        return [np.array([np.nan, 1.0, 2.0, 1.0], np.float32) for _ in groups]

    monkeypatch.setattr(teacher, "score_groups", score)
    near = library.search(ASKED, k=4)["paper_id"].to_list()
    found = library.search(ASKED, k=4, rerank=4)
    assert found["score"].to_list() == [2.0, 1.0, 1.0, None]
    assert found["paper_id"].to_list() == [near[i] for i in (2, 1, 3, 0)]
