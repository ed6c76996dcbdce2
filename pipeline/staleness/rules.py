"""What every output should be made from now: a rule each, and the version of its code.

Belongs here: which facets of which outputs, of which venue-years, an output looks at. Not: what
differs from what it was made from (planning.py).
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping

from pipeline.staleness.states import Inputs, State, States, World, cell_windows, name_of
from pipeline.tables import UNRECOGNISED, Cell, cell_named

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
                f"edges of {name_of(c)}": world.edges[c]
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
        f"{facet} of {name_of(other)}": _facet(records, other, facet) for other in others
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
    members = {c: (f"papers of {name_of(c)}", papers[c].facets["members"]) for c in windows}
    return {
        cell: {"rule": world.config_id, "papers": state.facets["queries"]}
        | dict(map(members.__getitem__, windows.get(cell, ())))
        for cell, state in papers.items()
    }


def _tncsi_sp(states: States, world: World) -> Mapping[Cell | None, Inputs]:
    papers, counts = states["papers"], states["citation_counts"]
    windows = cell_windows(papers, world.half_window_days)
    values = {c: (f"counts of {name_of(c)}", _facet(counts, c, "values")) for c in windows}
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
