"""Four sources through the whole chain: whatever arrives when, the library ends the same.

The sources are invented, so that their truth is known. Each tells of the same papers twice: on the
first day whole, on the second with new papers, moved counts and, of Semantic Scholar, as a diff
with deletions.
"""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

import orjson
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from assets.tncsi_sp import CITATION_PRECEDENCE
from pipeline.corpus.agreement import pairwise_agreement
from pipeline.simulation.literature import next_day, simulate_literature
from pipeline.simulation.sources import Truth, write_sources
from resources.workspace import Workspace
from tests.library import (
    RULE,
    Frames,
    assert_same_tables,
    made_cells,
    mtimes,
    raw_tables,
    rebuilt,
    run_stages,
    tables_of,
    tiny_workspace,
)

SOURCES = ("paper_copilot", "openalex", "dblp", "semantic_scholar")
DAYS = (date(2026, 1, 1), date(2026, 1, 2))
ONLY_CORPUS = ("paper_embeddings", "paper_index", "topic_pools", "tncsi_sp")
NO_INDEX = ("paper_index",)  # LanceDB has tests of its own, and seconds of start-up
N_DELETED = 3

Step = tuple[date, str]
IN_ORDER: Sequence[Step] = [(day, source) for day in DAYS for source in SOURCES]
# Without shrinking: a failure of this size is read from its steps.
FEW = settings(
    max_examples=2, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow]
)


@pytest.fixture(autouse=True, scope="module")
def _tiny_encoder_chosen() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        yield


@pytest.fixture(scope="module")
def truths(tmp_path_factory: pytest.TempPathFactory) -> Mapping[date, tuple[Path, Truth]]:
    """The files of each day below one folder, and the truth about them."""
    root = tmp_path_factory.mktemp("sources")
    first = simulate_literature(
        n_papers=60, seed=4, venues=["acl", "cvpr", "nips"], years=range(2019, 2022)
    )
    second = next_day(first, seed=4, n_new_papers=8)
    written = {
        day: (root / str(day), write_sources(literature, root / str(day), day=day, seed=4))
        for day, literature in zip(DAYS, (first, second), strict=True)
    }
    as_diff(*(folder / "semantic_scholar" for folder, _ in written.values()))
    return written


def as_diff(old: Path, new: Path) -> None:
    """Leave of Semantic Scholar's second day what a diff holds, with some papers taken back."""
    for kind, key in (
        ("papers", "corpusid"),
        ("abstracts", "corpusid"),
        ("citations", "citationid"),
    ):
        before, after = lines(old / f"{kind}.jsonl.gz"), lines(new / f"{kind}.jsonl.gz")
        (new / f"{kind}.jsonl.gz").unlink()
        gone = [row[key] for row in before[: N_DELETED * (kind != "abstracts")]]
        news = [row for row in after if row not in before and row[key] not in gone]
        write_lines(new / f"{kind}_update.jsonl.gz", news)
        write_lines(new / f"{kind}_delete.jsonl.gz", [{key: number} for number in gone])


def lines(path: Path) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def write_lines(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        path.write_bytes(gzip.compress(b"".join(orjson.dumps(row) + b"\n" for row in rows)))


def deliver(workspace: Workspace, *folders: Path) -> None:
    """Import what lies below the folders; nothing may be refused."""
    imported = workspace.import_files(folders, accept_shrink=True)
    assert not imported.refused, imported.refused
    assert not [d for d in imported.deliveries if d.n_bad]


Files = Mapping[date, tuple[Path, Truth]]


def files_of(files: Files, step: Step) -> Path:
    return files[step[0]][0] / step[1]


@pytest.fixture(scope="module")
def reference(truths: Files, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Delivered in order, with a refresh after each step."""
    workspace = tiny_workspace(tmp_path_factory.mktemp("reference"))
    for step in IN_ORDER:
        deliver(workspace, files_of(truths, step))
        run_stages(workspace, without=NO_INDEX)
    return workspace


@pytest.fixture(scope="module")
def final(reference: Workspace) -> Frames:
    """Tables of the reference."""
    return tables_of(reference)


def knowing(reference: Workspace, folder: Path) -> Workspace:
    """An empty library that knows the ids of the reference."""
    workspace = tiny_workspace(folder)
    copytree(reference.data.ledger, workspace.data.ledger)
    return workspace


@st.composite
def orders(draw: st.DrawFn) -> list[tuple[Step, bool]]:
    """Steps in any order in which no source's second day comes first, and where to refresh."""
    order = draw(st.permutations([*SOURCES, *SOURCES]))
    days = {source: iter(DAYS) for source in SOURCES}
    refreshes = draw(st.lists(st.booleans(), min_size=len(order), max_size=len(order)))
    return [((next(days[s]), s), now) for s, now in zip(order, refreshes, strict=True)]


# ── whatever arrives when ─────────────────────────────────────────────────────────────
def check_order(
    order: Sequence[tuple[Step, bool]], truths: Files, reference: Workspace, final: Frames
) -> None:
    with TemporaryDirectory() as name:
        workspace = knowing(reference, Path(name))
        events = events_of(workspace)
        for step, refresh_now in order:
            deliver(workspace, files_of(truths, step))
            if refresh_now:
                run_stages(workspace, without=NO_INDEX)
        run_stages(workspace, without=NO_INDEX)
        assert_same_tables(tables_of(workspace), final)
        assert events_of(workspace) == events  # nothing was news


def events_of(workspace: Workspace) -> int:
    return workspace.ledger.load().next_seq


@given(order=orders())
@FEW
def test_any_order_of_sources_and_refreshes_ends_the_same(
    order: list[tuple[Step, bool]], truths: Files, reference: Workspace, final: Frames
) -> None:
    """A library must not remember in which order its sources came, nor how often it was redone."""
    check_order(order, truths, reference, final)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(order=orders())
@settings(FEW, max_examples=60)
def test_many_orders_of_sources_and_refreshes_end_the_same(
    order: list[tuple[Step, bool]], truths: Files, reference: Workspace, final: Frames
) -> None:
    """As above, until one is found."""
    check_order(order, truths, reference, final)


def test_all_at_once_is_as_step_by_step(
    truths: Files, reference: Workspace, final: Frames, tmp_path: Path
) -> None:
    """One import of everything has to sort its files: papers before what is said of them."""
    workspace = knowing(reference, tmp_path)
    deliver(workspace, *(folder for folder, _ in truths.values()))
    run_stages(workspace, without=NO_INDEX)
    assert_same_tables(tables_of(workspace), final)


def test_a_rebuild_is_equal(reference: Workspace, final: Frames, tmp_path: Path) -> None:
    """The lake may be thrown away: inbox, sources, ledger and vectors hold everything."""
    again = rebuilt(reference, tmp_path, keep_vectors=True)
    assert_same_tables(tables_of(again), final)
    mine, other = raw_tables(reference), raw_tables(again)
    for name in ("citation_snapshots", "citations"):  # histories: what was seen, and when
        del mine[name], other[name]
    assert_same_tables(mine, other)


def test_delivering_again_changes_nothing(
    truths: Files, reference: Workspace, final: Frames, tmp_path: Path
) -> None:
    """People import a folder twice; the same bytes are no news."""
    workspace = rebuilt(reference, tmp_path, keep_vectors=True)
    for step in IN_ORDER:
        imported = workspace.import_files([files_of(truths, step)], accept_shrink=True)
        assert not imported.deliveries
    assert made_cells(run_stages(workspace, without=NO_INDEX)) == {}
    assert_same_tables(tables_of(workspace), final)


# ── who is who ────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "order",
    [SOURCES[::-1], pytest.param((*SOURCES[2:], *SOURCES[:2]), marks=pytest.mark.slow)],
)
def test_ids_known_before_stay_after_any_later_source(
    order: Sequence[str], truths: Files, tmp_path: Path
) -> None:
    """An id that somebody cited must lead to the same paper for ever, if only by a redirect."""
    workspace, known = tiny_workspace(tmp_path), dict[str, str]()
    for step in [(day, source) for day in DAYS for source in order]:
        deliver(workspace, files_of(truths, step))
        run_stages(
            workspace, without=("paper_index", "topic_pools", "tncsi_sp", "paper_embeddings")
        )
        now = ids_of(workspace)
        redirects = dict(workspace.lake.read("redirects").select("from_id", "to_id").iter_rows())
        moved = {k: (p, now[k]) for k, p in known.items() if k in now and now[k] != p}
        assert all(redirects.get(old) == new for old, new in moved.values()), moved
        known |= now
    records = truths[DAYS[1]][1].records.filter(pl.col("source") != "paper_copilot")
    keyed = records.select("work", record_key=pl.concat_str("source", pl.lit(":"), "source_id"))
    found = pl.DataFrame(list(now.items()), schema=["record_key", "paper_id"], orient="row")
    both = keyed.unique("record_key").join(found, on="record_key")
    agreement = pairwise_agreement(both["paper_id"], both["work"])
    assert agreement.n_pairs > 80
    assert (agreement.precision, agreement.recall) >= (0.99, 0.97)


def ids_of(workspace: Workspace) -> dict[str, str]:
    """Paper of every record that has an id of its own."""
    ids = workspace.lake.read_all("paper_ids", ["record_key", "source", "paper_id"])
    own = ids.filter(pl.col("source") != "paper_copilot")
    return dict(own.select("record_key", "paper_id").iter_rows())


# ── what follows from what ────────────────────────────────────────────────────────────
def test_deleted_papers_are_gone_and_edges_known(truths: Files, final: Frames) -> None:
    """A diff's deletions that miss leave papers which their source has withdrawn."""
    before = lines(truths[DAYS[0]][0] / "semantic_scholar" / "papers.jsonl.gz")
    gone = {f"semantic_scholar:{row['corpusid']}" for row in before[:N_DELETED]}
    records = set(final["dump_records"].filter(source="semantic_scholar")["record_key"])
    assert records
    assert not gone & records
    assert set(final["citations"]["source"]) == {"openalex", "semantic_scholar"}
    assert final["citations"]["cited_paper_id"].null_count() < final["citations"].height / 2


def test_scores_are_those_of_one_source(reference: Workspace) -> None:
    """Counts of different sources differ by factors: mixed in one pool, they rank sources."""
    raw = raw_tables(reference)
    counts = {
        (source, row): cited
        for source, row, cited in raw["citation_counts"]
        .select("citation_source", "paper_row", "cited_by_count")
        .iter_rows()
    }
    assert {source for source, _ in counts} == set(CITATION_PRECEDENCE)
    scores = raw["tncsi_sp"].join(
        raw["topic_pools"].select("paper_id", "paper_row", "members"), on="paper_id"
    )
    chosen = set()
    for row in scores.iter_rows(named=True):
        own = [s for s in CITATION_PRECEDENCE if (s, row["paper_row"]) in counts]
        assert row["citation_source"] == (own[0] if own else None)
        if not own or row["status"] == "no_date":
            continue
        chosen.add(own[0])
        cited = counts[own[0], row["paper_row"]]
        pool = [counts[own[0], m] for m in row["members"] if (own[0], m) in counts]
        assert row["n_pool"] == len(pool)
        assert row["cited_by_count"] == cited
        if row["status"] == "ok":
            loc, scale = min(pool), sum(pool) / len(pool) - min(pool)
            assert len(pool) >= RULE.n_min
            assert row["excess_ratio"] == pytest.approx((cited - loc) / scale)
    assert len(chosen) > 1


def test_moved_counts_of_openalex_wake_neither_papers_nor_vectors(
    truths: Files, reference: Workspace, tmp_path: Path
) -> None:
    """Counts move every night; the encoder must not."""
    workspace = rebuilt(reference, tmp_path, keep_vectors=True)
    works = lines(files_of(truths, IN_ORDER[5]) / "works.jsonl.gz")
    for work in works:
        work["cited_by_count"] = int(str(work["cited_by_count"])) + 1
    folder = tmp_path / "2026-01-03"
    folder.mkdir()
    write_lines(folder / "works.jsonl.gz", works)
    quiet = ("papers", "authorships", "paper_ids", "paper_embeddings", "topic_pools")
    before = {name: mtimes(workspace, name) for name in quiet}
    deliver(workspace, folder)
    made = made_cells(run_stages(workspace, without=NO_INDEX))
    assert made.keys() == {"dump_shards", "citation_counts", "citations", "tncsi_sp"}
    assert {name: mtimes(workspace, name) for name in quiet} == before
    counted = raw_tables(workspace)["citation_counts"].filter(citation_source="openalex")
    assert set(counted["observed_on"]) == {date(2026, 1, 3)}
