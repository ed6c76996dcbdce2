"""The studies of `impact_validation`, one after the other, from what the library holds.

Belongs here: what each study is given, and what is said where it cannot be made. Not: the studies
(pipeline/impact/validation), when they are made (impact_validation.py).
"""

from collections.abc import Callable, Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.validation_inputs import ValidationLibrary, naid_file, read_naid
from pipeline.errors import ModelError
from pipeline.impact.validation import (
    calibration,
    ceiling,
    naid_scores,
    naid_study,
    robustness,
    sensitivity,
    topic_study,
)
from pipeline.impact.validation.calibration import Plant, library_calibration, planted_calibration
from pipeline.impact.validation.figures import Figure, absent
from pipeline.impact.validation.interval_study import coverage_figures
from pipeline.impact.validation.naid import FILE
from pipeline.impact.validation.pool_fit import fit_pools
from pipeline.impact.validation.words import NAME as WORDS
from pipeline.impact.validation.words import word_vectors
from pipeline.impact.variants import Variant, default_variant, score_variants
from resources.workspace import Workspace

SEED = 0
_PLANTS = {
    "exponential": Plant("exponential"),
    "exponential, mean 20": Plant("exponential", mean=20),
    "lognormal": Plant("lognormal"),
}

Vectors = NDArray[np.float32]


def studies(library: ValidationLibrary) -> Iterable[Figure]:
    """Every figure of every study, each study announced as it begins."""
    report = library.workspace.report
    report("coverage of intervals, by simulation")
    yield from coverage_figures(seed=SEED)
    report("calibration under planted impact")
    yield from _calibration(library)
    report("agreement with NAID")
    yield from _naid(library)
    report("what the topic is worth in the library")
    yield from _topic(library)
    report("robustness to missing counts")
    yield from _robustness(library)
    report("sensitivity to the rule and the encoder")
    yield from _sensitivity(library)


def _calibration(library: ValidationLibrary) -> Iterable[Figure]:
    for name, plant in _PLANTS.items():
        yield from planted_calibration(plant, name=name, rng=np.random.default_rng(SEED))
    workspace = library.workspace
    columns = ["config_id", *calibration.SCORES]
    scores = workspace.lake.read_all("tncsi_sp", columns)
    mine = scores.filter(config_id=workspace.config_id)
    if mine[calibration.SCORES[0]].null_count() == mine.height:
        yield from absent(calibration.STUDY, "the library has no scores", "library")
    else:
        yield from library_calibration(mine)


def _naid(library: ValidationLibrary) -> Iterable[Figure]:
    workspace, rule = library.workspace, library.workspace.rule
    if not naid_file(workspace).exists():
        return absent(naid_study.STUDY, f"{FILE} in {workspace.data.benchmarks.name}/")
    try:
        naid, vectors = read_naid(workspace)
    except ModelError as problem:
        return absent(naid_study.STUDY, str(problem))
    if not naid.height:
        return absent(naid_study.STUDY, f"{FILE} has no rows with citations and TNCSI_SP")
    scores = naid_scores.own_scores(naid, vectors, rule)
    notes = dict.fromkeys(scores, "NAID's own papers and counts")
    source, part = library.around(naid, rule)
    if source:
        in_window = scores[naid_scores.IN_WINDOW]
        against = naid_scores.library_scores(naid, vectors, part, rule, in_window)
        said = f"pools of the library, counted by {source}; NAID's counts are Semantic Scholar's"
        notes |= dict.fromkeys(against, said)
        scores |= against
    shown, oracles = _ceiling(naid, vectors, scores[naid_scores.IN_WINDOW], library)
    notes |= dict.fromkeys(oracles, "shown the authors' scales; a ceiling, not a score")
    return [*shown, *naid_study.naid_agreement(naid, scores | oracles, notes=notes, seed=SEED)]


def _ceiling(
    naid: pl.DataFrame, vectors: Vectors, in_window: NDArray[np.float64], library: ValidationLibrary
) -> tuple[list[Figure], dict[str, NDArray[np.float64]]]:
    """What vectors and words say of the authors' scales, and scores that were shown them."""
    rule, cites = library.workspace.rule, naid["cites"].to_numpy()
    everything = naid_scores.everything(naid, vectors, rule)
    scale = fit_pools(everything, cites, cites, n_min=rule.n_min).scale
    known = np.isfinite(scale)
    if known.sum() < ceiling.LEAST:
        return absent(naid_study.STUDY, "too few papers for a ceiling", ceiling.MONTH), {}
    texts = [f"{t} {a}" for t, a in naid.select("title", "abstract").iter_rows()]
    features = {
        "vectors": vectors[known].astype(np.float64),
        WORDS: word_vectors(texts, seed=SEED)[known].astype(np.float64),
    }
    logs = ceiling.implied_log_scale(cites[known], naid["tncsi_sp"].to_numpy()[known])
    month = naid["month"].to_numpy()[known]
    shown = ceiling.ceiling_figures(logs, month, features, seed=SEED)
    found = ceiling.oracle_scores(logs, in_window[known], scale[known], features, seed=SEED)
    oracles = {name: np.full(known.size, np.nan) for name in found}
    for name, values in found.items():
        oracles[name][known] = values
    return shown, oracles


def _topic(library: ValidationLibrary) -> list[Figure]:
    columns = ["paper_id", "config_id", "year", *topic_study.COLUMNS]
    scores = library.workspace.lake.read_all("tncsi_sp", columns)
    mine = scores.filter(config_id=library.workspace.config_id).drop_nulls("tncsi_sp")
    return topic_study.topic_dependence(mine.sort("paper_id"), seed=SEED)


def _robustness(library: ValidationLibrary) -> list[Figure]:
    places = library.sample(sensitivity.SAMPLE, seed=SEED)
    if not places.size:
        return absent(robustness.STUDY, "the library has no scores")
    return robustness.missing_counts(
        library.pools(places),
        library.counts,
        precedence=library.precedence,
        rule=library.workspace.rule,
        seed=SEED,
    )


def _sensitivity(library: ValidationLibrary) -> Iterable[Figure]:
    places = library.sample(sensitivity.SAMPLE, seed=SEED)
    if not places.size:
        yield from absent(sensitivity.STUDY, "the library has no scores")
        return
    rule = default_variant(library.workspace.rule)

    def scored(
        variant: Variant, vectors: Vectors | None = None, queries: Vectors | None = None
    ) -> pl.Series:
        library.workspace.report(f"sensitivity: {variant.name}")
        return score_variants(
            [variant],
            library.papers,
            library.vectors if vectors is None else vectors,
            library.counts,
            encoder_id=library.workspace.encoder_id,
            precedence=library.precedence,
            queries=queries,
            places=places,
        )["excess_ratio"]

    default = scored(rule)
    by_year = np.mean(library.papers["date_precision"].gather(places).to_numpy() == "year")
    for name, variant in sensitivity.choices(library.workspace.rule).items():
        note = f"{by_year:.0%} of these papers are dated by year only" * ("window" in name)
        other = scored(variant)
        yield from sensitivity.movement(default, other, system=name, seed=SEED, note=note)
    words = word_vectors(library.texts(), seed=SEED)
    yield from sensitivity.movement(
        default, scored(rule, vectors=words), system=WORDS, seed=SEED, note="TF-IDF and SVD"
    )
    titles = library.papers["title"].gather(places).to_list()
    yield from _queries(library.workspace, titles, default, lambda q: scored(rule, queries=q))


def _queries(
    workspace: Workspace,
    titles: list[str],
    default: pl.Series,
    scored: Callable[[Vectors], pl.Series],
) -> Iterable[Figure]:
    """Pools found by titles as queries, plain and prompted, in place of papers' own vectors."""
    try:
        plain = scored(workspace.encoder.encode_queries(titles))
    except ModelError as problem:
        yield from absent(sensitivity.STUDY, str(problem), "title_query")
        return
    note = "titles look for pools in place of title + abstract"
    yield from sensitivity.movement(default, plain, system="title_query", seed=SEED, note=note)
    champion = workspace.prompts.champion(workspace.encoder_id)
    if champion is None:
        yield from absent(sensitivity.STUDY, "no prompt serves this encoder", "prompted_query")
        return
    prompted = scored(workspace.query_encoder.encode_queries(titles))
    for name, before in (("title_query", plain), ("tncsi_sp", default)):
        yield from sensitivity.movement(
            before,
            prompted,
            system="prompted_query" if before is plain else "prompted_query_to_default",
            seed=SEED,
            note=f"titles behind prompt {champion}, against {name}",
        )
