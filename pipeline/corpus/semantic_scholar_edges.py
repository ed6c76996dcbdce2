"""Semantic Scholar's citations -> edges.

Belongs here: what a row of the dataset `citations` means. Not: papers, nor how files are told
apart (semantic_scholar.py).
"""

from itertools import chain
from typing import Any

from pipeline.corpus.rows import BadRowError, Row, needed_id, number_id, truth


def edge(row: Row) -> dict[str, Any] | None:
    """The edge of a row; None if the cited work is nobody Semantic Scholar knows.

    A null `citedcorpusid` is no fault: it is an entry of a bibliography that was tied to no paper.
    """
    citing = needed_id(row, "citingcorpusid")
    cited = number_id(row, "citedcorpusid")
    meant = {
        "op": "row",
        "citing_id": citing,
        "cited_id": cited,
        "intents": _intents(row),
        "is_influential": truth(row, "isinfluential"),
        "edge_id": number_id(row, "citationid"),
    }
    return None if cited is None else meant


def deleted_edge(row: Row) -> dict[str, Any]:
    """The deletion of an edge by its number or by both its ends."""
    edge_id = number_id(row, "citationid")
    ends = [number_id(row, key) for key in ("citingcorpusid", "citedcorpusid")]
    if edge_id is None and None in ends:
        raise BadRowError(
            "expected citationid, or citingcorpusid and citedcorpusid, received neither"
        )
    return {"op": "delete", "citing_id": ends[0], "cited_id": ends[1], "edge_id": edge_id}


def _intents(row: Row) -> list[str] | None:
    """Every intent once, in order: the field has one list per mention, one list, or null."""
    value = row.get("intents")
    if value is None:
        return None
    if type(value) is not list:
        raise BadRowError(f"intents: expected a list, received {type(value).__name__}")
    mentions = (m if type(m) is list else [m] for m in value)
    found = [intent for intent in chain.from_iterable(mentions) if intent is not None]
    for intent in found:
        if type(intent) is not str:
            raise BadRowError(f"intents: expected texts, received {type(intent).__name__}")
    return list(dict.fromkeys(found))
