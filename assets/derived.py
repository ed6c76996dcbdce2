"""Single-file tables made of the whole library, made again only where what they look at moved.

Belongs here: from what such a table was made, and whether that moved. Not: what it says (the assets
that make it). A night without news costs them nothing, and one with news only what has some.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import polars as pl

from pipeline.staleness import Inputs
from resources.workspace import Workspace


def library_inputs(workspace: Workspace, code: str, outputs: Sequence[str]) -> Inputs:
    """Digests of all venue-years of each output, and of single-file tables, by name.

    `code` is raised by hand whenever the maker computes something else from them.
    """
    inputs = {"code": code, "rule": workspace.config_id}
    for output in outputs:
        states = workspace.lake.states(output)
        text = "\n".join(f"{cell} {states[cell].digest}" for cell in sorted(states, key=str))
        inputs[output] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return inputs


def made_of(workspace: Workspace, table: str, inputs: Inputs) -> bool:
    """Whether the table was made from these inputs and its file is what was written."""
    state = workspace.lake.state(table, None)
    return state is not None and state.inputs == inputs and not state.damaged


def write_made(workspace: Workspace, tables: Mapping[str, pl.DataFrame], inputs: Inputs) -> str:
    """Replace the tables' files and remember from what they were made; their common digest.

    The first table is remembered last: whoever is killed before has made nothing.
    """
    lake = workspace.lake
    digests = []
    for name in reversed(list(tables)):
        lake.write(name, None, tables[name])
        state = lake.state(name, None)
        assert state is not None  # written just now
        lake.commit(name, None, replace(state, inputs=dict(inputs)))
        digests.append(state.digest)
    return _together(reversed(digests))


def version_of(workspace: Workspace, tables: Iterable[str]) -> str:
    """The common digest of tables as they stand, as `write_made` gave it."""
    states = (workspace.lake.state(table, None) for table in tables)
    return _together(state.digest for state in states if state)


def _together(digests: Iterable[str]) -> str:
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
