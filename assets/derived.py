"""Tables made of the whole library, made again only where what they look at moved.

Belongs here: the mechanism, once for all of them: what such a table was made from, whether that
moved, writing. Not: what any of them says (citation_profiles.py, topics.py, …). A night without
news costs them nothing.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

import polars as pl

from assets.wholes import Result, TrainConfig, Whole
from pipeline.staleness import Inputs
from pipeline.tables import TABLES
from resources.workspace import Workspace


@dataclass(frozen=True)
class Drawn:
    """The tables of a derived asset, and what Dagster should show of them."""

    tables: Mapping[str, pl.DataFrame]
    facts: Mapping[str, Any] = field(default_factory=dict)
    shown: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    plots: Mapping[str, bytes] = field(default_factory=dict)


def _nothing(_: Workspace) -> Inputs:
    return {}


def derived(
    draw: Callable[[Workspace], Drawn],
    *,
    tables: tuple[str, ...],
    looks_at: tuple[str, ...],
    code: str,
    besides: Callable[[Workspace], Inputs] = _nothing,
    kinds: tuple[str, ...] = ("polars", "parquet"),
) -> Whole:
    """An asset of the name of `draw`, whose docstring describes it.

    Args:
        draw: makes the `tables`, all of them, in their order.
        tables: single files of the lake.
        looks_at: outputs it is made from, of which every venue-year counts, and single files.
        code: raised by hand whenever `draw` makes something else of the same inputs.
        besides: digests of whatever else it looks at.
        kinds: as Dagster shows them.
    """

    def inputs(workspace: Workspace) -> Inputs:
        return {**library_inputs(workspace, code, looks_at), **besides(workspace)}

    def current(workspace: Workspace) -> bool:
        return _made_of(workspace, tables, inputs(workspace))

    @wraps(draw)
    def function(workspace: Workspace, _: TrainConfig) -> Result:
        wanted = inputs(workspace)
        if _made_of(workspace, tables, wanted):
            return Result(_version(workspace, tables), {}, made=False)
        drawn = draw(workspace)
        _write(workspace, drawn.tables, wanted)
        facts = {"dagster/row_count": drawn.tables[tables[0]].height, **drawn.facts}
        return Result(_version(workspace, tables), facts, drawn.shown, drawn.plots)

    upstream = tuple(dict.fromkeys(TABLES[output].asset for output in looks_at))
    name = draw.__name__
    return Whole(name, function, "impact", upstream, kinds, tables=tables, current=current)


def library_inputs(workspace: Workspace, code: str, outputs: Sequence[str]) -> Inputs:
    """The code, the pool rule, and digests of all venue-years of each output, by name."""
    inputs = {"code": code, "rule": workspace.config_id}
    for output in outputs:
        states = workspace.lake.states(output)
        text = "\n".join(f"{cell} {states[cell].digest}" for cell in sorted(states, key=str))
        inputs[output] = digest_of_text(text)
    return inputs


def registry_digest(workspace: Workspace) -> Inputs:
    """Names and domains of the venues, as something to look at."""
    venues = "\n".join(f"{v.slug} {v.domain} {v.name}" for v in workspace.venues)
    return {"venues": digest_of_text(venues)}


def digest_of_text(text: str) -> str:
    """16 hex digits of SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _made_of(workspace: Workspace, tables: Sequence[str], inputs: Inputs) -> bool:
    """Whether all were made from these inputs and their files are what was written."""
    states = [workspace.lake.state(table, None) for table in tables]
    return all(s is not None and s.inputs == inputs and not s.damaged for s in states)


def _version(workspace: Workspace, tables: Sequence[str]) -> str:
    states = [workspace.lake.state(table, None) for table in tables]
    return digest_of_text(" ".join(state.digest for state in states if state))


def _write(workspace: Workspace, tables: Mapping[str, pl.DataFrame], inputs: Inputs) -> None:
    """Replace the files and remember from what they were made.

    Only then: whoever is killed in between has made nothing that counts.
    """
    lake = workspace.lake
    for name, frame in tables.items():
        lake.write(name, None, frame)
        state = lake.state(name, None)
        assert state is not None  # written just now
        lake.commit(name, None, replace(state, inputs=dict(inputs)))
