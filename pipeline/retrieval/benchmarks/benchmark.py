"""A benchmark in one shape, and how ids become rows.

Belongs here: what every layout is turned into, and what happens to ids nobody knows. Not: any
layout (one module each), and no measure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.corpus.text import document_text
from pipeline.errors import InputError
from pipeline.retrieval.judgments import Judgments, Rows
from pipeline.retrieval.query_set import QuerySet

SHOWN = 3  # examples in a message


@dataclass(frozen=True)
class Benchmark:
    """Queries and documents. `n_unknown`: judgments left out because a paper's text is missing."""

    queries: QuerySet
    document_ids: Sequence[str]
    titles: Sequence[str]
    abstracts: Sequence[str]
    n_unknown: int

    @property
    def name(self) -> str:
        """As in `retrieval_quality`."""
        return self.queries.name

    def document_texts(self) -> list[str]:
        """What to encode: title and abstract of each document."""
        return [document_text(t, a) for t, a in zip(self.titles, self.abstracts, strict=True)]


@dataclass
class Contents:
    """What a layout's reader found, by id, before ids become rows.

    queries: id -> text. documents: id -> (title, abstract). judged: (query id, document id, gain).
    domains: query id -> domain; the benchmark's name where absent. candidates: query id ->
    document ids to rank. itself: query id -> document id that is the query.
    """

    queries: Mapping[str, str]
    documents: Mapping[str, tuple[str, str]]
    judged: Sequence[tuple[str, str, float]]
    domains: Mapping[str, str] = field(default_factory=dict)
    candidates: Mapping[str, Sequence[str]] | None = None
    itself: Mapping[str, str] = field(default_factory=dict)


def assemble(name: str, contents: Contents, *, known_gaps: bool = False) -> Benchmark:
    """The benchmark with rows in place of ids.

    Queries without a judgment are left out. Of a pair judged twice the larger gain counts.

    Args:
        name: as in `retrieval_quality`.
        contents: what was read.
        known_gaps: the layout is known to judge papers whose text it lacks: count them. Otherwise
            they are refused, for the corpus is then not the one that was judged.

    Raises:
        InputError: judgments of unknown queries or documents, or none at all.
    """
    row_of = {document: row for row, document in enumerate(contents.documents)}
    unknown = [
        (q, d) for q, d, _ in contents.judged if q not in contents.queries or d not in row_of
    ]
    if unknown and not known_gaps:
        raise InputError(_unknown_message(name, contents, unknown))
    best: dict[tuple[str, str], float] = {}
    for q, d, gain in contents.judged:
        if q in contents.queries and d in row_of:
            best[q, d] = max(gain, best.get((q, d), gain))
    if not best:
        raise InputError(
            f"expected judgments in {name}, received none that can be used; check the folder"
        )
    judged = {q for q, _ in best}
    kept = [query for query in contents.queries if query in judged]
    return Benchmark(
        queries=_query_set(name, contents, kept, row_of, best),
        document_ids=list(contents.documents),
        titles=[title for title, _ in contents.documents.values()],
        abstracts=[abstract for _, abstract in contents.documents.values()],
        n_unknown=len(unknown),
    )


def _query_set(
    name: str,
    contents: Contents,
    kept: list[str],
    row_of: Mapping[str, int],
    best: Mapping[tuple[str, str], float],
) -> QuerySet:
    place = {query: i for i, query in enumerate(kept)}
    candidates = None
    if contents.candidates is not None:
        known = [[row_of[d] for d in contents.candidates[q] if d in row_of] for q in kept]
        candidates = pad([sorted(set(rows)) for rows in known])
    return QuerySet(
        name=name,
        query_ids=kept,
        texts=[contents.queries[query] for query in kept],
        domains=[contents.domains.get(query, name) for query in kept],
        judgments=Judgments.from_pairs(
            [place[q] for q, _ in best],
            [row_of[d] for _, d in best],
            list(best.values()),
            len(kept),
        ),
        itself=np.array([row_of.get(contents.itself.get(q, ""), -1) for q in kept], np.int32),
        candidates=candidates,
    )


def pad(lists: Sequence[Sequence[int]]) -> Rows:
    """Lists of rows as one array [list, longest], padded with −1."""
    padded = np.full((len(lists), max(map(len, lists), default=0)), -1, np.int32)
    for row, values in zip(padded, lists, strict=True):
        row[: len(values)] = values
    return padded


def _unknown_message(name: str, contents: Contents, unknown: list[tuple[str, str]]) -> str:
    queries = sorted({q for q, _ in unknown if q not in contents.queries})
    documents = sorted({d for _, d in unknown if d not in contents.documents})
    return (
        f"expected every judgment of {name} to name a query and a document of it, received "
        f"{len(unknown)} of {len(contents.judged)} that do not: {len(queries)} unknown queries "
        f"({', '.join(queries[:SHOWN]) or 'none'}), {len(documents)} unknown documents "
        f"({', '.join(documents[:SHOWN]) or 'none'}); fetch the whole benchmark again"
    )
