"""The asset over a simulated library that two sources tell edges of, and its reader."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from assets.citation_profiles import CITATION_PROFILES
from assets.wholes import TrainConfig
from pipeline.query import Library
from pipeline.simulation.literature import simulate_literature
from pipeline.simulation.sources import write_sources
from pipeline.tables import TABLES
from pipeline.venues import VenueRegistry
from resources.workspace import Workspace
from tests.library import deliver, papers, run_stages, tiny_workspace

DAY = date(2026, 2, 1)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """60 papers of 2019 to 2021, their references from OpenAlex and Semantic Scholar."""
    patch = pytest.MonkeyPatch()
    patch.setenv("CSIMPACT_ENCODER", "tiny")
    folder = tmp_path_factory.mktemp("profiles")
    literature = simulate_literature(
        n_papers=60, seed=4, venues=["acl", "cvpr"], years=range(2019, 2022)
    )
    write_sources(literature, folder / "files", day=DAY, seed=4)
    workspace = tiny_workspace(folder)
    for source in ("lists", "openalex", "semantic_scholar"):
        if (folder / "files" / source).exists():
            assert not workspace.import_files([folder / "files" / source]).refused
    run_stages(workspace, without=("paper_index",))
    yield workspace
    patch.undo()


def made(workspace: Workspace) -> tuple[bool, Mapping[str, object]]:
    result = CITATION_PROFILES.function(workspace, TrainConfig())
    return result.made, result.facts


def test_every_paper_has_a_row_and_edges_of_two_sources_count_once(workspace: Workspace) -> None:
    """The chain from files to rows: ids of sources that do not meet would leave only nulls."""
    CITATION_PROFILES.function(workspace, TrainConfig())
    rows = workspace.lake.read("citation_profiles")
    assert set(rows["paper_id"]) == set(workspace.lake.read_all("papers")["paper_id"])
    edges = workspace.lake.read_all("citations").filter("in_force", ~pl.col("is_self_loop"))
    assert edges["source"].n_unique() == 2
    inside = edges.drop_nulls("cited_paper_id")
    distinct = inside.select("citing_paper_id", "cited_paper_id").unique().height
    assert distinct < inside.height  # some are told twice
    assert rows["n_citing"].sum() == distinct
    assert rows["arq"].count() > 0
    assert rows["n_with_intent"].sum() > 0


def test_nothing_is_made_again_where_nothing_moved(workspace: Workspace) -> None:
    """A nightly asset that reads the whole library for nothing costs as much as one with news."""
    made(workspace)
    before = workspace.lake.path("citation_profiles").stat().st_mtime_ns
    assert not made(workspace)[0]
    assert workspace.lake.path("citation_profiles").stat().st_mtime_ns == before


def test_a_venue_of_another_domain_makes_them_anew(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry is no table: nothing else would notice that its domains moved."""
    made(workspace)
    one = VenueRegistry(tuple(v.model_copy(update={"domain": "ai"}) for v in workspace.venues))
    monkeypatch.setitem(workspace.__dict__, "venues", one)
    assert made(workspace)[0]
    assert workspace.lake.read("citation_profiles")["outside_domain_share"].max() == 0


def test_a_person_reads_one_row(workspace: Workspace) -> None:
    """By id or title, as every other question about a paper."""
    CITATION_PROFILES.function(workspace, TrainConfig())
    row = workspace.lake.read("citation_profiles").sort("n_citing", descending=True).head(1)
    library = Library(workspace.data)
    assert library.profile(row["paper_id"][0]).equals(row)


def test_a_library_of_lists_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No edges is what most libraries have: honest nulls, and no row before the asset ran."""
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    workspace = tiny_workspace(tmp_path)
    deliver(workspace, ("cvpr", 2016), papers(range(6)), "2024-01-01")
    run_stages(workspace, without=("paper_index",))
    paper_id = workspace.lake.read_all("papers")["paper_id"][0]
    assert Library(workspace.data).profile(paper_id).height == 0
    was_made, facts = made(workspace)
    assert was_made
    assert facts["with_n_citing"] == 0
    assert workspace.lake.read("citation_profiles")["n_observations"].to_list() == [1] * 6
    assert Library(workspace.data).profile(paper_id).height == 1


def test_the_asset_names_what_it_reads() -> None:
    """A parent left out would keep the graph of the UI from showing why profiles are old."""
    assets = {TABLES[t].asset for t in ("papers", "citations", "tncsi_sp", "citation_snapshots")}
    assert set(CITATION_PROFILES.upstream) == assets
