"""Columns that recur keep one declaration: one meaning has one name, dtype and wording."""

import polars as pl

from pipeline.tables.declaration import Column

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

TEXT_INPUT = Column(pl.String, "What the texts are made of: `title` or `title+abstract`.")
QUERY_ID = Column(pl.String, "The paper whose text is the query.")
DOCUMENT_ID = Column(pl.String, "The paper judged against the query.")
