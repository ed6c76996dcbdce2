"""The table of variants: made of the whole library, only when it moved, and read by name."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from assets.variants import TNCSI_VARIANTS
from assets.wholes import TrainConfig
from pipeline.errors import InputError, NotFoundError
from pipeline.impact.variants import variants_of
from pipeline.query.library import Library
from pipeline.tables import TABLES, violations
from resources.workspace import Workspace
from tests.library import RULE, deliver, paper, papers, run_stages, tiny_workspace

CVPR, ICML = ("cvpr", 2016), ("icml", 2017)
NAMES = list(variants_of(RULE))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two venue-years a year apart, one paper without a count."""
    workspace = tiny_workspace(tmp_path)
    deliver(workspace, CVPR, [*papers(range(8)), paper(8)], "2024-01-01")
    deliver(workspace, ICML, papers(range(100, 106)), "2024-01-01")
    run_stages(workspace)
    return workspace


def test_it_is_made_again_only_where_its_inputs_moved(workspace: Workspace) -> None:
    """A product of all papers with all on a night without news, or scores of old counts."""
    first = TNCSI_VARIANTS.function(workspace, TrainConfig())
    assert first.made
    rows = workspace.lake.read("tncsi_variants")
    assert violations(TABLES["tncsi_variants"], rows) == []
    assert rows.height == 15 * len(NAMES)
    assert rows["variant"].unique(maintain_order=True).to_list() == NAMES
    again = TNCSI_VARIANTS.function(workspace, TrainConfig())
    assert (again.made, again.version) == (False, first.version)
    deliver(workspace, CVPR, [*papers(range(8)), paper(8, cites=50)], "2024-02-01")
    run_stages(workspace)
    moved = TNCSI_VARIANTS.function(workspace, TrainConfig())
    assert moved.made
    assert moved.version != first.version


def test_without_a_window_pools_reach_into_other_years(workspace: Workspace) -> None:
    """Vectors of one paper with the counts of another, or windows that stay."""
    TNCSI_VARIANTS.function(workspace, TrainConfig())
    rows = workspace.lake.read("tncsi_variants")
    sizes = rows.group_by("variant", "venue").agg(pl.col("pool_k").max())
    sizes = {(v, c): k for v, c, k in sizes.iter_rows()}
    assert sizes["tncsi", "cvpr"] == 7  # half of the 14 others
    assert sizes["winsorised", "cvpr"] == 4  # half of the 8 others of its year
    assert sizes["published", "icml"] == 6  # all of its year, itself among them


def test_a_library_without_papers(tmp_path: Path) -> None:
    """A first `validate` before the first import."""
    workspace = tiny_workspace(tmp_path)
    assert TNCSI_VARIANTS.function(workspace, TrainConfig()).made
    assert workspace.lake.read("tncsi_variants").height == 0


def test_the_door_of_python(workspace: Workspace) -> None:
    """Scores of another rule than was asked for, or none without a word on how to get them."""
    library = Library(workspace.data)
    object.__setattr__(library, "_workspace", workspace)
    with pytest.raises(NotFoundError, match="csimpact validate"):
        library.scores(compat="published")
    TNCSI_VARIANTS.function(workspace, TrainConfig())
    published = library.scores(compat="published")
    assert published["variant"].unique().to_list() == ["published"]
    assert published.height == 15
    assert library.scores("icml", compat="tncsi").height == 6
    with pytest.raises(InputError, match="expected one of published"):
        library.scores(compat="publisht")
    with pytest.raises(InputError, match="received both"):
        library.scores(compat="published", as_of=dt.date(2024, 1, 1))


def test_what_dagster_shows(workspace: Workspace) -> None:
    """A table of metadata that leaves a rule out."""
    result = TNCSI_VARIANTS.function(workspace, TrainConfig())
    assert TNCSI_VARIANTS.asset == "tncsi_variants"
    assert result.tables["scores by rule"]["variant"].to_list() == NAMES
