"""The topic_pools table: contract, digests, backfills."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.impact.pools import PoolBuilder, PoolRule, hash_ids
from pipeline.retrieval.quantise import quantise
from pipeline.tables import TOPIC_POOLS, violations

RULE = PoolRule(k_max=8, k_min=3, share=0.2, n_min=2)


def library(n: int, *, seed: int = 0) -> tuple[pl.DataFrame, NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, 12)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = vectors[rng.integers(0, max(1, n // 2), n)]  # many ties
    years = rng.integers(2019, 2022, n)
    dates = [dt.date(y, 7, 2) if rng.random() < 0.5 else dt.date(y, 3, 1) for y in years]
    papers = pl.DataFrame(
        {
            "paper_id": [f"p{i:04}" for i in rng.permutation(n)],
            "paper_row": rng.permutation(n).astype(np.int32),
            "venue": [f"v{i % 2}" for i in range(n)],
            "year": pl.Series(years, dtype=pl.Int32),
            "publication_date": pl.Series(
                [None if i % 17 == 3 else d for i, d in enumerate(dates)], dtype=pl.Date
            ),
            "in_pools": rng.random(n) < 0.8,
        },
        schema_overrides={"paper_id": pl.String, "venue": pl.String, "in_pools": pl.Boolean},
    )
    return papers, vectors


def build(
    papers: pl.DataFrame,
    vectors: NDArray[np.float32],
    *,
    rule: PoolRule = RULE,
    queries: NDArray[np.bool_] | None = None,
) -> pl.DataFrame:
    return PoolBuilder(papers, vectors, rule=rule, config_id="c").build(queries)


@pytest.mark.parametrize("n", [0, 1, 120])
def test_rows_keep_the_declared_contract(n: int) -> None:
    """Columns of another type or order, or nulls, which the lake refuses to store."""
    pools = build(*library(n))
    assert violations(TOPIC_POOLS, pools) == []
    assert pools.height == n
    assert (pools["members"].list.len() == pools["pool_k"]).all()
    assert (pools["pool_radius"].is_null() == (pools["pool_k"] == 0)).all()


def test_members_are_who_the_rule_says() -> None:
    """Row numbers of one paper and vectors of another; workshop or distant papers in pools."""
    papers, vectors = library(120)
    q = quantise(vectors).astype(np.int64)
    table = papers.with_row_index("place").to_dicts()
    for pool, paper in zip(build(papers, vectors).to_dicts(), table, strict=True):
        date = paper["publication_date"]
        window = [
            p
            for p in table
            if date and p["publication_date"] and p["in_pools"] and p is not paper
            and abs((p["publication_date"] - date).days) <= 183
        ]  # fmt: skip
        window.sort(key=lambda p: (-(q[p["place"]] @ q[paper["place"]]), p["paper_id"]))
        expected = window[: min(8, max(3, len(window) // 5))]
        assert pool["members"] == sorted(p["paper_row"] for p in expected)
        assert pool["n_window"] == len(window)
        if expected:
            assert pool["pool_radius"] * 2**23 == q[expected[-1]["place"]] @ q[paper["place"]]


def test_membership_windows_are_symmetric() -> None:
    """A month-snapped window in which A may compare with B but not B with A."""
    papers, vectors = library(60)
    everyone = papers.with_columns(in_pools=True)
    pools = build(everyone, vectors, rule=RULE.model_copy(update={"k_max": 60, "k_min": 60}))
    pairs = pools.explode("members").drop_nulls("members").select("paper_row", "members").rows()
    assert set(pairs) == {(b, a) for a, b in pairs}


def test_a_backfilled_cell_equals_the_full_run() -> None:
    """One venue-year rebuilt from its window alone giving other rows than the whole library."""
    papers, vectors = library(200, seed=4)
    whole = build(papers, vectors)
    cell = (papers["venue"] == "v1") & (papers["year"] == 2019)
    near = (papers["year"] <= 2020).to_numpy()
    part = build(
        papers.filter(near), vectors[near], queries=cell.filter(pl.Series(near)).to_numpy()
    )
    assert part.equals(whole.filter(cell))
    builder = PoolBuilder(papers, vectors, rule=RULE, config_id="c")
    assert builder.build(cell.to_numpy()).equals(whole.filter(cell))


def test_digest_follows_ids_and_not_rows() -> None:
    """A rebuild that numbers rows anew looking like a change, or a changed member like none."""
    papers, vectors = library(120)
    before = build(papers, vectors)
    renumbered = papers.with_columns(paper_row=pl.lit(119, pl.Int32) - pl.col("paper_row"))
    after = build(renumbered, vectors)
    assert not after["members"].equals(before["members"])
    assert after["pool_digest"].equals(before["pool_digest"])
    renamed = build(papers.with_columns(paper_id="x" + pl.col("paper_id")), vectors)
    same = renamed["pool_digest"] == before["pool_digest"]
    assert same.to_list() == (before["pool_k"] == 0).to_list()


def test_digest_is_the_documented_sum() -> None:
    """A digest that another program cannot recompute, or whose overflow is not modulo 2^64."""
    papers, vectors = library(120)
    pools = build(papers, vectors)
    hash_of = dict(zip(papers["paper_row"], hash_ids(papers["paper_id"]).tolist(), strict=True))
    for members, digest in pools.select("members", "pool_digest").rows():
        assert digest == f"{(sum(hash_of[m] for m in members) + len(members)) % 2**64:016x}"


def test_config_id_names_all_that_matters() -> None:
    """Two rules or encoders under one name, so that their rows are compared."""
    changed = [
        {"k_max": 9}, {"k_min": 2}, {"share": 0.3}, {"half_window_days": 90}, {"n_min": 5}
    ]  # fmt: skip
    ids = {RULE.model_copy(update=c).config_id("e") for c in changed}
    assert len(ids | {RULE.config_id("e"), RULE.config_id("f")}) == 7
    assert PoolRule().config_id("minilm") == "k100-1000_s0.1_d183_n30_q23@minilm"


def test_refuses_vectors_that_are_not_the_papers() -> None:
    """Vectors shifted by a row against the papers."""
    papers, vectors = library(5)
    with pytest.raises(InputError, match="received 4 for 5 papers"):
        build(papers, vectors[1:])
