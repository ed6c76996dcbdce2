"""What is stale now, and what follows from it.

Belongs here: comparing what outputs were made from with what they should be made from, and the
reasons a person reads. Not: the rules (rules.py).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.staleness.rules import ON_DEMAND, RULES, UPSTREAM, wanted_inputs
from pipeline.staleness.states import Inputs, State, States, World, cell_windows, name_of
from pipeline.tables import UNRECOGNISED, Cell


@dataclass(frozen=True)
class Stale:
    """A cell of an output to redo, and every reason why."""

    output: str
    cell: Cell | None
    reasons: tuple[str, ...]


def stale_cells(output: str, states: States, world: World) -> list[Stale]:
    """The cells of `output` to redo now, newest year first, each with its reasons."""
    stored = states[output]
    stale = [
        Stale(output, cell, reasons)
        for cell, inputs in wanted_inputs(output, states, world).items()
        if (reasons := tuple(_reasons(stored.get(cell), inputs)))
    ]
    return sorted(stale, key=lambda s: (-s.cell[1], s.cell[0]) if s.cell else (0, ""))


def in_scope(
    output: str, cell: Cell | None, scope: Collection[Cell], states: States, world: World
) -> bool:
    """Whether bringing the cells of `scope` up to date needs this cell of `output`.

    Pools and scores of a cell need vectors and counts of every cell in its window; records,
    identities and papers are never limited, since they are cheap and one ledger serves all.
    """
    if not scope or cell is None or output in ("dump_records", "paper_ids", "papers"):
        return True
    if output in ("topic_pools", "tncsi_sp"):
        return cell in scope
    windows = cell_windows(states["papers"], world.half_window_days)
    return cell in scope or any(cell in windows.get(target, ()) for target in scope)


def plan(states: States, world: World) -> list[Stale]:
    """Everything stale now, and what may follow from it, in the order it would be made.

    What stands downstream of a stale cell is named with the reason "follows …": whether it has
    to be redone is known only when the upstream values are there, since equal values stop it.
    """
    planned: list[Stale] = []
    pending: dict[str, set[Cell | None]] = {}
    for output in (o for o in RULES if o not in ON_DEMAND):
        stale = {s.cell: s for s in stale_cells(output, states, world)}
        for follower in _followers(output, pending, states, world):
            if follower.cell not in stale:
                stale[follower.cell] = follower
        pending[output] = set(stale)
        planned += stale.values()
    return planned


def _followers(
    output: str, pending: Mapping[str, set[Cell | None]], states: States, world: World
) -> Iterator[Stale]:
    moving = {cell: up for up in UPSTREAM[output] for cell in pending[up] if cell != UNRECOGNISED}
    if not moving:
        return
    windows: Mapping[Cell | None, Sequence[Cell]] = {}
    if output in ("topic_pools", "tncsi_sp"):
        windows = cell_windows(states["papers"], world.half_window_days)
    for cell in sorted(states["papers"].keys() | moving.keys(), key=str):
        reached = moving.keys() & {cell, *windows.get(cell, ())}
        if reached:
            names = sorted(f"{moving[c]} of {name_of(c)}" for c in reached)
            yield Stale(output, cell, (f"follows {_shortened(names)}",))


def _reasons(stored: State | None, wanted: Inputs) -> Iterator[str]:
    if stored is None:
        yield "not made yet"
        return
    yield from stored.damaged
    if stored.inputs == wanted:
        return
    for name in sorted(wanted.keys() | stored.inputs.keys()):
        if name not in stored.inputs:
            yield f"{name}: new"
        elif name not in wanted:
            yield f"{name}: gone"
        elif stored.inputs[name] != wanted[name]:
            yield f"{name}: changed"


def _shortened(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
