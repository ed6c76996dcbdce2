"""What damage to a table means: who redoes it, what is lost, what else has to be redone with it.

Belongs here: the words and the consequences. Not: noticing damage (stamps.py, lake.py) or redoing
anything (assets/).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.staleness import State, States, records_elsewhere
from pipeline.tables import TABLES, Cell

OUTPUT_OF = {
    name: next(t.name for t in TABLES.values() if t.asset == table.asset)
    if table.partitioned
    else name
    for name, table in TABLES.items()
}
"""Table -> the output whose state tells of its file; a single file has a state of its own."""

HISTORY = frozenset(
    {"citation_snapshots", "citations", "paper_embeddings", "pair_labels", "label_audit"}
)
"""What upstream no longer tells, or what was dear to make: the damaged file is kept aside."""

REBUILD = "`csimpact refresh` makes it anew from upstream"
REMEDY = {
    "title_pairs": "`csimpact train` draws them again",
    "pair_labels": "`csimpact train` has them scored again; the file is kept aside",
    "retrieval_quality": "`csimpact train` measures again",
    **dict.fromkeys(
        ("citation_profiles", "topics", "paper_topics", "impact_aggregates", "rising_papers"),
        "`csimpact overview` makes it again",
    ),
    **dict.fromkeys(("tncsi_variants", "impact_validation"), "`csimpact validate` makes it again"),
    "label_audit": "people's judgements cannot be made anew: restore it from a backup, or delete "
    "it and import the sheets again",
}
"""What mends a table that no refresh makes."""

LOST = {
    "citation_snapshots": "made anew from what the sources say now and what lists in the inbox "
    "said; counts that only this file remembered are lost",
    "citations": "made anew; days on which citations were first seen are those of the files still "
    "in force",
    "paper_embeddings": "its texts are encoded again",
    "pair_labels": "its pairs are scored again",
}
"""What it means that a table of HISTORY is made anew."""

WITH_IDENTITIES = ("redirects", "match_review")
"""Single files that come from the ledger: written whenever any venue-year's identities are."""

SPREADS_TO = frozenset({"paper_ids", "paper_index"})
"""Outputs that have to be redone for what is damaged elsewhere: see `spread`."""


def spread(states: States, *, singles: Sequence[str], index: str) -> States:
    """`states`, with what has to be redone because something beside its own files is damaged.

    Args:
        states: as remembered; damaged files are named already.
        singles: what is wrong with tables of WITH_IDENTITIES, if anything is.
        index: what is wrong with the vector index, which all venue-years share; or nothing.
    """
    ids = dict(states["paper_ids"])
    for cell, why in _neighbours(states).items():
        ids[cell] = replace(ids[cell], damaged=(*ids[cell].damaged, why))
    if singles and ids:
        first = min(ids, key=str)
        ids[first] = replace(ids[first], damaged=(*ids[first].damaged, *singles))
    indexed: Mapping[Cell | None, State] = states["paper_index"]
    if index:
        indexed = {cell: replace(state, damaged=(index,)) for cell, state in indexed.items()}
    return {**states, "paper_ids": ids, "paper_index": indexed}


def damage_lines(states: States) -> list[str]:
    """What the next refresh will not use and makes anew, a line for each file."""
    found = {
        why: LOST.get(why.partition("/")[0], "made anew from upstream")
        for cells in states.values()
        for state in cells.values()
        for why in state.damaged
    }
    return [f"{why}: {what}" for why, what in found.items()]


def _neighbours(states: States) -> dict[Cell | None, str]:
    """Venue-years whose records are of papers that stand in a damaged file of identities.

    Such a record is matched again only when its own venue-year is redone.
    """
    ids = states["paper_ids"]
    return {
        other: state.damaged[0]
        for cell, state in ids.items()
        if state.damaged
        for other in records_elsewhere(states, cell)
        if other in ids and not ids[other].damaged
    }
