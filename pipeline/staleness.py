"""The planner: from what each output should be made now, against from what it was made.

Belongs here: which cells of which output are stale, and why. Not: reading states
(resources/lake.py) or redoing anything (assets/). `csimpact refresh`, `csimpact status` and the
automation all ask here, since pools and scores cross venues: no declarative condition can name
exactly the cells that a moved record touches.

An output is stale when its stored inputs differ from the wanted ones. Inputs are digests of
*facets* of upstream outputs, so that a moved count never looks like a moved text.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from pipeline.tables import UNRECOGNISED, Cell, cell_named

Inputs = Mapping[str, str]
"""Name of an input -> its digest. Names are what a person reads as the reason."""


@dataclass(frozen=True)
class State:
    """What an output was made from, and what it is.

    `inputs`: digests it was made from; `digest`: of its own values; `facets`: digests of parts
    of them that downstream outputs look at; `rows` and `files`: row count and bytes per table;
    `days`: first and last publication day (days since 1970) of its dated papers; `digests` and
    `mtimes`: of each table's file, to know it again; `damaged`: why its files are not what they
    were, found on reading and never stored. What it says of a damaged cell still holds: it is what
    the cell will be again.
    """

    inputs: Mapping[str, str]
    digest: str
    rows: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, int] = field(default_factory=dict)
    facets: Mapping[str, str] = field(default_factory=dict)
    days: tuple[int, int] | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    mtimes: Mapping[str, int] = field(default_factory=dict)  # nanoseconds since the epoch
    damaged: tuple[str, ...] = ()


States = Mapping[str, Mapping[Cell | None, State]]
"""Output name -> cell -> its state."""


@dataclass(frozen=True)
class Stale:
    """A cell of an output to redo, and every reason why."""

    output: str
    cell: Cell | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class World:
    """What outputs are made from besides each other."""

    records: Mapping[Cell, str]  # digest of what every source says of each venue-year
    edges: Mapping[Cell, str]  # digest of the citations handed over apart from papers
    decisions: str  # digest of what people decided about identities
    encoder_id: str
    config_id: str
    half_window_days: int
    labelling: str  # rule of query papers and candidates
    teacher: str  # who labels, and on what input
    domains: Mapping[str, str] = field(default_factory=dict)  # of venues


Rule = Callable[[States, World], Mapping[Cell | None, Inputs]]

# Raised by hand whenever a stage computes something else from the same inputs.
CODE_VERSIONS: Mapping[str, str] = {
    "dump_records": "2",
    "paper_ids": "3",
    "papers": "3",
    "citation_counts": "2",
    "citations": "1",
    "venue_coverage": "1",
    "paper_embeddings": "1",
    "paper_index": "1",
    "topic_pools": "1",
    "tncsi_sp": "3",
    "title_pairs": "2",
    "pair_labels": "1",
}


def _dump_records(_: States, world: World) -> Mapping[Cell | None, Inputs]:
    return {cell: {"sources": digest} for cell, digest in world.records.items()}


def _paper_ids(states: States, world: World) -> Mapping[Cell | None, Inputs]:
    return {
        cell: {"records": state.facets["identity"], "decisions": world.decisions}
        for cell, state in _venue_years(states)
    }


def _papers(states: States, _: World) -> Mapping[Cell | None, Inputs]:
    ids = states["paper_ids"]
    return {
        cell: {
            **_records_of(states, cell, "content"),
            "paper ids": _facet(ids, cell, "papers"),
        }
        for cell, _state in _venue_years(states)
    }


def _citation_counts(states: States, _: World) -> Mapping[Cell | None, Inputs]:
    ids = states["paper_ids"]
    return {
        cell: {**_records_of(states, cell, "counts"), "paper ids": _digest(ids, cell)}
        for cell, _state in _venue_years(states)
    }


def _citations(states: States, world: World) -> Mapping[Cell | None, Inputs]:
    ids = states["paper_ids"]
    # A new paper may be what a known edge always pointed to, wherever it stands.
    works = _digest_of([_facet(ids, cell, "works") for cell in sorted(ids, key=str)])
    return {
        cell: {
            **_records_of(states, cell, "references"),
            **{
                f"edges of {_name(c)}": world.edges[c]
                for c in (cell, *records_elsewhere(states, cell))
                if c and c in world.edges
            },
            "paper ids": _facet(ids, cell, "works"),
            "works": works,
        }
        for cell, _state in _venue_years(states)
    }


def _venue_coverage(states: States, _: World) -> Mapping[Cell | None, Inputs]:
    return {
        cell: {
            **_records_of(states, cell, "coverage"),
            "paper ids": _facet(states["paper_ids"], cell, "papers"),
            "papers": _digest(states["papers"], cell),
            "citations": _facet(states["citations"], cell, "citing"),
        }
        for cell, _state in _venue_years(states)
    }


def records_elsewhere(states: States, cell: Cell | None) -> list[Cell]:
    """Other venue-years in which records of the cell's papers stand, or papers of its records."""
    state = states["paper_ids"].get(cell)
    return [cell_named(name) for name in state.facets["elsewhere"].split()] if state else []


def _records_of(states: States, cell: Cell | None, facet: str) -> dict[str, str]:
    records = states["dump_records"]
    others = records_elsewhere(states, cell)
    return {facet: _facet(records, cell, facet)} | {
        f"{facet} of {_name(other)}": _facet(records, other, facet) for other in others
    }


def _paper_embeddings(states: States, world: World) -> Mapping[Cell | None, Inputs]:
    return {
        cell: {"texts": state.facets["texts"], "encoder": world.encoder_id}
        for cell, state in states["papers"].items()
    }


def _paper_index(states: States, world: World) -> Mapping[Cell | None, Inputs]:
    vectors = states["paper_embeddings"]
    return {
        cell: {
            "papers": state.digest,
            "vectors": _digest(vectors, cell),
            "encoder": world.encoder_id,
        }
        for cell, state in states["papers"].items()
    }


def _topic_pools(states: States, world: World) -> Mapping[Cell | None, Inputs]:
    papers = states["papers"]
    windows = cell_windows(papers, world.half_window_days)
    # A vector never changes for its text, so the texts in this facet stand for it.
    members = {c: (f"papers of {_name(c)}", papers[c].facets["members"]) for c in windows}
    return {
        cell: {"rule": world.config_id, "papers": state.facets["queries"]}
        | dict(map(members.__getitem__, windows.get(cell, ())))
        for cell, state in papers.items()
    }


def _tncsi_sp(states: States, world: World) -> Mapping[Cell | None, Inputs]:
    papers, counts = states["papers"], states["citation_counts"]
    windows = cell_windows(papers, world.half_window_days)
    values = {c: (f"counts of {_name(c)}", _facet(counts, c, "values")) for c in windows}
    venues = {c: f"{c} {world.domains.get(c[0])} {_facet(papers, c, 'rows')}" for c in windows if c}
    return {
        cell: {
            "papers": state.facets["queries"],  # a date is a status, even where no pool moves
            "date precision": _facet(papers, cell, "precision"),
            # A member that moved to another venue is still the same member of the same pool.
            "venues of members": _digest_of(map(venues.__getitem__, windows.get(cell, ()))),
            "pools": _digest(states["topic_pools"], cell),
            "counts": _facet(counts, cell, "values"),
            "rule": world.config_id,
        }
        | dict(map(values.__getitem__, windows.get(cell, ())))
        for cell, state in papers.items()
    }


def _title_pairs(states: States, world: World) -> Mapping[Cell | None, Inputs]:
    papers = states["papers"]
    # Every candidate of every query may be any paper: one new paper can enter anywhere.
    members = _digest_of([f"{c} {papers[c].facets['members']}" for c in sorted(papers, key=str)])
    edges = states["citations"]
    citing = _digest_of([f"{c} {edges[c].digest}" for c in sorted(edges, key=str)])
    inputs = {
        "rule": world.labelling,
        "encoder": world.encoder_id,
        "papers of the library": members,
        "citations of the library": citing,
    }
    return dict.fromkeys(papers, inputs)


def _pair_labels(states: States, world: World) -> Mapping[Cell | None, Inputs]:
    return {
        cell: {"pairs": state.digest, "teacher": world.teacher}
        for cell, state in states["title_pairs"].items()
    }


# In the order they are made.
RULES: Mapping[str, Rule] = {
    "dump_records": _dump_records,
    "paper_ids": _paper_ids,
    "papers": _papers,
    "citation_counts": _citation_counts,
    "citations": _citations,
    "venue_coverage": _venue_coverage,
    "paper_embeddings": _paper_embeddings,
    "paper_index": _paper_index,
    "topic_pools": _topic_pools,
    "tncsi_sp": _tncsi_sp,
    "title_pairs": _title_pairs,
    "pair_labels": _pair_labels,
}

ON_DEMAND = frozenset({"title_pairs", "pair_labels"})
"""Made when somebody asks: no refresh redoes them, and no plan names them."""

UPSTREAM: Mapping[str, tuple[str, ...]] = {
    "dump_records": (),
    "paper_ids": ("dump_records",),
    "papers": ("dump_records", "paper_ids"),
    "citation_counts": ("dump_records", "paper_ids"),
    "citations": ("dump_records", "paper_ids"),
    "venue_coverage": ("papers", "citations"),
    "paper_embeddings": ("papers",),
    "paper_index": ("papers", "paper_embeddings"),
    "topic_pools": ("papers", "paper_embeddings"),
    "tncsi_sp": ("topic_pools", "citation_counts"),
}


def wanted_inputs(output: str, states: States, world: World) -> Mapping[Cell | None, Inputs]:
    """What every cell of `output` should be made from, given the upstream states."""
    code = CODE_VERSIONS[output]
    return {cell: {"code": code, **inputs} for cell, inputs in RULES[output](states, world).items()}


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
            names = sorted(f"{moving[c]} of {_name(c)}" for c in reached)
            yield Stale(output, cell, (f"follows {_shortened(names)}",))


def cell_windows(
    papers: Mapping[Cell | None, State], half_window_days: int
) -> Mapping[Cell | None, Sequence[Cell]]:
    """Of each cell with dated papers: cells that hold papers within the window of any of its.

    Sorted, itself included. Cells without dated papers have no window, and stand in nobody's.
    """
    dated = sorted((cell, s.days) for cell, s in papers.items() if cell and s.days)
    return _windows(tuple(dated), half_window_days)


@lru_cache(maxsize=4)  # every stage and tick asks, and days seldom move
def _windows(
    dated: tuple[tuple[Cell, tuple[int, int]], ...], half: int
) -> Mapping[Cell | None, Sequence[Cell]]:
    cells = [cell for cell, _ in dated]
    first, last = np.array([days for _, days in dated], np.int64).reshape(-1, 2).T
    return {
        cell: [cells[i] for i in np.flatnonzero((first <= end + half) & (last >= start - half))]
        for cell, (start, end) in dated
    }


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


def _venue_years(states: States) -> list[tuple[Cell | None, State]]:
    return [(c, s) for c, s in states["dump_records"].items() if c != UNRECOGNISED]


def _facet(states: Mapping[Cell | None, State], cell: Cell | None, name: str) -> str:
    state = states.get(cell)
    # One made by an older version may lack what a newer one looks at.
    return state.facets.get(name, "missing") if state else "missing"


def _digest(states: Mapping[Cell | None, State], cell: Cell | None) -> str:
    state = states.get(cell)
    return state.digest if state else "missing"


def _digest_of(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _name(cell: Cell | None) -> str:
    return f"{cell[0]} {cell[1]}" if cell else "all"


def _shortened(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
