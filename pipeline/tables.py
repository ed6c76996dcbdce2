"""Every stored table, declared once: columns, dtypes, units, meaning, key.

Belongs here: what a table *is*. Not: how it is filled (assets/) or stored (resources/lake.py).
`docs/data-dictionary.md` is generated from this file (`python -m pipeline.tables`), the lake
refuses rows that break it, and Dagster shows it as the column schema.

One meaning has one name everywhere; units stand in the name or in the `unit` field.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

Cell = tuple[str, int]
"""A partition: (venue slug, year)."""

UNRECOGNISED: Cell = ("unrecognised", 0)
"""Where quarantine keeps whole files whose venue-year nobody can tell."""


@dataclass(frozen=True)
class Column:
    """A stored column: polars dtype, meaning, unit or formula, and whether null is allowed."""

    dtype: pl.DataType | type[pl.DataType]
    meaning: str
    unit: str = ""
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """A stored table. `partitioned`: one file per venue × year; otherwise a single file."""

    name: str
    asset: str
    meaning: str
    key: tuple[str, ...]
    columns: Mapping[str, Column]
    partitioned: bool = True
    schema: pl.Schema = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "schema", pl.Schema({name: c.dtype for name, c in self.columns.items()})
        )

    def empty(self) -> pl.DataFrame:
        """A frame of zero rows with this table's schema."""
        return pl.DataFrame(schema=self.schema)


# Columns that recur keep one declaration, so that one meaning has one name, dtype and wording.
PAPER_ID = Column(pl.String, "The project's own stable paper id, minted once by the ledger.")
PAPER_ROW = Column(pl.Int32, "Dense serial number of the paper, in the ledger's minting order.")
VENUE = Column(pl.String, "Venue slug of the registry.")
YEAR = Column(pl.Int32, "Year of the venue's edition.", "year")
RECORD_KEY = Column(
    pl.String,
    "Key of a source record: `source:source_id`, or file digest and row where ids are positions.",
)
SOURCE = Column(pl.String, "Kind of source the record came from, such as `paper_copilot`.")
CONFIG_ID = Column(pl.String, "Pool rule and encoder that produced the row.")
CITATION_SOURCE = Column(
    pl.String, "Who counted the citations, such as `google_scholar`; never mixed in a pool."
)
CITED_BY_COUNT = Column(pl.Int32, "Citations received.", "citations")
OBSERVED_ON = Column(
    pl.Date,
    "Day the count was observed: the dump's date, or the day of registration.",
    "date",
)

DUMP_RECORDS = Table(
    "dump_records",
    "dump_shards",
    "Parsed records of every registered list, superseded ones included.",
    ("record_key",),
    {
        "record_key": RECORD_KEY,
        "source": SOURCE,
        "venue": VENUE,
        "year": YEAR,
        "source_id": Column(
            pl.String,
            "The source's own id; of lists it is unique at best within the venue-year.",
            nullable=True,
        ),
        "title": Column(pl.String, "Title, cleaned of entities, LaTeX accents and whitespace."),
        "abstract": Column(pl.String, "Abstract, cleaned likewise.", nullable=True),
        "authors": Column(pl.List(pl.String), "Author names in order, repeats dropped."),
        "author_ids": Column(
            pl.List(pl.String),
            "The source's id of each author, empty where it gives none; null if it has no ids.",
            nullable=True,
        ),
        "affiliations": Column(
            pl.List(pl.String),
            "Affiliation of each author as given, several joined by `; `; null if none is given.",
            nullable=True,
        ),
        "track": Column(pl.String, "`main`, `workshop`, or the source's named track."),
        "presentation": Column(pl.String, "Poster, Oral, Long, ... as listed.", nullable=True),
        "excluded_because": Column(
            pl.String, "Why the record is no paper; null for papers.", nullable=True
        ),
        "keywords": Column(pl.List(pl.String), "Keywords as listed."),
        "doi": Column(pl.String, "DOI, lower case, without resolver prefix.", nullable=True),
        "arxiv_id": Column(pl.String, "arXiv id without version, lower case.", nullable=True),
        "dblp_key": Column(pl.String, "DBLP key: `conf/nips/VaswaniSPUJGKP17`.", nullable=True),
        "s2_corpus_id": Column(pl.String, "Semantic Scholar corpus id, digits.", nullable=True),
        "openalex_id": Column(pl.String, "OpenAlex work id: `W2741809807`.", nullable=True),
        "acl_id": Column(pl.String, "ACL Anthology id: `D10-1001`.", nullable=True),
        "url": Column(pl.String, "Landing page as listed.", nullable=True),
        "scholar_cluster_id": Column(
            pl.String, "Google Scholar cluster, from the cited-by link.", nullable=True
        ),
        "citation_source": CITATION_SOURCE,
        "cited_by_count": Column(
            pl.Int32,
            "Citations received; null when the source does not know.",
            "citations",
            nullable=True,
        ),
        "publication_date": Column(
            pl.Date, "Publication date; 2 July where only the year is known.", "date"
        ),
        "date_precision": Column(pl.String, "`day`, `month` or `year`."),
        "is_retracted": Column(
            pl.Boolean, "Whether the source says so; null if it does not tell.", nullable=True
        ),
        "references": Column(
            pl.List(pl.String),
            "Works cited, as ids of the same source; null if the source does not tell.",
            nullable=True,
        ),
        "observed_on": OBSERVED_ON,
        "list_order": Column(pl.Int32, "0 for the list in force, 1 for the one before, ..."),
        "source_file": Column(pl.String, "Registered file the record came from."),
        "source_row": Column(pl.Int32, "Row of the record in that file, from 0.", "row"),
    },
)

QUARANTINE = Table(
    "quarantine",
    "dump_shards",
    "Rows and files that could not be used, each with its reason. Nothing is dropped silently.",
    ("source_file", "source_row"),
    {
        "source_file": Column(pl.String, "Registered file."),
        "source_row": Column(
            pl.Int32, "Row in that file, from 0; -1 when the whole file is meant.", "row"
        ),
        "source": SOURCE,
        "venue": VENUE,
        "year": YEAR,
        "in_force": Column(pl.Boolean, "Whether the file is the list in force."),
        "reason": Column(pl.String, "What was expected and what was found."),
        "excerpt": Column(pl.String, "The offending row, shortened to 300 characters."),
    },
)

PAPER_IDS = Table(
    "paper_ids",
    "identities",
    "Which paper each source record is, how that was decided, and the paper's row number.",
    ("record_key",),
    {
        "record_key": RECORD_KEY,
        "source": SOURCE,
        "venue": Column(pl.String, "Venue of the paper, as its most reliable source has it."),
        "year": Column(pl.Int32, "Year of the paper's edition, likewise.", "year"),
        "record_venue": Column(pl.String, "Venue of the record itself."),
        "record_year": Column(pl.Int32, "Year of the record itself.", "year"),
        "paper_id": PAPER_ID,
        "paper_row": PAPER_ROW,
        "method": Column(
            pl.String,
            "`first` record of its paper, or what tied it: `source_id`, `doi`, `arxiv_id`, "
            "`dblp_key`, `s2_corpus_id`, `acl_id`, `openalex_id`, `title`, "
            "`title_of_adjacent_year`, `similar_title`, `person`.",
        ),
        "confidence": Column(pl.Float32, "1.0 for an exact identifier, less for titles.", "0..1"),
        "in_force": Column(pl.Boolean, "Whether the record belongs to the list in force."),
        "identity_hash": Column(
            pl.UInt64, "Hash of what the record is matched by; if it moves, it is matched again."
        ),
    },
)

REDIRECTS = Table(
    "redirects",
    "identities",
    "Ids that were merged into others, ours and those of sources. Follow until nothing is found.",
    ("from_id",),
    {
        "from_id": Column(pl.String, "Paper id, or `source:source_id`, that is no more."),
        "to_id": Column(pl.String, "What it is now."),
        "reason": Column(pl.String, "What tied the two, or `merged by the source`."),
        "decided_by": Column(
            pl.String, "The person who decided; null if rules did.", nullable=True
        ),
        "decided_on": Column(pl.Date, "The day, where known.", "date", nullable=True),
    },
    partitioned=False,
)

MATCH_REVIEW = Table(
    "match_review",
    "identities",
    "Pairs of papers that may be one: doubts for a person to decide, and what was decided.",
    ("review_id",),
    {
        "review_id": Column(pl.String, "8 hex digits, for `csimpact review`."),
        "paper_id": PAPER_ID,
        "other_paper_id": Column(pl.String, "The paper it may be the same as."),
        "record_key": Column(pl.String, "The record that raised the doubt."),
        "reason": Column(pl.String, "What speaks for and against."),
        "status": Column(pl.String, "`open`, `same` or `different`."),
        "decided_by": Column(pl.String, "Who decided; null while open.", nullable=True),
        "decided_on": Column(pl.Date, "When.", "date", nullable=True),
    },
    partitioned=False,
)

PAPERS = Table(
    "papers",
    "papers",
    "One row per paper of the lists in force.",
    ("paper_id",),
    {
        "paper_id": PAPER_ID,
        "paper_row": PAPER_ROW,
        "venue": VENUE,
        "year": YEAR,
        "title": Column(pl.String, "Title."),
        "abstract": Column(pl.String, "Abstract.", nullable=True),
        "track": Column(pl.String, "`main`, `workshop`, or the source's named track."),
        "presentation": Column(pl.String, "Poster, Oral, Long, ... as listed.", nullable=True),
        "in_pools": Column(pl.Boolean, "Whether the paper may be a member of topic pools."),
        "publication_date": Column(
            pl.Date,
            "Publication date; 2 July where only the year is known; null if unknown.",
            "date",
            nullable=True,
        ),
        "date_precision": Column(pl.String, "`day`, `month` or `year`.", nullable=True),
        "doi": DUMP_RECORDS.columns["doi"],
        "arxiv_id": DUMP_RECORDS.columns["arxiv_id"],
        "dblp_key": DUMP_RECORDS.columns["dblp_key"],
        "s2_corpus_id": DUMP_RECORDS.columns["s2_corpus_id"],
        "openalex_id": DUMP_RECORDS.columns["openalex_id"],
        "acl_id": DUMP_RECORDS.columns["acl_id"],
        "url": Column(pl.String, "Landing page.", nullable=True),
        "is_retracted": Column(pl.Boolean, "Whether any source says it was retracted."),
        "sources": Column(pl.List(pl.String), "Sources that tell of the paper, sorted."),
        "keywords": Column(pl.List(pl.String), "Keywords as listed."),
        "n_authors": Column(pl.Int32, "Number of authors.", "authors"),
        "n_records": Column(pl.Int32, "Records in force merged into this paper.", "records"),
        "text_hash": Column(
            pl.String, "First 32 hex digits of SHA-256 over title, newline, abstract."
        ),
    },
)

AUTHORSHIPS = Table(
    "authorships",
    "papers",
    "Authors of each paper in order, as each source gives them.",
    ("paper_id", "source", "author_position"),
    {
        "paper_id": PAPER_ID,
        "venue": VENUE,
        "year": YEAR,
        "source": SOURCE,
        "author_position": Column(pl.Int32, "Place in the author list, from 0."),
        "author_name": Column(pl.String, "Name as given by the source."),
        "author_id": Column(pl.String, "The source's id of the author.", nullable=True),
        "affiliation": Column(pl.String, "Affiliation as given by the source.", nullable=True),
        "is_of_record": Column(
            pl.Boolean, "Whether this source's list is the one to read: one source per paper."
        ),
    },
)

VENUE_COVERAGE = Table(
    "venue_coverage",
    "venue_coverage",
    "Where every record of a venue-year went, per source, and how much of it the source covers: "
    "records = papers + excluded + duplicates + quarantined.",
    ("venue", "year", "source"),
    {
        "venue": VENUE,
        "year": YEAR,
        "source": SOURCE,
        "n_records": Column(pl.Int32, "Rows in force that say this venue-year.", "records"),
        "n_papers": Column(pl.Int32, "Papers these rows are of.", "papers"),
        "n_excluded": Column(pl.Int32, "Rejected, withdrawn, active, front matter.", "records"),
        "n_duplicates": Column(pl.Int32, "Repeats of a paper already counted.", "records"),
        "n_quarantined": Column(pl.Int32, "Rows that could not be used.", "records"),
        "n_workshop": Column(pl.Int32, "Papers outside the pools.", "papers"),
        "n_expected": Column(
            pl.Int32,
            "Papers the venue-year has, by `expected_from`; null if no such source tells of it.",
            "papers",
            nullable=True,
        ),
        "expected_from": Column(
            pl.String, "`dblp`, else the list: who is trusted to be complete.", nullable=True
        ),
        "n_found": Column(
            pl.Int32, "Papers at home in the venue-year that the source tells of.", "papers"
        ),
        "n_with_abstract": Column(pl.Int32, "Of these, with an abstract.", "papers"),
        "n_with_count": Column(pl.Int32, "Of these, with a citation count.", "papers"),
        "n_with_references": Column(pl.Int32, "Of these, with works cited.", "papers"),
    },
)

CITATION_COUNTS = Table(
    "citation_counts",
    "citation_counts",
    "The newest known count per paper and source. Unknown counts have no row.",
    ("paper_id", "citation_source"),
    {
        "paper_id": PAPER_ID,
        "paper_row": PAPER_ROW,
        "venue": VENUE,
        "year": YEAR,
        "citation_source": CITATION_SOURCE,
        "cited_by_count": CITED_BY_COUNT,
        "observed_on": OBSERVED_ON,
    },
)

CITATION_SNAPSHOTS = Table(
    "citation_snapshots",
    "citation_counts",
    "History of counts, appended only when a count changes.",
    ("paper_id", "citation_source", "observed_on"),
    {
        "paper_id": PAPER_ID,
        "venue": VENUE,
        "year": YEAR,
        "citation_source": CITATION_SOURCE,
        "observed_on": OBSERVED_ON,
        "cited_by_count": CITED_BY_COUNT,
    },
)

CITATIONS = Table(
    "citations",
    "citations",
    "Who cites whom, as each source tells it. Nothing is dropped: what looks wrong is flagged.",
    ("citing_paper_id", "source", "cited_key"),
    {
        "citing_paper_id": Column(pl.String, "The paper that cites."),
        "cited_paper_id": Column(
            pl.String, "The paper cited; null if it is not in the library.", nullable=True
        ),
        "cited_key": Column(pl.String, "The work cited, as `source:source_id`."),
        "venue": Column(pl.String, "Venue of the citing paper."),
        "year": Column(pl.Int32, "Year of the citing paper's edition.", "year"),
        "source": SOURCE,
        "intents": Column(
            pl.List(pl.String),
            "Why it cites, such as `background`, `methodology`; null if the source does not tell.",
            nullable=True,
        ),
        "is_influential": Column(
            pl.Boolean, "Semantic Scholar's verdict; null elsewhere.", nullable=True
        ),
        "is_self_loop": Column(pl.Boolean, "Whether the paper seems to cite itself."),
        "is_forward": Column(
            pl.Boolean,
            "Whether the cited paper's edition is of a later year than the citing one's.",
        ),
        "first_seen": Column(pl.Date, "Day of the first file that had it.", "date"),
        "last_seen": Column(pl.Date, "Day of the last file that had it as something new.", "date"),
        "in_force": Column(pl.Boolean, "Whether the source still tells of it."),
    },
)

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

TOPIC_POOLS = Table(
    "topic_pools",
    "topic_pools",
    "The nearest papers within ±183 days of each paper, itself excluded.",
    ("paper_id", "config_id"),
    {
        "paper_id": PAPER_ID,
        "paper_row": PAPER_ROW,
        "venue": VENUE,
        "year": YEAR,
        "config_id": CONFIG_ID,
        "n_window": Column(pl.Int32, "Other pool-eligible papers within the window.", "papers"),
        "pool_k": Column(
            pl.Int32, "Members: min(1000, max(100, n_window / 10)), at most n_window.", "papers"
        ),
        "pool_radius": Column(
            pl.Float32,
            "Cosine similarity of the farthest member, from quantised vectors.",
            "cosine",
            nullable=True,
        ),
        "members": Column(pl.List(pl.Int32), "`paper_row` of the members, ascending."),
        "pool_digest": Column(
            pl.String, "Digest of the members' paper ids; independent of row numbers."
        ),
    },
)

TNCSI_SP = Table(
    "tncsi_sp",
    "tncsi_sp",
    "Topic- and time-normalised impact of every paper (arXiv 2402.12928, 2408.03934).",
    ("paper_id", "config_id"),
    {
        "paper_id": PAPER_ID,
        "venue": VENUE,
        "year": YEAR,
        "config_id": CONFIG_ID,
        "status": Column(
            pl.String,
            "`ok`, `no_date`, `no_citation_count`, `pool_too_small`, `constant_pool`.",
        ),
        "citation_source": Column(pl.String, CITATION_SOURCE.meaning, nullable=True),
        "cited_by_count": Column(
            pl.Int32, "The paper's citations c; null when unknown.", "citations", nullable=True
        ),
        "tncsi_sp": Column(
            pl.Float64, "1 − exp(−excess_ratio), 0 below loc.", "0..1", nullable=True
        ),
        "excess_ratio": Column(
            pl.Float64, "(c − loc) / scale; does not saturate: sort by it.", nullable=True
        ),
        "pool_loc": Column(
            pl.Int32, "Smallest known count in the pool.", "citations", nullable=True
        ),
        "pool_scale": Column(
            pl.Float64, "Mean of the known counts − loc.", "citations", nullable=True
        ),
        "n_pool": Column(
            pl.Int32, "Members whose count is known from `citation_source`.", "papers"
        ),
        "pool_k": TOPIC_POOLS.columns["pool_k"],
        "pool_share": Column(pl.Float64, "pool_k / n_window.", "0..1", nullable=True),
    },
)

TEXT_INPUT = Column(pl.String, "What the texts are made of: `title` or `title+abstract`.")
QUERY_ID = Column(pl.String, "The paper whose text is the query.")
DOCUMENT_ID = Column(pl.String, "The paper judged against the query.")

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
    )
}


def violations(table: Table, frame: pl.DataFrame) -> list[str]:
    """Every way `frame` breaks `table`'s contract: columns, dtypes, nulls, unique key."""
    problems: list[str] = []
    if frame.schema != table.schema:
        for name in table.schema.keys() - frame.schema.keys():
            problems.append(f"column {name} is missing")
        for name in frame.schema.keys() - table.schema.keys():
            problems.append(f"column {name} is not declared")
        for name in table.schema.keys() & frame.schema.keys():
            if frame.schema[name] != table.schema[name]:
                problems.append(
                    f"column {name}: expected {table.schema[name]}, received {frame.schema[name]}"
                )
        return problems or [f"columns stand in another order than declared: {frame.columns}"]
    for name, column in table.columns.items():
        if not column.nullable and (nulls := frame[name].null_count()):
            problems.append(f"column {name}: {nulls} nulls where none are allowed")
    # One column without repetition is enough, and found out in no time.
    if frame[table.key[0]].n_unique() == frame.height:
        return problems
    if repeated := frame.height - frame.select(pl.struct(table.key).n_unique()).item():
        problems.append(f"key ({', '.join(table.key)}): {repeated} repeated rows")
    return problems


def data_dictionary() -> str:
    """The data dictionary page, as Markdown."""
    lines = [
        "# Data dictionary",
        "",
        "Generated from `pipeline/tables.py` by `make docs`; a test keeps it current.",
        "Partitioned tables lie in `data/lake/<table>/venue=…/year=…/`, others in "
        "`data/lake/<table>/`. Unknown is null or an absent row, never −1.",
    ]
    return "\n".join([*lines, *described(TABLES.values())]) + "\n"


def described(tables: Iterable[Table]) -> list[str]:
    """Lines of Markdown that tell of every column of the tables."""
    lines = []
    for t in tables:
        place = "one file per venue × year" if t.partitioned else "a single file"
        lines += ["", f"## `{t.name}`", "", t.meaning, ""]
        lines += [f"Written by asset `{t.asset}`; {place}; key: {', '.join(t.key)}.", ""]
        lines += ["| column | type | null | unit | meaning |", "|---|---|---|---|---|"]
        for name, c in t.columns.items():
            null = "yes" if c.nullable else ""
            lines.append(f"| `{name}` | {c.dtype} | {null} | {c.unit} | {c.meaning} |")
    return lines


if __name__ == "__main__":
    print(data_dictionary(), end="")
