"""Views whose rows are papers, or what hangs on one paper: authors, counts, pools, citations.

Belongs here: their columns and SELECTs. Not: groups of papers (group_views.py).
"""

from dataclasses import replace

import polars as pl

from pipeline.query.records import NOT_SCORED
from pipeline.query.view import PLACE, TITLE, View, columns_of
from pipeline.tables import TABLES, Column
from pipeline.tables.recurring import CITATION_SOURCE, PAPER_ID, VENUE, YEAR

_FIGURES = (
    "citation_source", "cited_by_count", "tncsi_sp", "tncsi_sp_low", "tncsi_sp_high", "robust_low",
    "robust_high", "excess_ratio", "excess_low", "excess_high", "pool_percentile", "count_to_mean",
    "lognormal_cdf", "n_pool", "pool_k", "pool_share", "pool_ks", "pool_radius", "pool_same_venue",
    "pool_same_domain",
)  # fmt: skip

SCORES = View(
    "scores",
    "One row per paper: what it is, its citations, and its score with interval and companions.",
    ("papers", "tncsi_sp", "venues"),
    {
        "paper_id": PAPER_ID,
        "title": TITLE,
        **PLACE,
        **columns_of("papers", "publication_date", "date_precision", "track", "is_retracted"),
        **columns_of("tncsi_sp", *_FIGURES),
        "status": Column(
            pl.String,
            "`ok`, or why there is no score: `no_date`, `no_citation_count`, `pool_too_small`, "
            f"`constant_pool`, `{NOT_SCORED}` until the next refresh.",
        ),
    },
    f"""
SELECT p.paper_id, p.title, p.venue, v.venue_name, v.domain, p.year, p.publication_date,
       p.date_precision, p.track, p.is_retracted, {", ".join(f"s.{name}" for name in _FIGURES)},
       coalesce(s.status, '{NOT_SCORED}') AS status
FROM papers p
LEFT JOIN venues v ON v.venue = p.venue
LEFT JOIN (SELECT * FROM tncsi_sp WHERE config_id = {{config_id}}) s
       ON s.paper_id = p.paper_id AND s.venue = p.venue AND s.year = p.year""",
)

PAPER_AUTHORS = View(
    "paper_authors",
    "One row per paper and author, from the source whose author list is the one to read. A name is "
    "not a person: namesakes share it, and one person may have several.",
    ("authorships",),
    columns_of(
        "authorships", "paper_id", "venue", "year", "author_position", "author_name", "author_id",
        "affiliation", "source",
    ),
    """
SELECT paper_id, venue, year, author_position, author_name, author_id, affiliation, source
FROM authorships WHERE is_of_record""",
)  # fmt: skip

COUNT_HISTORY = View(
    "count_history",
    "How citations grew: one row per paper, source of counts and day on which its count moved.",
    ("citation_snapshots",),
    {
        **columns_of(
            "citation_snapshots", "paper_id", "venue", "year", "citation_source", "observed_on",
            "cited_by_count",
        ),
        "gained": Column(
            pl.Int32,
            "Citations more than at the observation before; null at the first.",
            "citations",
            nullable=True,
        ),
    },
    """
SELECT paper_id, venue, year, citation_source, observed_on, cited_by_count,
       cited_by_count - lag(cited_by_count)
           OVER (PARTITION BY paper_id, citation_source ORDER BY observed_on) AS gained
FROM citation_snapshots""",
)  # fmt: skip

POOL_MEMBERS = View(
    "pool_members",
    "What each paper was measured against: one row per paper and member of its pool. Ask for one "
    "`paper_id`, or few: all pools together are millions of rows.",
    ("topic_pools", "tncsi_sp", "papers", "citation_counts"),
    {
        "paper_id": PAPER_ID,
        "member_id": Column(pl.String, "The member's paper id."),
        "member_title": TITLE,
        "member_venue": VENUE,
        "member_year": YEAR,
        "publication_date": Column(pl.Date, "The member's date.", "date", nullable=True),
        "citation_source": replace(CITATION_SOURCE, nullable=True),
        "cited_by_count": Column(
            pl.Int32,
            "The member's citations by `citation_source`; null where it does not know: such a "
            "member does not count.",
            "citations",
            nullable=True,
        ),
    },
    """
SELECT p.paper_id, m.paper_id AS member_id, m.title AS member_title, m.venue AS member_venue,
       m.year AS member_year, m.publication_date, s.citation_source, c.cited_by_count
FROM (
    SELECT paper_id, unnest(members) AS paper_row FROM topic_pools WHERE config_id = {config_id}
) p
JOIN papers m USING (paper_row)
LEFT JOIN (SELECT * FROM tncsi_sp WHERE config_id = {config_id}) s ON s.paper_id = p.paper_id
LEFT JOIN citation_counts c
       ON c.paper_id = m.paper_id AND c.citation_source = s.citation_source""",
)

CITATION_EDGES = View(
    "citation_edges",
    "Who cites whom inside the library: one row per pair of held papers, whichever sources tell of "
    "it now; no paper cites itself.",
    ("citations", "papers", "venues"),
    {
        "citing_paper_id": Column(pl.String, "The paper that cites."),
        "cited_paper_id": Column(pl.String, "The paper cited."),
        "citing_venue": Column(pl.String, "Venue of the citing paper."),
        "citing_domain": Column(pl.String, "Domain of its venue.", nullable=True),
        "citing_year": Column(pl.Int32, "Year of its edition.", "year"),
        "cited_venue": Column(pl.String, "Venue of the cited paper."),
        "cited_domain": Column(pl.String, "Domain of its venue.", nullable=True),
        "cited_year": Column(pl.Int32, "Year of its edition.", "year"),
        "sources": Column(pl.List(pl.String), "Sources that tell of it, sorted."),
        "is_influential": Column(
            pl.Boolean, "Whether a source calls it influential; null if none says.", nullable=True
        ),
        "intents": Column(
            pl.List(pl.String),
            "Why it cites, sorted; null if no source says.",
            nullable=True,
        ),
    },
    """
SELECT citing_paper_id, cited_paper_id, a.venue AS citing_venue, va.domain AS citing_domain,
       a.year AS citing_year, b.venue AS cited_venue, vb.domain AS cited_domain,
       b.year AS cited_year, e.sources, is_influential, intents
FROM (
    SELECT citing_paper_id, cited_paper_id, list_sort(list(DISTINCT source)) AS sources,
           bool_or(is_influential) AS is_influential,
           list_sort(list_distinct(flatten(list(intents) FILTER (intents IS NOT NULL)))) AS intents
    FROM citations
    WHERE in_force AND NOT is_self_loop AND cited_paper_id <> citing_paper_id
    GROUP BY citing_paper_id, cited_paper_id
) e
JOIN papers a ON a.paper_id = citing_paper_id
JOIN papers b ON b.paper_id = cited_paper_id
LEFT JOIN venues va ON va.venue = a.venue
LEFT JOIN venues vb ON vb.venue = b.venue""",
)

RISING = View(
    "rising",
    "Papers whose standing among their pools grew most, by title.",
    ("rising_papers", "papers", "venues"),
    {
        "rank": TABLES["rising_papers"].columns["rank"],
        "paper_id": PAPER_ID,
        "title": TITLE,
        **PLACE,
        **columns_of(
            "rising_papers", "since", "until", "citation_source", "cited_before", "cited_after",
            "excess_before", "excess_after", "rise",
        ),
    },
    """
SELECT r.rank, r.paper_id, p.title, p.venue, v.venue_name, v.domain, p.year, r.since, r.until,
       r.citation_source, r.cited_before, r.cited_after, r.excess_before, r.excess_after, r.rise
FROM rising_papers r JOIN papers p ON p.paper_id = r.paper_id
LEFT JOIN venues v ON v.venue = p.venue""",
)  # fmt: skip

VARIANT_SCORES = View(
    "variant_scores",
    "What other rules would say: one row per paper and rule, beside the score in use.",
    ("tncsi_variants", "tncsi_sp"),
    {
        **columns_of(
            "tncsi_variants", "paper_id", "venue", "year", "variant", "status", "cited_by_count",
            "variant_score", "n_pool",
        ),
        "tncsi_sp": TABLES["tncsi_sp"].columns["tncsi_sp"],
        "difference": Column(pl.Float64, "variant_score − tncsi_sp.", "−1..1", nullable=True),
    },
    """
SELECT w.paper_id, w.venue, w.year, w.variant, w.status, w.cited_by_count, w.variant_score,
       w.n_pool, s.tncsi_sp, w.variant_score - s.tncsi_sp AS difference
FROM tncsi_variants w
LEFT JOIN (SELECT * FROM tncsi_sp WHERE config_id = {config_id}) s ON s.paper_id = w.paper_id""",
)  # fmt: skip
