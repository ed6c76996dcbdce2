"""What runs cost: one entry of the journal, and the section that sums them.

Belongs here: sums by run and by step. Not: how entries are kept (resources/journal.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from pipeline.report.model import Listing, Section
from pipeline.wording import counted, listed

MEASURES = (
    "seconds", "cells", "files_changed", "rows_written", "texts_encoded", "pairs_scored",
    "pools_searched", "papers_scored", "calls", "cents",
)  # fmt: skip
"""Figures that a report sums; steps may note others, which mean something to themselves only."""

_DONE = {  # figure -> what was done, of one and of many
    "texts_encoded": ("text encoded", "texts encoded"),
    "pairs_scored": ("pair scored", "pairs scored"),
    "pools_searched": ("pool searched", "pools searched"),
    "papers_scored": ("paper scored", "papers scored"),
    "rows_written": ("row written", "rows written"),
    "calls": ("call", "calls"),
}


@dataclass(frozen=True)
class Cost:
    """What one step of a run did: `figures` by name, such as those of MEASURES."""

    at: datetime
    run_id: str
    job: str
    step: str
    figures: Mapping[str, float]


def costs_section(costs: Sequence[Cost]) -> Section:
    """What ran since the last report, and what it cost."""
    told = [name for name in MEASURES if any(cost.figures.get(name) for cost in costs)]
    rows = [(c.job, c.run_id[:8], c.step, *(c.figures.get(name) for name in told)) for c in costs]
    schema = {"job": pl.String, "run": pl.String, "step": pl.String}
    frame = pl.DataFrame(rows, schema=schema | dict.fromkeys(told, pl.Float64), orient="row")
    sums = {name: round(float(frame[name].sum()), 3) for name in told}
    runs, steps = _summed(frame, ["job", "run"], told), _summed(frame, ["step"], told)
    tables = (
        Listing("runs", "By run, in the order they ended", runs),
        Listing("steps", "By step", steps),
    )
    words = _words(runs.height, sums) if costs else "The journal tells of no run since."
    return Section("costs", "What ran, and what it cost", words, {"runs": runs.height} | sums,
                   tables if costs else ())  # fmt: skip


def _summed(frame: pl.DataFrame, key: list[str], told: list[str]) -> pl.DataFrame:
    sums = frame.group_by(key, maintain_order=True).agg(pl.len().alias("steps"), pl.col(told).sum())
    whole = [name for name in told if name not in ("seconds", "cents")]
    return sums.with_columns(pl.col(whole).cast(pl.Int64), pl.exclude(*key, *whole).round(2))


def _words(runs: int, sums: Mapping[str, float]) -> str:
    done = [counted(sums[name], *names) for name, names in _DONE.items() if sums.get(name)]
    if cents := sums.get("cents"):
        done.append(f"{cents:,.2f} cents")
    took = f" took {sums['seconds']:,.1f} s" if "seconds" in sums else ""
    return f"{counted(runs, 'run')}{took}{': ' if done else ''}{listed(done)}."
