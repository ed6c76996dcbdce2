"""The validation as an asset: every study has rows or a note, and stands until something moves."""

from pathlib import Path

import polars as pl
import pytest

from assets.impact_validation import IMPACT_VALIDATION as ASSET
from assets.wholes import TrainConfig
from pipeline.errors import InputError, NotFoundError
from pipeline.impact.validation.naid import FILE
from pipeline.query.validation import read_validation, validation_summary
from pipeline.tables import IMPACT_VALIDATION, violations
from resources.workspace import Workspace
from tests.library import deliver, paper, papers, reopened, run_stages, tiny_workspace

CVPR, ICML = ("cvpr", 2021), ("icml", 2021)
pytestmark = pytest.mark.usefixtures("small_simulations")
STUDIES = {"naid", "topic", "calibration", "coverage", "sensitivity", "robustness"}


def naid_file(n: int) -> str:
    rows = [
        f"http://arxiv.org/abs/21{i % 12 + 1:02d}.{i:05d}v1,Graph {i},{3 * i},0.5,"
        f"{i / (n + 1)},We study kernel {i % 7}"
        for i in range(n)
    ]
    return "\n".join(["id,title,cites,TNCSI,TNCSI_SP,abstract", *rows])


def library(folder: Path, *, counted: bool = True) -> Workspace:
    workspace = tiny_workspace(folder)
    deliver(workspace, CVPR, papers(range(40)) if counted else [paper(n) for n in range(40)])
    deliver(workspace, ICML, [paper(n, cites=n % 9 if counted else None) for n in range(100, 130)])
    run_stages(workspace, without=("paper_index",))
    return workspace


def table_of(workspace: Workspace) -> pl.DataFrame:
    first = ASSET.function(workspace, TrainConfig())
    assert first.made
    again = ASSET.function(workspace, TrainConfig())
    assert (again.made, again.version) == (False, first.version)
    table = workspace.lake.read("impact_validation")
    assert violations(IMPACT_VALIDATION, table) == []
    assert set(table["study"]) == STUDIES
    return table


def notes(table: pl.DataFrame, study: str) -> list[str]:
    return table.filter(pl.col("study") == study, pl.col("value").is_null())["note"].to_list()


def test_it_is_made_once_and_again_where_something_moved(tmp_path: Path) -> None:
    """Minutes of work on a night without news, or figures of scores that are gone."""
    workspace = library(tmp_path)
    table = table_of(workspace)
    assert notes(table, "naid") == [f"not there: {FILE} in benchmarks/"]
    assert notes(table, "sensitivity") == ["not there: no prompt serves this encoder"]
    assert notes(table, "robustness") == []
    workspace.data.benchmarks.mkdir()
    (workspace.data.benchmarks / FILE).write_text(naid_file(90))
    again = table_of(reopened(workspace.data))
    of_naid = pl.col("study") == "naid"
    assert again.filter(~of_naid).equals(table.filter(~of_naid))
    topic = again.filter(of_naid, measure="spearman", system="topic_pool", slice="all")
    assert topic["value"].to_list()[0] > 0.9


def test_equal_libraries_have_equal_tables(tmp_path: Path) -> None:
    """A table that changes by itself is news every night."""
    one, two = (table_of(library(tmp_path / name)) for name in "ab")
    assert one.equals(two)


@pytest.mark.parametrize("counted", [False, None])
def test_what_a_library_lacks_is_told(tmp_path: Path, counted: bool | None) -> None:
    """No papers, or no counts, are rows with a note and no traceback."""
    workspace = tiny_workspace(tmp_path) if counted is None else library(tmp_path, counted=False)
    workspace.data.benchmarks.mkdir()
    (workspace.data.benchmarks / FILE).write_text(naid_file(60))
    table = table_of(workspace)
    for study in ("topic", "sensitivity", "robustness"):
        assert all(note.startswith("not there") for note in notes(table, study))
        assert table.filter(study=study)["value"].null_count() == table.filter(study=study).height


def test_a_file_that_is_not_naids_is_refused(tmp_path: Path) -> None:
    """A wrong file would pass for one that is not there."""
    workspace = tiny_workspace(tmp_path)
    workspace.data.benchmarks.mkdir()
    (workspace.data.benchmarks / FILE).write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="none named id"):
        ASSET.function(workspace, TrainConfig())


def test_a_person_reads_a_summary(tmp_path: Path) -> None:
    """Hundreds of bars of histograms hide the figures."""
    workspace = tiny_workspace(tmp_path)
    with pytest.raises(NotFoundError, match="csimpact validate"):
        read_validation(workspace.lake)
    table_of(workspace)
    shown = validation_summary(read_validation(workspace.lake))
    assert not shown["measure"].str.starts_with("pit_bin").any()
    assert shown["study"].unique(maintain_order=True).to_list()[0] == "naid"
    coverage = validation_summary(read_validation(workspace.lake, "coverage"))
    assert coverage["figure"].str.contains(r"^[01]\.\d{3} \([01]\.\d{3} to [01]\.\d{3}\)$").all()
    with pytest.raises(NotFoundError, match="studies held: calibration"):
        read_validation(workspace.lake, "nonsense")
