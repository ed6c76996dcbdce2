"""Companions against brute force and scipy, at their edges, and however pools are cut."""

import math
from unittest import mock

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, norm, percentileofscore

from pipeline.impact import pool_measures, segments
from pipeline.impact.companions import PaperFacts
from pipeline.impact.pools import PoolRule
from pipeline.impact.tncsi import score_pools
from pipeline.tables import TNCSI_SP, violations
from tests.impact.test_tncsi import NOBODY, pool_rows

RULE = PoolRule(n_min=2)
DOMAINS = {"cvpr": "vision", "iccv": "vision", "acl": "nlp"}
VENUES = ("cvpr", "iccv", "acl", "unlisted")
COMPANIONS = TNCSI_SP.schema.names()[14:]


def facts_of(venues: list[str], precision: list[str | None] | None = None) -> PaperFacts:
    papers = pl.DataFrame(
        {
            "paper_row": np.arange(len(venues), dtype=np.int32),
            "venue": venues,
            "date_precision": pl.Series(precision or ["year"] * len(venues), dtype=pl.String),
        }
    )
    return PaperFacts.of(papers, DOMAINS)


def scores_of(members: dict[int, list[int]], counts, facts=None, **more):  # type: ignore[no-untyped-def]
    dense = {source: np.array(c, np.int32) for source, c in counts.items()}
    found = score_pools(
        more.pop("pools", pool_rows(members)),
        dense,
        undated=NOBODY,
        precedence=list(counts),
        rule=RULE,
        facts=facts,
        **more,
    )
    assert violations(TNCSI_SP, found) == []
    assert not any(found[c].is_nan().any() or found[c].is_infinite().any() for c in FLOATS)
    return found


FLOATS = [name for name, kind in TNCSI_SP.schema.items() if kind.is_float()]


def expected(own: int, venue: str, counts: list[int], venues: list[str]) -> dict[str, object]:
    """The companions of one paper, with unknown counts −1, from scipy and plain Python."""
    known = np.array([c for c in counts if c >= 0], np.float64)
    found: dict[str, object] = dict.fromkeys(
        ("pool_percentile", "count_to_mean", "lognormal_cdf", "pool_ks", "pool_same_venue",
         "pool_same_domain")
    )  # fmt: skip
    if own >= 0 and known.size >= RULE.n_min:
        found["pool_percentile"] = (known < own).mean() + (known == own).mean() / 2
        assert found["pool_percentile"] == pytest.approx(
            percentileofscore(known, own, "mean") / 100
        )
        if known.sum() > 0:
            found["count_to_mean"] = own / known.mean()
        if np.log1p(known).std() > 1e-4:
            log = np.log1p(known)
            found["lognormal_cdf"] = norm.cdf((math.log1p(own) - log.mean()) / log.std())
    if known.size and np.ptp(known) > 0:
        scale = known.mean() - known.min()
        found["pool_ks"] = kstest(known, "expon", (known.min(), scale)).statistic
    if counts:
        found["pool_same_venue"] = sum(v == venue for v in venues) / len(counts)
        if venue in DOMAINS:
            same = sum(DOMAINS.get(v) == DOMAINS[venue] for v in venues)
            found["pool_same_domain"] = same / len(counts)
    return found


few = st.integers(-1, 6)
many = st.one_of(few, st.integers(0, 10**6), st.just(10**6))
paper = st.tuples(many, st.sampled_from(VENUES))


@settings(max_examples=50, deadline=None)
@given(
    library=st.lists(paper, min_size=1, max_size=30),
    pools=st.lists(st.lists(st.integers(0, 29), max_size=30), min_size=1, max_size=8),
    chunk=st.sampled_from([1, 7, 40, 1 << 17]),
)
def test_equal_to_brute_force_however_cut(
    library: list[tuple[int, str]], pools: list[list[int]], chunk: int
) -> None:
    """A value that depends on the pools measured with it; ties, gaps or lone papers going wrong."""
    counts, venues = [c for c, _ in library], [v for _, v in library]
    rows = range(len(library))
    members = {
        row: sorted({m % len(library) for m in pool} - {row})
        for row, pool in zip(rows, pools, strict=False)
    }
    with mock.patch.object(segments, "_CHUNK", chunk):
        found = scores_of(members, {"s": counts}, facts_of(venues))
    for (row, pool), got in zip(members.items(), found.iter_rows(named=True), strict=True):
        want = expected(counts[row], venues[row], [counts[m] for m in pool],
                        [venues[m] for m in pool])  # fmt: skip
        for name, value in want.items():
            near = None if value is None else pytest.approx(value, abs=2e-6)
            assert got[name] == near, (name, counts[row], [counts[m] for m in pool])
        assert got["pool_radius"] == 0.5
    alone = [
        scores_of({row: pool}, {"s": counts}, facts_of(venues)) for row, pool in members.items()
    ]
    assert found.equals(pl.concat(alone), null_equal=True)


def test_by_hand() -> None:
    """Formulas that agree with a reference that is wrong in the same way."""
    venues = ["cvpr", "cvpr", "iccv", "acl", "unlisted"]
    got = scores_of({0: [1, 2, 3, 4]}, {"s": [3, 0, 3, 3, 10]}, facts_of(venues)).row(0, named=True)
    assert got["pool_percentile"] == (1 + 2 / 2) / 4
    assert got["count_to_mean"] == 3 / 4
    # loc 0, scale 4; at 3 the counts' function jumps from 1/4 to 3/4, the exponential is at 0.53.
    assert got["pool_ks"] == pytest.approx(max(0.25, (1 - math.exp(-0.75)) - 0.25), abs=1e-6)
    assert (got["pool_same_venue"], got["pool_same_domain"]) == (0.25, 0.5)
    assert got["date_precision"] == "year"
    assert got["tncsi_sp_low"] < got["tncsi_sp"] < got["tncsi_sp_high"]
    assert got["robust_low"] < got["tncsi_sp"] < got["robust_high"]


@pytest.mark.parametrize(
    ("own", "pool", "percentile", "to_mean"),
    [
        (5, [], None, None),
        (5, [4], None, None),  # fewer than n_min
        (5, [4, -1], None, None),
        (7, [7, 7, 7], 0.5, 1.0),
        (0, [0, 0, 0], 0.5, None),
        (9, [0, 0, 0], 1.0, None),
        (-1, [1, 2, 3], None, None),
        (10**6, [10**6, 0, 1], 2.5 / 3, 3 * 10**6 / (10**6 + 1)),
    ],
)
def test_small_equal_and_huge_pools(own, pool, percentile, to_mean) -> None:  # type: ignore[no-untyped-def]
    """NaN, infinity or a made-up number for a pool that cannot tell."""
    counts = {"s": [own, *pool]}
    got = scores_of({0: list(range(1, len(pool) + 1))}, counts).row(0, named=True)
    assert (got["pool_percentile"], got["count_to_mean"]) == (percentile, to_mean)
    spread = len(set(pool) - {-1}) > 1
    assert (got["pool_ks"] is not None) == spread
    assert (got["lognormal_cdf"] is not None) == (spread and own >= 0)
    scored = got["status"] == "ok"
    for name in ("tncsi_sp_low", "tncsi_sp_high", "robust_low", "robust_high"):
        assert (got[name] is not None) == scored
    # Without facts about papers nothing is said of venues and dates.
    assert got["pool_same_venue"] is got["pool_same_domain"] is got["date_precision"] is None


def test_counts_close_together_far_from_zero() -> None:
    """A variance lost to cancellation: of logarithms and squares that are all but equal."""
    pool = [10**6 + i for i in range(100)]
    got = scores_of({0: list(range(1, 101))}, {"s": [10**6 + 50, *pool]}).row(0, named=True)
    assert got["lognormal_cdf"] is None  # their logarithms differ by less than 0.0001
    assert got["robust_low"] < got["tncsi_sp"] < got["robust_high"]
    spread = np.std(pool, ddof=1) / (np.mean(pool) - min(pool))
    assert spread < 1  # so that the robust interval is the narrower one
    assert got["robust_low"] > got["tncsi_sp_low"]


def test_each_source_is_measured_by_itself() -> None:
    """A pool's percentile among counts of a source that the paper is not counted by."""
    counts = {"first": [5, -1, 1, 2, 90], "second": [7, 3, 1, 2, 4]}
    got = scores_of({0: [2, 3, 4], 1: [2, 3, 4]}, counts)
    assert got["pool_percentile"].to_list() == [2 / 3, 2 / 3]
    assert got["count_to_mean"].to_list() == [5 / 31, 3 / (7 / 3)]


def test_precisions_and_papers_nobody_knows_of() -> None:
    """The precision of another paper; members that left their venue counted as kin."""
    facts = facts_of(["cvpr", "cvpr", "acl"], ["day", None, "month"]).reaching(5)
    got = scores_of({0: [1, 3, 4], 1: [0, 2], 2: [0, 1]}, {"s": [1, 2, 3, 4, 5]}, facts)
    assert got["date_precision"].to_list() == ["day", None, "month"]
    assert got["pool_same_venue"].to_list() == [1 / 3, 0.5, 0.0]
    lone = scores_of({3: [0, 4], 4: [3]}, {"s": [1, 2, 3, 4, 5]}, facts)
    for name in ("pool_same_venue", "pool_same_domain", "date_precision"):
        assert lone[name].to_list() == [None, None]


def test_threads_do_not_show() -> None:
    """Two tiles writing to one place, or a result that hangs on who comes first."""
    rng = np.random.default_rng(3)
    counts = {"s": np.floor(rng.lognormal(2.5, 1.3, 400)).tolist()}
    members = {r: sorted(set(rng.integers(0, 400, 60).tolist()) - {r}) for r in range(400)}
    facts = facts_of([VENUES[i] for i in rng.integers(0, 4, 400)])
    with mock.patch.object(segments, "_CHUNK", 256):
        several = scores_of(members, counts, facts)
        with mock.patch.object(pool_measures, "_THREADS", 1):
            one = scores_of(members, counts, facts)
    assert several.equals(one, null_equal=True)
    assert several.select(COMPANIONS).null_count().row(0) != (400,) * len(COMPANIONS)
