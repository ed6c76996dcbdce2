"""What is said of a score: pools, standings, words, and why it moved, over small real libraries."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import percentileofscore

from pipeline.errors import InputError
from pipeline.query import Library
from pipeline.query.records import PAPER_COLUMNS, POOL_COLUMNS
from pipeline.query.scores import IMPACT_COLUMNS
from pipeline.query.standing import Standing
from pipeline.query.why_moved import CHANGE_SCHEMA
from pipeline.settings import DataDir
from pipeline.tables import CITATION_PROFILES, TNCSI_VARIANTS
from resources.lake import Lake
from resources.release_making import make_release
from resources.releases import find_release
from resources.workspace import Workspace
from tests.library import deliver, paper, papers, reopened, run_stages, tiny_workspace

TITLE = "Graph Networks number 36"
CVPR = ("cvpr", 2016)


@pytest.fixture
def library(library_env: DataDir) -> Library:
    return Library(library_env)


def test_an_explanation_is_of_the_score_that_is_published(library: Library) -> None:
    """Words about another pool, or other counts, than the score was computed from."""
    told = library.explain(TITLE)
    row, counts = told.row, told.pool["cited_by_count"].drop_nulls().to_numpy()
    assert told.paper.columns == list(IMPACT_COLUMNS)
    assert told.paper.columns[: len(PAPER_COLUMNS)] == list(PAPER_COLUMNS)
    assert told.pool.columns == list(POOL_COLUMNS)
    assert told.pool["publication_date"].null_count() == 0
    assert told.window is not None
    assert told.window[0] <= told.pool["publication_date"].to_list()[0] <= told.window[1]
    assert row["n_pool"] == counts.size
    assert row["pool_loc"] + row["pool_scale"] == pytest.approx(counts.mean())
    words = "\n".join(told.text)
    assert "cited 108 times, as google_scholar tells" in words
    assert f"its pool: {told.pool.height} papers, all dated 2022-07-02" in words
    assert "excess_ratio = (108 − 0) / (" in words


def test_the_standing_agrees_with_the_percentile_beside_it(library: Library) -> None:
    """A rank and a percentile that contradict each other, both plausible."""
    told = library.explain(TITLE)
    counts = told.pool["cited_by_count"].drop_nulls().to_numpy()
    standing = told.standing
    assert standing is not None
    assert standing.rank == 1 + int((counts > 108).sum())
    assert (standing.n_fewer, standing.n_equal) == ((counts < 108).sum(), (counts == 108).sum())
    assert [standing.q25, standing.median, standing.q75] == pytest.approx(
        np.percentile(counts, [25, 50, 75])
    )
    expected = percentileofscore(counts, 108, kind="mean") / 100
    assert told.row["pool_percentile"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("counts", "cited", "rank"), [([5, None], 5, 1), ([9, 9, 0], 3, 3), ([4], None, None)]
)
def test_ranks_share_ties_and_leave_unknown_counts_out(
    counts: list[int | None], cited: int | None, rank: int | None
) -> None:
    """An unknown count taken for 0 puts everybody one place higher."""
    pool = pl.DataFrame({"cited_by_count": counts}, schema={"cited_by_count": pl.Int32})
    standing = Standing.of(cited, pool)
    assert standing is not None
    assert (standing.rank, standing.n_known) == (rank, sum(c is not None for c in counts))
    assert Standing.of(1, pool.clear()) is None


def test_a_score_s_trust_is_told(library: Library) -> None:
    """A score without its interval and fit is a number to believe or not."""
    told = library.explain(TITLE)
    row, words = told.row, "\n".join(told.text)
    assert row["tncsi_sp_low"] < row["tncsi_sp"] < row["tncsi_sp_high"]
    assert f"between {row['tncsi_sp_low']:.3f} and {row['tncsi_sp_high']:.3f} (95%)" in words
    assert f"(KS {row['pool_ks']:.2f})" in words


def test_papers_without_a_score_say_why(library: Library) -> None:
    """ "null" is no answer to "why has it no score?"."""
    uncounted = library.explain("A paper nobody counted")
    assert "no score: without its count there is nothing" in "\n".join(uncounted.text)
    assert uncounted.standing is not None
    assert uncounted.standing.rank is None
    few = "\n".join(library.explain("Later graph networks").text)
    assert "4 of its pool's papers have a known count, and a score needs 30" in few


def test_tables_that_were_never_made_say_nothing_and_those_that_were_do(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other rules and profiles are made on demand: without them nothing may fail or be claimed."""
    told = library.explain(TITLE)
    paper_id = told.row["paper_id"]
    assert told.other_rules.height == told.profile.height == 0
    assert "other rules" not in "\n".join(told.text)
    variant = dict.fromkeys(TNCSI_VARIANTS.schema.names())
    variants = [
        variant | {"paper_id": paper_id, "variant": name, "status": status, "variant_score": score}
        for name, status, score in (("published", "ok", 0.5), ("tncsi", "constant_pool", None))
    ]
    profile = dict.fromkeys(CITATION_PROFILES.schema.names()) | {
        "paper_id": paper_id, "n_references": 30, "n_references_scored": 7, "arq": 0.25,
        "n_citing": 4, "outside_domain_share": 0.5,
    }  # fmt: skip
    made = {
        "tncsi_variants": pl.DataFrame(variants, schema=TNCSI_VARIANTS.schema),
        "citation_profiles": pl.DataFrame([profile], schema=CITATION_PROFILES.schema),
    }
    lake = library._workspace.lake
    read = lake.read
    monkeypatch.setattr(lake, "read", lambda t, cell=None: made.get(t, read(t, cell)))
    words = "\n".join(library.explain(TITLE).text)
    assert "under other rules: published 0.500, tncsi (constant_pool)" in words
    assert "cites 30 works; mean TNCSI_SP of those scored here 0.250 (7 scored)" in words
    assert "4 papers of the library cite it, 50% from other domains" in words


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Eight papers counted in January 2024, released, counted again in February, one replaced."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        workspace = tiny_workspace(tmp_path_factory.mktemp("moved"))
        workspace.today = date(2024, 1, 15)
        deliver(workspace, CVPR, papers(range(8)), "2024-01-01")
        run_stages(workspace)
        make_release(workspace)
        later = [paper(n, cites=c) for n, c in ((1, 3), (2, 2), (3, 9), (4, 4), (5, 50), (6, 6))]
        later += [paper(8, cites=1), paper(9, cites=2)]
        workspace = reopened(workspace.data)
        deliver(workspace, CVPR, later, "2024-02-01")
        run_stages(workspace)
        patch.setattr("pipeline.query.library.open_workspace", lambda data: workspace)
        yield workspace


def title_of(number: int) -> str:
    return str(paper(number)["title"])


def test_a_change_is_an_exact_sum_with_its_members(moved: Workspace) -> None:
    """Why a score moved, told with numbers that do not lead from the one score to the other."""
    library = Library(moved.data)
    change = library.why_moved(title_of(3), date(2024, 1, 20))
    assert change.before is not None
    assert change.after is not None
    assert change.before["release"] == "2024-01-15"
    assert (change.before["cited_by_count"], change.after["cited_by_count"]) == (3, 9)
    frame = change.frame
    assert frame.schema == CHANGE_SCHEMA
    assert frame["measure"].to_list() == ["tncsi_sp", "excess_ratio"]
    for row in frame.iter_rows(named=True):
        assert row["own"] + row["pool"] + row["both"] == pytest.approx(row["total"], rel=1e-15)
        assert row["pool_counts"] + row["pool_members"] == pytest.approx(row["pool"], rel=1e-15)
    now = library.impact(title_of(3)).row(0, named=True)
    assert frame["after"].to_list() == [now["tncsi_sp"], now["excess_ratio"]]
    assert change.moves is not None
    gone_and_new = change.moves.n_left, change.moves.n_entered
    assert gone_and_new == _members_by_hand(moved, library, title_of(3))
    assert min(gone_and_new) > 0
    assert "by members that came and went" in "\n".join(change.text)


def _members_by_hand(workspace: Workspace, library: Library, title: str) -> tuple[int, int]:
    """How many members left and entered, from the pools of both days."""
    paper_id = library.impact(title)["paper_id"][0]
    then = _members(find_release(workspace.data, "2024-01-15").lake, paper_id)
    now = _members(workspace.lake, paper_id)
    return len(then - now), len(now - then)


def _members(lake: Lake, paper_id: str) -> set[str]:
    rows = lake.read("topic_pools", CVPR).filter(paper_id=paper_id)["members"][0]
    return set(
        lake.read("papers", CVPR).filter(pl.col("paper_row").is_in(rows.implode()))["paper_id"]
    )


def test_days_on_which_nothing_was_known_or_moved_say_so(moved: Workspace) -> None:
    """Zeros for a day before the first count would be read as a rise from nothing."""
    library = Library(moved.data)
    early = library.why_moved(title_of(5), date(2020, 1, 1))
    assert early.frame.height == 0
    assert "nothing was known of it by 2020-01-01" in early.text[0]
    assert "its past begins on 2024-01-01" in early.text[0]
    still = library.why_moved(title_of(5), date(2024, 2, 2))
    assert still.text[-1] == "nothing moved between the two"
    assert still.frame["total"].to_list() == [0, 0]
    before = library.why_moved(title_of(5), date(2024, 1, 2), date(2024, 1, 3))
    assert before.after is not None
    assert before.after["cited_by_count"] == 5
    with pytest.raises(InputError, match="received 2024-01-01 before 2024-02-01"):
        library.why_moved(title_of(5), date(2024, 2, 1), date(2024, 1, 1))


def test_a_side_without_score_is_told_in_words(tmp_path: Path) -> None:
    """A paper first counted last night did not rise from 0."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        workspace = tiny_workspace(tmp_path)
        uncounted = [paper(n, cites=n if n else None) for n in range(8)]
        deliver(workspace, CVPR, uncounted, "2024-01-01")
        deliver(workspace, CVPR, papers(range(8), cites=2), "2024-02-01")
        run_stages(workspace)
        patch.setattr("pipeline.query.library.open_workspace", lambda data: workspace)
        library = Library(workspace.data)
        change = library.why_moved(title_of(0), date(2024, 1, 5))
    assert change.frame.height == 0
    assert change.text[-1].startswith("it had no score before (no_citation_count)")
