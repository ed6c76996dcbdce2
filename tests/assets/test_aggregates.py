"""Assets `topics` and `impact_aggregates`: made from a real chain, and again only when it moved."""

from dataclasses import replace
from pathlib import Path

import pytest

from assets.impact_aggregates import IMPACT_AGGREGATES
from assets.topics import TOPICS, forget_topics
from assets.wholes import TrainConfig
from resources.workspace import Workspace
from tests.library import deliver, paper, papers, reopened, run_stages, tiny_workspace

CVPR, ICML = ("cvpr", 2016), ("icml", 2016)
ASK = TrainConfig()
topics, impact_aggregates = TOPICS.function, IMPACT_AGGREGATES.function


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two venue-years: 36 papers with a count, one without, a workshop paper."""
    workspace = tiny_workspace(tmp_path)
    rows = [*papers(range(36)), paper(36), paper(37, cites=3, track="workshop")]
    deliver(workspace, CVPR, rows, "2024-01-01")
    deliver(workspace, ICML, papers(range(100, 104)), "2024-01-01")
    run_stages(workspace)
    return workspace


def test_every_paper_has_its_nearest_topic(workspace: Workspace) -> None:
    """A paper left out of the topics is left out of their aggregates."""
    made = topics(workspace, ASK)
    assert made.made
    assert made.facts["fitted"] == "there were none"
    found, of = workspace.lake.read("topics"), workspace.lake.read("paper_topics")
    assert (
        of["paper_id"].to_list() == workspace.lake.read_all("papers")["paper_id"].sort().to_list()
    )
    assert found["n_papers"].sum() == found["n_fitted"].sum() == of.height == 42
    assert found["fitted_on"].unique().to_list() == [workspace.today]
    assert made.tables["topics"].height == made.facts["dagster/row_count"] == found.height


def test_a_night_without_news_makes_nothing(workspace: Workspace) -> None:
    """A fit every night costs half a minute and renames topics."""
    for asset in (topics, impact_aggregates):
        made, again = asset(workspace, ASK), asset(reopened(workspace.data), ASK)
        assert (made.made, again.made) == (True, False)
        assert made.version == again.version


def test_clusters_stay_while_papers_are_assigned_anew(workspace: Workspace) -> None:
    """Topic 3 of yesterday must be topic 3 of today, with today's papers in it."""
    topics(workspace, ASK)
    before = workspace.lake.read("topics")
    deliver(workspace, ICML, papers(range(100, 106)), "2024-02-01")
    run_stages(workspace)
    made = topics(workspace, ASK)
    after = workspace.lake.read("topics")
    assert made.facts["fitted"] == "no: clusters stand"
    assert after.drop("n_papers").equals(before.drop("n_papers"))
    assert (before["n_papers"].sum(), after["n_papers"].sum()) == (42, 44)
    forget_topics(workspace)
    assert topics(workspace, ASK).facts["fitted"] == "there were none"
    assert workspace.lake.read("topics")["n_fitted"].sum() == 44


def test_a_grown_library_or_other_code_is_fitted_anew(workspace: Workspace) -> None:
    """Clusters of the first hundred papers would be those of the next million."""
    topics(workspace, ASK)
    deliver(workspace, ICML, papers(range(100, 112)), "2024-02-01")
    run_stages(workspace)
    assert topics(workspace, ASK).facts["fitted"] == "the library went from 42 to 50 papers"
    state = workspace.lake.state("topics", None)
    assert state is not None
    earlier = replace(state, inputs={**state.inputs, "code": "0"})
    workspace.lake.commit("topics", None, earlier)
    assert topics(workspace, ASK).facts["fitted"] == "there were none"
    workspace.lake.path("topics").write_bytes(b"no parquet")
    assert topics(reopened(workspace.data), ASK).facts["fitted"] == "there were none"


def test_aggregates_are_of_pools_and_of_their_groups(workspace: Workspace) -> None:
    """A workshop's papers pull down the conference whose folder they lie in."""
    topics(workspace, ASK)
    made = impact_aggregates(workspace, ASK)
    rows = workspace.lake.read("impact_aggregates")
    cvpr = rows.filter(kind="venue", name="cvpr", period="2016").row(0, named=True)
    assert (cvpr["status"], cvpr["n_papers"], cvpr["n_scored"]) == ("ok", 37, 36)
    assert cvpr["found_share"] == 1.0
    scores = workspace.lake.read("tncsi_sp", CVPR).join(
        workspace.lake.read("papers", CVPR).filter("in_pools"), on="paper_id", how="semi"
    )
    assert cvpr["mean_percentile"] == pytest.approx(scores["pool_percentile"].mean())
    assert cvpr["mean_percentile"] < 0.5  # the other venue is cited more
    groups = rows.filter(period="all")
    assert groups.filter(kind="domain")["name"].to_list() == ["ml", "vision"]
    assert groups.filter(kind="topic")["n_papers"].sum() == 41
    names = dict(workspace.lake.read("topics").select("topic_id", "name").iter_rows())
    labels = groups.filter(kind="topic").select("name", "label").rows()
    assert labels == [(str(i), names[i]) for i in sorted(names, key=str) if str(i) in dict(labels)]
    assert workspace.lake.read("rising_papers").height == 0
    assert made.tables["venue"]["label"].to_list() == [
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition"
    ]


def test_papers_rise_when_a_second_list_has_more_citations(workspace: Workspace) -> None:
    """The list of rising papers is empty for ever if the history is not what it reads."""
    impact_aggregates(workspace, ASK)
    rows = [paper(n, cites=n + (40 if n == 5 else 0)) for n in range(36)]
    deliver(workspace, CVPR, rows, "2024-04-01")
    run_stages(workspace)
    assert impact_aggregates(workspace, ASK).facts["rising_papers"] == 1
    risen = workspace.lake.read("rising_papers").row(0, named=True)
    assert (risen["cited_before"], risen["cited_after"]) == (5, 45)
    score = workspace.lake.read("tncsi_sp", CVPR).filter(paper_id=risen["paper_id"])
    assert risen["excess_after"] == score["excess_ratio"][0]
    assert (str(risen["since"]), str(risen["until"])) == ("2024-01-01", "2024-04-01")


def test_an_empty_library_has_empty_tables(tmp_path: Path) -> None:
    """The first night may come before the first paper."""
    workspace = tiny_workspace(tmp_path)
    for asset in (topics, impact_aggregates):
        assert asset(workspace, ASK).made
    lake = workspace.lake
    tables = ("topics", "paper_topics", "impact_aggregates", "rising_papers")
    assert {name: lake.read(name).height for name in tables} == dict.fromkeys(tables, 0)
