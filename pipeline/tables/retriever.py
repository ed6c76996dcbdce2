"""Tables of the retriever and its labels: vectors, pairs, what teachers and people said of them."""

import polars as pl

from pipeline.tables.corpus import PAPERS
from pipeline.tables.declaration import Column, Table
from pipeline.tables.recurring import DOCUMENT_ID, QUERY_ID, TEXT_INPUT, VENUE, YEAR

PAPER_EMBEDDINGS = Table(
    "paper_embeddings",
    "paper_embeddings",
    "Unit vectors of title + abstract by text and encoder: primary data, never recomputed.",
    ("text_hash", "encoder_id"),
    {
        "text_hash": PAPERS.columns["text_hash"],
        "encoder_id": Column(pl.String, "Encoder, weights digest and token limit."),
        "venue": VENUE,
        "year": YEAR,
        "vector": Column(pl.List(pl.Float32), "Document vector, L2-normalised."),
    },
)

TITLE_PAIRS = Table(
    "title_pairs",
    "title_pairs",
    "Pairs of papers for the teacher to judge: candidates for each sampled query paper.",
    ("query_id", "document_id"),
    {
        "query_id": QUERY_ID,
        "document_id": DOCUMENT_ID,
        "venue": Column(pl.String, "Venue of the query paper."),
        "year": Column(pl.Int32, "Year of the query paper's edition.", "year"),
        "split": Column(
            pl.String, "`train`, `dev` or `test`: near-duplicates of a paper are in one."
        ),
        "miners": Column(
            pl.List(pl.String),
            "Who proposed the pair, of `student`, `document`, `bm25`, `cites`, `cited_by`, "
            "`co_cited`, `same_domain`, `random`, in that order.",
        ),
        "student_rank": Column(pl.Int32, "Rank of the document under the student, from 1.", "rank"),
        "student_score": Column(
            pl.Float32, "Cosine of the student, title against document.", "cosine"
        ),
    },
)

PAIR_LABELS = Table(
    "pair_labels",
    "pair_labels",
    "What a teacher says of pairs of texts: primary data, never scored twice.",
    ("query_hash", "document_hash", "text_input", "teacher_id"),
    {
        "query_hash": Column(pl.String, "Digest of the query text that the teacher saw."),
        "document_hash": Column(pl.String, "Digest of the document text that the teacher saw."),
        "query_id": QUERY_ID,
        "document_id": DOCUMENT_ID,
        "venue": Column(pl.String, "Venue of the query paper."),
        "year": Column(pl.Int32, "Year of the query paper's edition.", "year"),
        "text_input": TEXT_INPUT,
        "teacher_id": Column(pl.String, "Teacher, weights digest, template hash, number format."),
        "score": Column(
            pl.Float32,
            "The teacher's raw score; null where it gave none (quarantined).",
            "log-odds, logit or cosine: the teacher's own scale",
            nullable=True,
        ),
    },
)

LABEL_AUDIT = Table(
    "label_audit",
    "label_audit",
    "What people said of pairs that a teacher had scored.",
    ("query_id", "document_id", "auditor"),
    {
        "query_id": QUERY_ID,
        "document_id": DOCUMENT_ID,
        "auditor": Column(pl.String, "Who judged: initials or a name of their own choosing."),
        "relevance": Column(pl.Int32, "0 unrelated, 1 same area, 2 same problem or method."),
        "text_input": TEXT_INPUT,
        "teacher_id": PAIR_LABELS.columns["teacher_id"],
        "score": Column(pl.Float32, "The teacher's score when the sheet was written."),
        "stratum": Column(pl.Int32, "Stratum of the teacher's score, from 0, the lowest."),
        "weight": Column(
            pl.Float64, "Scored pairs that this one stands for: its stratum's, per pair drawn."
        ),
        "audited_on": Column(pl.Date, "Day the sheet was imported.", "date"),
    },
    partitioned=False,
)

RETRIEVAL_QUALITY = Table(
    "retrieval_quality",
    "retrieval_quality",
    "How well each way of encoding queries retrieves, with intervals.",
    ("benchmark", "system", "domain", "measure"),
    {
        "benchmark": Column(pl.String, "Set of queries and judgments, such as `cacm`."),
        "system": Column(pl.String, "Query side: `plain`, an instruction, a prompt, a reranker."),
        "domain": Column(pl.String, "Domain of the queries; `all` for all of them."),
        "measure": Column(
            pl.String, "`nDCG@10`, `R@100`, `RR@10`, `tau` (with the teacher), `accuracy`."
        ),
        "n_queries": Column(pl.Int32, "Queries with judgments; the mean is over them.", "queries"),
        "value": Column(pl.Float64, "Mean over queries.", "0..1, tau −1..1"),
        "low": Column(pl.Float64, "Lower bound of the 95% bootstrap interval.", "as value"),
        "high": Column(pl.Float64, "Upper bound of the 95% bootstrap interval.", "as value"),
        "measured_on": Column(pl.Date, "Day of the evaluation.", "date"),
    },
    partitioned=False,
)
