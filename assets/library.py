"""The papers of a whole library beside their vectors: what labelling, training and evaluation read.

Belongs here: reading them into one order. Not: what is done with them.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipeline.corpus.text import document_text
from pipeline.errors import NotFoundError
from pipeline.models.encoding import Vectors
from resources.workspace import Workspace

COLUMNS = ("paper_id", "paper_row", "venue", "year", "title", "abstract", "text_hash")


@dataclass(frozen=True)
class Documents:
    """`papers`, with the `domain` of their venue, by paper id; `vectors` [paper, dim] beside."""

    papers: pl.DataFrame
    vectors: Vectors

    def texts(self) -> list[str]:
        """Title + abstract of each paper, as it was encoded."""
        return [document_text(t, a) for t, a in self.papers.select("title", "abstract").iter_rows()]


def read_comparable(workspace: Workspace) -> Documents:
    """The documents that the profile's teacher can compare: with abstracts, where it reads them.

    Beside abstracts, a bare title scores low whatever it is about, and a prompt judged by such
    scores learns to bury papers without an abstract (EXPERIMENTS.md).
    """
    return read_documents(workspace, with_abstract="abstract" in workspace.profile.text_input)


def read_documents(workspace: Workspace, *, with_abstract: bool = False) -> Documents:
    """Every paper that has a vector, or of these those with an abstract.

    Raises NotFoundError if there is none.
    """
    lake = workspace.lake
    papers = lake.read_all("papers", COLUMNS)
    stored = lake.read_all("paper_embeddings", ["text_hash", "encoder_id", "vector"])
    mine = stored.filter(pl.col("encoder_id") == workspace.encoder_id).unique("text_hash")
    domains = {venue.slug: venue.domain for venue in workspace.venues}
    known = (
        papers.join(mine.select("text_hash", "vector"), on="text_hash")
        .with_columns(domain=pl.col("venue").replace_strict(domains, default="other"))
        .sort("paper_id")
    )
    if with_abstract:
        known = known.filter(pl.col("abstract").fill_null("").str.strip_chars() != "")
    if not known.height:
        raise NotFoundError(
            f"expected papers{' with abstracts and' * with_abstract} with vectors of "
            f"{workspace.encoder_id}, found none: "
            "`csimpact import`, then `csimpact refresh`"
        )
    flat = known["vector"].explode(empty_as_null=False, keep_nulls=False).to_numpy()
    vectors = np.ascontiguousarray(flat.reshape(known.height, -1), np.float32)
    return Documents(known.drop("vector"), vectors)
