"""Tables of the corpus: records of sources, papers, who wrote them, who cites whom."""

import polars as pl

from pipeline.tables.declaration import Column, Table
from pipeline.tables.recurring import (
    CITATION_SOURCE,
    CITED_BY_COUNT,
    OBSERVED_ON,
    PAPER_ID,
    PAPER_ROW,
    RECORD_KEY,
    SOURCE,
    VENUE,
    YEAR,
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
