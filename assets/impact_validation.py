"""Asset `impact_validation`: how far scores can be trusted, measured on this library and NAID.

Belongs here: which studies are made of what, and when anew. Not: the studies
(pipeline/impact/validation), reading (validation_inputs.py).

Nothing is fetched: NAID's file is looked for in the data folder's `benchmarks/`, and where it is
not, or the encoder is not, or no prompt serves, a row says so.
"""

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.derived import library_inputs, made_of, write_made
from assets.validation_inputs import ValidationLibrary, naid_file, read_naid
from assets.wholes import Result, TrainConfig, Whole
from pipeline.errors import ModelError
from pipeline.impact.validation import calibration, ceiling, naid_scores, naid_study, sensitivity
from pipeline.impact.validation.calibration import Plant, library_calibration, planted_calibration
from pipeline.impact.validation.figures import ALL, Figure, absent, as_table
from pipeline.impact.validation.interval_study import coverage_figures
from pipeline.impact.validation.naid import FILE
from pipeline.impact.validation.pool_fit import fit_pools
from pipeline.impact.validation.robustness import missing_counts
from pipeline.impact.validation.words import NAME as WORDS
from pipeline.impact.validation.words import word_vectors
from pipeline.impact.variants import Variant, default_variant, score_variant
from pipeline.staleness import Inputs
from pipeline.tables import IMPACT_VALIDATION
from resources.workspace import Workspace

CODE = "1"  # raised whenever a study computes something else
SEED = 0
TABLE = IMPACT_VALIDATION.name
_LOOKED_AT = ("papers", "paper_embeddings", "citation_counts", "topic_pools", "tncsi_sp")
_PLANTS = {
    "exponential": Plant("exponential"),
    "exponential, mean 20": Plant("exponential", mean=20),
    "lognormal": Plant("lognormal"),
}

Vectors = NDArray[np.float32]


def impact_validation(workspace: Workspace, _: TrainConfig) -> Result:
    """Agreement with NAID, calibration, coverage of intervals, sensitivity, robustness: a table.

    Made again only where scores, pools, counts, vectors, NAID's file or the serving prompt moved.
    """
    inputs = _inputs(workspace)
    if made_of(workspace, TABLE, inputs):
        state = workspace.lake.state(TABLE, None)
        return Result(state.digest if state else "", {}, made=False)
    table = as_table(studies(ValidationLibrary(workspace)), workspace.today)
    digest = write_made(workspace, {TABLE: table}, inputs)
    return Result(digest, {"dagster/row_count": table.height}, _shown(table))


def studies(library: ValidationLibrary) -> Iterable[Figure]:
    """Every figure of every study, each study announced as it begins."""
    report = library.workspace.report
    report("coverage of intervals, by simulation")
    yield from coverage_figures(seed=SEED)
    report("calibration under planted impact")
    yield from _calibration(library)
    report("agreement with NAID")
    yield from _naid(library)
    report("robustness to missing counts")
    yield from _robustness(library)
    report("sensitivity to the rule and the encoder")
    yield from _sensitivity(library)


def _inputs(workspace: Workspace) -> Inputs:
    file = naid_file(workspace)
    naid = sha256(file.read_bytes()).hexdigest()[:16] if file.exists() else ""
    prompt = workspace.prompts.champion(workspace.encoder_id) or ""
    return {**library_inputs(workspace, CODE, _LOOKED_AT), "naid": naid, "prompt": prompt}


def _calibration(library: ValidationLibrary) -> Iterable[Figure]:
    for name, plant in _PLANTS.items():
        yield from planted_calibration(plant, name=name, rng=np.random.default_rng(SEED))
    workspace = library.workspace
    columns = ["config_id", *calibration.SCORES]
    scores = workspace.lake.read_all(calibration.SCORES[0], columns)
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
    scale = fit_pools(everything, cites, n_min=rule.n_min).scale
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


def _robustness(library: ValidationLibrary) -> list[Figure]:
    places = library.sample(sensitivity.SAMPLE, seed=SEED)
    if not places.size:
        return absent("robustness", "the library has no scores")
    return missing_counts(
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
        return score_variant(
            variant,
            library.papers,
            library.vectors if vectors is None else vectors,
            library.counts,
            encoder_id=library.workspace.encoder_id,
            precedence=library.precedence,
            queries=queries,
            places=places,
        )["excess_ratio"]

    default = scored(rule)
    for name, variant in sensitivity.choices(library.workspace.rule).items():
        yield from sensitivity.movement(default, scored(variant), system=name, seed=SEED)
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


def _shown(table: pl.DataFrame) -> Mapping[str, pl.DataFrame]:
    """A table per study, without bars of histograms and single years."""
    rows = table.filter(
        ~pl.col("measure").str.starts_with("pit_bin"),
        (pl.col("study") != naid_study.STUDY) | (pl.col("slice") == ALL),
    ).drop("measured_on")
    return {
        str(study): part.drop("study")
        for (study,), part in rows.group_by("study", maintain_order=True)
    }


IMPACT_VALIDATION_ASSET = Whole(
    TABLE, impact_validation, "impact", ("tncsi_sp", "topic_pools"), ("numpy", "parquet")
)
