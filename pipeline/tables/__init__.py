"""Every stored table, declared once: columns, dtypes, units, meaning, key.

`docs/data-dictionary.md` is generated from here (`python -m pipeline.tables`), the lake refuses
rows that break a declaration, and Dagster shows it as the column schema. One meaning has one name
everywhere; units stand in the name or in the `unit` field.

    cells.py         a partition: venue × year
    declaration.py   what a table is, and every way rows may break it
    recurring.py     columns that stand in many tables
    corpus.py        records, papers, counts, citations
    retriever.py     vectors, pairs, labels, quality
    impact.py        pools and scores
    profiles.py      references, citations in time and contexts beside a score
    overview.py      groups of papers: topics, aggregates, who rises
    validation.py    scores under other rules, and how far scores can be trusted
    dictionary.py    the page
"""

from collections.abc import Mapping

from pipeline.tables.cells import UNRECOGNISED, Cell, cell_name, cell_named
from pipeline.tables.corpus import (
    AUTHORSHIPS,
    CITATION_COUNTS,
    CITATION_SNAPSHOTS,
    CITATIONS,
    DUMP_RECORDS,
    MATCH_REVIEW,
    PAPER_IDS,
    PAPERS,
    QUARANTINE,
    REDIRECTS,
    VENUE_COVERAGE,
)
from pipeline.tables.declaration import Column, Table, violations
from pipeline.tables.impact import TNCSI_SP, TOPIC_POOLS
from pipeline.tables.overview import IMPACT_AGGREGATES, PAPER_TOPICS, RISING_PAPERS, TOPICS
from pipeline.tables.profiles import CITATION_PROFILES
from pipeline.tables.retriever import (
    LABEL_AUDIT,
    PAIR_LABELS,
    PAPER_EMBEDDINGS,
    RETRIEVAL_QUALITY,
    TITLE_PAIRS,
)
from pipeline.tables.validation import IMPACT_VALIDATION, TNCSI_VARIANTS

__all__ = [
    "AUTHORSHIPS", "CITATIONS", "CITATION_COUNTS", "CITATION_PROFILES", "CITATION_SNAPSHOTS",
    "DUMP_RECORDS", "IMPACT_AGGREGATES", "IMPACT_VALIDATION", "LABEL_AUDIT", "MATCH_REVIEW",
    "PAIR_LABELS", "PAPERS", "PAPER_EMBEDDINGS", "PAPER_IDS", "PAPER_TOPICS", "QUARANTINE",
    "REDIRECTS", "RETRIEVAL_QUALITY", "RISING_PAPERS", "TABLES", "TITLE_PAIRS", "TNCSI_SP",
    "TNCSI_VARIANTS", "TOPICS", "TOPIC_POOLS", "UNRECOGNISED", "VENUE_COVERAGE", "Cell", "Column",
    "Table", "cell_name", "cell_named", "violations",
]  # fmt: skip

TABLES: Mapping[str, Table] = {
    t.name: t
    for t in (
        DUMP_RECORDS,
        QUARANTINE,
        PAPER_IDS,
        REDIRECTS,
        MATCH_REVIEW,
        PAPERS,
        AUTHORSHIPS,
        VENUE_COVERAGE,
        CITATION_COUNTS,
        CITATION_SNAPSHOTS,
        CITATIONS,
        PAPER_EMBEDDINGS,
        TITLE_PAIRS,
        PAIR_LABELS,
        LABEL_AUDIT,
        RETRIEVAL_QUALITY,
        TOPIC_POOLS,
        TNCSI_SP,
        TNCSI_VARIANTS,
        CITATION_PROFILES,
        TOPICS,
        PAPER_TOPICS,
        IMPACT_AGGREGATES,
        RISING_PAPERS,
        IMPACT_VALIDATION,
    )
}
