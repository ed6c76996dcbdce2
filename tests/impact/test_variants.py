"""Scores under other rules: against brute force, scipy and the default rule, and at the edges."""

import calendar
import datetime as dt
import gzip
import json
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import expon

from pipeline.errors import InputError
from pipeline.impact.pool_measures import Counts
from pipeline.impact.pools import PoolBuilder, PoolRule
from pipeline.impact.segments import UNKNOWN
from pipeline.impact.tncsi import score_pools
from pipeline.impact.variants import (
    PUBLISHED,
    Variant,
    default_variant,
    score_variants,
    search,
    tncsi_of,
    variants_of,
)
from pipeline.retrieval.quantise import quantise
from pipeline.tables import TNCSI_VARIANTS, violations
from tests.impact.test_pools import library

VARIANTS = variants_of(PoolRule())
RULE = PoolRule(k_max=8, k_min=3, share=0.2, n_min=2)
SOURCES = ("first", "second")
NUMBERS = ["variant_score", "excess_ratio", "variant_loc", "variant_scale", "n_effective"]


def counted(n: int, seed: int, *, most: int = 9) -> dict[str, NDArray[np.int32]]:
    """Counts of two sources, a third of them unknown, and some papers beyond the end of one."""
    rng = np.random.default_rng(seed)
    counts = {source: rng.integers(0, most + 1, n).astype(np.int32) for source in SOURCES}
    for known in counts.values():
        known[rng.random(n) < 1 / 3] = UNKNOWN
    counts["second"] = counts["second"][: max(1, n - 3)]
    return counts


def random_library(n: int, seed: int) -> tuple[pl.DataFrame, NDArray[np.float32]]:
    """Any days of two years, some unknown, some papers retracted, many equal vectors."""
    papers, vectors = library(n, seed=seed)
    rng = np.random.default_rng(seed)
    days = [dt.date(2019, 1, 1) + dt.timedelta(days=int(d)) for d in rng.integers(0, 800, n)]
    known = [None if rng.random() < 0.1 else day for day in days]
    return papers.with_columns(
        pl.Series("publication_date", known, dtype=pl.Date),
        pl.Series("is_retracted", rng.random(n) < 0.2),
    ), vectors


def score(variant: Variant, papers: pl.DataFrame, vectors, counts: Counts, **more) -> pl.DataFrame:
    rows = score_variants(
        [variant], papers, vectors, counts, encoder_id="e", precedence=SOURCES, **more
    )
    assert violations(TNCSI_VARIANTS, rows) == []
    return rows


def in_window(variant: Variant, own: dt.date | None, other: dt.date | None) -> bool:
    """Whether a paper of day `other` may be in a pool of one of day `own`; by the calendar."""
    if variant.window == "none" or (own is None and variant.undated_against_all):
        return True
    if own is None or other is None:
        return False
    half = dt.timedelta(days=variant.half_window)
    if variant.window == "days":
        return abs(other - own) <= half
    first, last = own - half, own + half
    month_end = calendar.monthrange(last.year, last.month)[1]
    return first.replace(day=1) <= other <= last.replace(day=month_end)


def by_brute_force(
    variant: Variant, papers: pl.DataFrame, vectors: NDArray[np.float32], counts: Counts
) -> list[dict[str, object]]:
    """The definition, paper by paper, in exact arithmetic."""
    q = quantise(vectors.copy()).astype(np.int64)
    table = papers.with_row_index("place").to_dicts()
    known = {s: {r: int(c) for r, c in enumerate(counts[s]) if c != UNKNOWN} for s in counts}
    expected = []
    for own in table:
        window = [
            p
            for p in table
            if p["in_pools"]
            and (variant.itself or p is not own)
            and not (variant.without_retracted and p["is_retracted"])
            and in_window(variant, own["publication_date"], p["publication_date"])
        ]
        if variant.window != "none" and own["publication_date"] is None:
            window = window if variant.undated_against_all else []
        window.sort(key=lambda p, own=own: (-(q[p["place"]] @ q[own["place"]]), p["paper_id"]))
        share = Fraction(variant.share).limit_denominator(1000)
        size = min(variant.k_max, max(variant.k_min, int(len(window) * share)))
        pool = window[:size]
        source = next((s for s in SOURCES if own["paper_row"] in known[s]), None)
        counts_of = known[source or SOURCES[0]]
        pairs = [
            (max(0, int(q[p["place"]] @ q[own["place"]])), counts_of[p["paper_row"]])
            for p in pool
            if p["paper_row"] in counts_of
        ]
        if variant.weighting == "similarity":
            pairs = [(w, c) for w, c in pairs if w > 0]
        else:
            pairs = [(1, c) for _, c in pairs]
        expected.append(fitted(variant, own, pairs, counts_of.get(own["paper_row"])) | {
            "citation_source": source, "pool_k": len(pool),
        })  # fmt: skip
    return expected


def fitted(variant: Variant, own, pairs: list[tuple[int, int]], cited: int | None):
    n, largest = len(pairs), sorted((c for _, c in pairs), reverse=True)
    cut = int(n * Fraction(variant.winsorised).limit_denominator(1000))
    pairs = [(w, min(c, largest[cut])) for w, c in pairs]
    row: dict[str, object] = {"n_pool": n, "cited_by_count": cited} | dict.fromkeys(NUMBERS)
    undated = own["publication_date"] is None and variant.window != "none"
    scale = Fraction(0)
    if n:
        loc, mass = min(c for _, c in pairs), sum(w for w, _ in pairs)
        scale = Fraction(sum(w * c for w, c in pairs), mass) - loc
        row |= {"variant_loc": float(loc), "variant_scale": float(scale)}
        row["n_effective"] = float(Fraction(mass**2, sum(w * w for w, _ in pairs)))
    if undated and not variant.undated_against_all:
        return row | {"status": "no_date"}
    if cited is None:
        return row | {"status": "no_citation_count"}
    if n < variant.n_min:
        return row | {"status": "pool_too_small"}
    if scale == 0:
        return row | {"status": "constant_pool"}
    row["excess_ratio"] = float((cited - loc) / scale)
    row["variant_score"] = float(expon.cdf(cited, loc, float(scale)))
    return row | {"status": "ok"}


TINY = [
    *variants_of(RULE).values(),
    PUBLISHED.model_copy(update={"k_min": 6, "k_max": 6}),
    default_variant(RULE),
    Variant(
        name="all at once", window="months", half_window=40, k_min=4, k_max=9, share=0.5, n_min=3,
        itself=True, weighting="similarity", winsorised=0.3, without_retracted=True,
    ),
]  # fmt: skip


@pytest.mark.parametrize("variant", TINY, ids=lambda v: f"{v.name}-{v.k_max}")
@given(n=st.integers(1, 60), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=12, deadline=None)
def test_every_rule_is_what_it_says(variant: Variant, n: int, seed: int) -> None:
    """A window off by a month, a paper missing from its own pool, a weight of the wrong member."""
    papers, vectors = random_library(n, seed)
    counts = counted(n, seed)
    got = score(variant, papers, vectors, counts).to_dicts()
    for one, expected in zip(got, by_brute_force(variant, papers, vectors, counts), strict=True):
        exact = {k: v for k, v in expected.items() if k not in NUMBERS}
        assert {k: one[k] for k in exact} == exact
        for name in NUMBERS:
            wanted = expected[name]
            assert one[name] == (wanted if wanted is None else pytest.approx(wanted, rel=1e-12))


@given(n=st.integers(0, 150), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_the_default_rule_as_a_variant_is_the_default(n: int, seed: int) -> None:
    """A table of deviations that starts from another rule than the one in use."""
    papers, vectors = random_library(n, seed)
    assert_like_score_pools(papers, vectors, counted(n, seed), RULE)


def test_the_default_rule_on_a_real_edition(real_lists) -> None:
    """Real ties, unknown counts and counts of ten thousands; vectors are made up."""
    path = real_lists / "paper_copilot" / "2026-02-23" / "cvpr" / "cvpr2019.json.gz"
    rows = json.loads(gzip.decompress(path.read_bytes()))
    cited = np.array([int(row.get("gs_citation") or 0) for row in rows])
    n, rng = len(cited), np.random.default_rng(0)
    vectors = rng.standard_normal((n, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    papers = pl.DataFrame({
        "paper_id": [f"{i:05}" for i in range(n)], "paper_row": np.arange(n, dtype=np.int32),
        "venue": "v", "year": pl.Series([2019] * n, dtype=pl.Int32), "in_pools": True,
        "publication_date": dt.date(2019, 6, 16),
    })  # fmt: skip
    counts = {"first": np.where(cited < 0, UNKNOWN, cited).astype(np.int32)}
    assert n == 1294
    assert_like_score_pools(papers, vectors, counts, PoolRule())


def assert_like_score_pools(papers: pl.DataFrame, vectors, counts: Counts, rule: PoolRule) -> None:
    variant = default_variant(rule)
    config_id = rule.config_id("e")
    assert variant.config_id("e") == config_id
    pools = PoolBuilder(papers, vectors, rule=rule, config_id=config_id).build()
    n = max([0, *(1 + r for r in papers["paper_row"])])
    plain = score_pools(
        pools,
        {s: np.pad(c, (0, max(0, n - c.size)), constant_values=UNKNOWN) for s, c in counts.items()},
        undated=papers.filter(pl.col("publication_date").is_null())["paper_row"].to_numpy(),
        precedence=SOURCES,
        rule=rule,
    ).select(
        *("paper_id", "config_id", "status", "citation_source", "cited_by_count"),
        *("excess_ratio", "n_pool", "pool_k"),
        variant_score="tncsi_sp",
        variant_loc=pl.col("pool_loc").cast(pl.Float64),
        variant_scale="pool_scale",
    )
    got = score(variant, papers, vectors, counts).select(plain.columns)
    assert got.equals(plain, null_equal=True)


def test_windows_of_months_by_hand() -> None:
    """183 days before 1 March 2020 is 31 August: seven months back, not six."""
    own = dt.date(2020, 3, 1)
    inside = [dt.date(2019, 8, 1), dt.date(2020, 8, 31)]
    outside = [dt.date(2019, 7, 31), dt.date(2020, 9, 1)]
    papers, vectors = library(5)
    papers = papers.with_columns(
        pl.Series("publication_date", [own, *inside, *outside]), in_pools=pl.lit(value=True)
    )
    got = score(PUBLISHED, papers, vectors, {}).row(0, named=True)
    assert got["pool_k"] == 3  # those inside, and itself


@pytest.mark.parametrize(
    ("cites", "status"),
    [([], "pool_too_small"), ([4], "pool_too_small"), ([4, 4], "constant_pool"),
     ([0, 0], "constant_pool"), ([0, 10**6], "ok")],
)  # fmt: skip
@pytest.mark.parametrize("variant", list(variants_of(RULE).values()), ids=lambda v: v.name)
def test_poor_pools(variant: Variant, cites: list[int], status: str) -> None:
    """A division by nothing, or a score from ties."""
    own = cites[:1] if variant.itself else []  # which is in its own pool, so that it is no third
    n = max(1, len(cites) if own else len(cites) + 1)
    papers, vectors = library(n)
    vectors[:] = vectors[0]
    papers = papers.with_columns(
        publication_date=dt.date(2020, 1, 1), in_pools=pl.lit(value=True),
        is_retracted=pl.lit(value=False), paper_row=pl.int_range(n, dtype=pl.Int32),
    )  # fmt: skip
    counts = {"first": np.array((own or [7]) + cites[len(own) :], np.int32)}
    got = score(variant, papers, vectors, counts).row(0, named=True)
    assert got["status"] == status
    assert (got["variant_score"] is None) == (status != "ok")


def test_places_queries_and_cuts_do_not_change_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores that depend on which others are asked for, or on memory."""
    papers, vectors = random_library(150, 5)
    counts = counted(150, 5)
    places = np.random.default_rng(0).permutation(150)[:40]
    for variant in TINY:
        whole = score(variant, papers, vectors, counts)
        monkeypatch.setattr(search, "_AT_ONCE", 100)
        part = score(variant, papers, vectors, counts, places=places, queries=vectors[places])
        monkeypatch.undo()
        assert part.equals(whole[places], null_equal=True)


def test_queries_look_in_place_of_the_papers() -> None:
    """Prompted vectors that change nothing because the papers' own are used."""
    papers, vectors = random_library(80, 1)
    papers = papers.with_columns(publication_date=dt.date(2020, 1, 1), in_pools=pl.lit(value=True))
    counts = {"first": np.arange(80, dtype=np.int32)}
    place, other = np.array([3]), vectors[[40]]
    variant = Variant(name="near", k_min=5, k_max=5, n_min=2)
    asked = score(variant, papers, vectors, counts, places=place, queries=other)
    q = quantise(vectors.copy())
    near = sorted(
        (i for i in range(80) if i != 3), key=lambda i: (-(q[i] @ q[40]), papers["paper_id"][i])
    )
    cited = counts["first"][papers["paper_row"].to_numpy()[near[:5]]]
    assert asked["variant_loc"][0] == cited.min()
    assert asked["variant_scale"][0] == pytest.approx(cited.mean() - cited.min())


def test_several_rules_together_are_the_rules_one_by_one() -> None:
    """Rules of one search that get each other's weights."""
    papers, vectors = random_library(90, 2)
    counts = counted(90, 2)
    together = score_variants(TINY, papers, vectors, counts, encoder_id="e", precedence=SOURCES)
    alone = pl.concat([score(variant, papers, vectors, counts) for variant in TINY])
    assert together.equals(alone, null_equal=True)


def test_each_rule_has_its_own_id() -> None:
    """Rows of two rules under one id overwrite each other."""
    changes = {
        "window": "months", "half_window": 90, "k_min": 50, "k_max": 500, "share": 0.2, "n_min": 20,
        "itself": True, "weighting": "similarity", "winsorised": 0.1, "without_retracted": True,
        "undated_against_all": True,
    }  # fmt: skip
    assert changes.keys() == Variant.model_fields.keys() - {"name"}
    default = default_variant(PoolRule())
    rules = [default, *(default.model_copy(update={k: v}) for k, v in changes.items())]
    ids = {v.config_id("e") for v in [*rules, *VARIANTS.values()]}
    # Two of the named ones, weighted and without retracted papers, are among the changes.
    assert len(ids) == len(rules) + len(VARIANTS) - 2


def test_bad_input_is_refused() -> None:
    """A sum that overflows, or vectors of other papers."""
    papers, vectors = library(300)
    rule, none = VARIANTS["similarity_weighted"], {"first": np.zeros(300, np.int32)}
    with pytest.raises(InputError, match="one query per place"):
        score(rule, papers, vectors, none, queries=vectors[:2])
    with pytest.raises(InputError, match="one vector per paper"):
        score(rule, papers, vectors[:-1], none)
    large = {"first": np.full(300, 2**31 - 1, np.int32)}
    with pytest.raises(InputError, match="counts below"):
        score(rule, papers, vectors, large)
    assert score(VARIANTS["winsorised"], papers, vectors, large)["variant_scale"].max() == 0


@given(pool=st.lists(st.integers(0, 10**6), min_size=2, max_size=60), cited=st.integers(0, 10**6))
@settings(deadline=None)
def test_the_authors_number(pool: list[int], cited: int) -> None:
    """Anything but scipy's fit, which their code calls, and its distribution function."""
    got = tncsi_of(cited, pool, compat="published")
    loc, scale = expon.fit(np.array(pool))
    if cited >= loc and scale == 0:
        assert (got.status, got.score, got.as_authors) == ("constant_pool", None, -1)
    elif cited < loc:
        assert got.as_authors == 0.0
    else:
        assert (got.loc, got.scale) == (loc, pytest.approx(scale, rel=1e-12))
        assert got.as_authors == pytest.approx(expon.cdf(cited, loc, scale), rel=1e-9, abs=1e-15)


def test_the_authors_edges() -> None:
    """A score where their code gives −1, or −1 without a reason."""
    for cited, pool, status in [
        (3, [], "pool_too_small"), (3, [5], "pool_too_small"), (5, [5, 5], "constant_pool"),
        (None, [1, 2], "no_citation_count"), (3, [-1, 5], "pool_too_small"),
    ]:  # fmt: skip
        got = tncsi_of(cited, pool, compat="published")
        assert (got.status, got.as_authors) == (status, -1.0)
    assert tncsi_of(10, [3, 5, 10, 22]).status == "pool_too_small"
    assert tncsi_of(9, [3] * 15 + [9] * 15).score == pytest.approx(1 - np.exp(-2))
    with pytest.raises(InputError, match="0 or more"):
        tncsi_of(3, [-1] * 40)
    with pytest.raises(InputError, match="'published'"):
        tncsi_of(3, [1, 2], compat="publisht")  # type: ignore[arg-type]
