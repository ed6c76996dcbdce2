"""What the gate said of a prompt, for a person: numbers against every rival, reasons, evidence.

Belongs here: the looks of a decision, shared by `csimpact train` and `csimpact prompt show`. Not:
the decision (pipeline/training/gate.py).
"""

import polars as pl

from pipeline.cli.output import print_frame
from pipeline.training.verdict import Verdict
from resources.prompt_registry import Decision

_SHOWN_ROWS = 40  # of a table of evidence
_COMPARISON = {
    "domain": pl.String,
    "rival": pl.String,
    "queries": pl.Int64,
    "gain": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "p_holm": pl.Float64,
    "detectable": pl.Float64,
    "passed": pl.Boolean,
}


def comparisons(decision: Decision | None) -> pl.DataFrame:
    """The challenger against each rival, over all queries (`all`) and in each domain.

    `gain, low, high`: nDCG@10; `detectable`: the gain that would be found four times in five;
    `passed` is null where a domain has too few queries to judge.
    """
    verdict = decision.verdict if decision else None
    rows = _rows(verdict) if verdict else []
    return pl.DataFrame(rows, schema=_COMPARISON, orient="row")


def _rows(verdict: Verdict) -> list[dict[str, object]]:
    overall = [
        c.model_dump(include=set(_COMPARISON))
        | {"domain": "all", "queries": verdict.n_queries, "passed": c.better}
        for c in verdict.overall
    ]
    return overall + [
        d.model_dump(include=set(_COMPARISON)) | {"queries": d.n_queries, "passed": d.not_worse}
        for d in verdict.domains
    ]


def print_verdict(decision: Decision) -> None:
    """Every number and reason of a decision."""
    for name, rows in decision.evidence.items():
        if rows:
            print(f"\n{name}")
            print_frame(pl.DataFrame(rows, infer_schema_length=None).head(_SHOWN_ROWS), "table")
    if verdict := decision.verdict:
        print(
            f"\ngate: nDCG@10 {verdict.challenger_mean:.4f} on {verdict.n_queries:,} test queries "
            f"(split {verdict.test_digest}, look {verdict.look}, alpha {verdict.alpha:.4f}, margin "
            f"{verdict.rule.margin} in a domain, seed {verdict.seed})"
        )
        if verdict.overall:
            shown = pl.col("passed").replace_strict(
                {True: "yes", False: "no"}, default="too few", return_dtype=pl.String
            )
            print_frame(comparisons(decision).with_columns(shown), "table")
    for reason in decision.reasons:
        print(f"- {reason}")
    print()
