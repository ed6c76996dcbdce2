"""Asset group `retriever`: document vectors, and the LanceDB index over them.

Belongs here: which texts still need a vector, and handing rows to the index. Not: the encoder
(pipeline/models) or LanceDB itself (resources/vector_store.py).
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from assets.stages import Job, Made, Stage, append_rows, write_cell
from pipeline.corpus.text import document_text
from pipeline.errors import DamagedError, NotFoundError, StorageError
from pipeline.tables import Cell
from resources.workspace import Workspace

CHUNK = 2_048  # texts encoded between two writes: what a killed run may lose


def paper_embeddings(job: Job) -> Iterator[Made]:
    """Unit vectors of title + abstract; a text that has a vector is never encoded again."""
    workspace, lake = job.workspace, job.workspace.lake
    texts = lake.read_cells(
        "papers", job.cells, ["venue", "year", "title", "abstract", "text_hash"]
    )
    texts = texts.unique(["venue", "year", "text_hash"], maintain_order=True)
    held = _held_hashes(workspace)
    before = Counter((str(v), int(y)) for v, y in held.select("venue", "year").iter_rows())
    copied = _copy_from_other_cells(workspace, texts, held)
    missing = texts.join(held, on="text_hash", how="anti").unique("text_hash", maintain_order=True)
    encoded = dict.fromkeys(job.cells, 0)
    done, started = 0, time.perf_counter()
    for chunk in missing.iter_slices(CHUNK):
        vectors = _encode(workspace, chunk, done, missing.height, started)
        done += chunk.height
        for (venue, year), rows in chunk.with_columns(vector=vectors).group_by("venue", "year"):
            cell = (str(venue), int(str(year)))
            _append(workspace, cell, rows.select("text_hash", "venue", "year", "vector"))
            encoded[cell] += rows.height
    if missing.height < texts.height - copied:  # a text of two cells, both new: give it to both
        _copy_from_other_cells(workspace, texts, _held_hashes(workspace))
    for cell in job.cells:
        vectors_of_cell = lake.read("paper_embeddings", cell)
        made = write_cell(
            job,
            "paper_embeddings",
            cell,
            {"paper_embeddings": vectors_of_cell},
            facts={"texts_encoded": encoded[cell]},
        )
        # The file was extended as vectors came, before its last write found nothing to change.
        grown = vectors_of_cell.filter(encoder_id=workspace.encoder_id).height > before[cell]
        yield replace(made, changed=("paper_embeddings",)) if grown else made


def _held_hashes(workspace: Workspace) -> pl.DataFrame:
    columns = ["text_hash", "encoder_id", "venue", "year"]
    held = workspace.lake.read_all("paper_embeddings", columns)
    return held.filter(pl.col("encoder_id") == workspace.encoder_id)


def _copy_from_other_cells(workspace: Workspace, texts: pl.DataFrame, held: pl.DataFrame) -> int:
    """Give every cell its own copy of vectors that another cell has; returns how many."""
    absent = texts.join(held, on=["text_hash", "venue", "year"], how="anti")
    elsewhere = absent.join(
        held.unique("text_hash").rename({"venue": "from_venue", "year": "from_year"}),
        on="text_hash",
    )
    for cell_key, rows in elsewhere.group_by("venue", "year"):
        cell = (str(cell_key[0]), int(str(cell_key[1])))
        sources = [(str(v), int(y)) for v, y in rows.select("from_venue", "from_year").rows()]
        found = workspace.lake.read_cells("paper_embeddings", sorted(set(sources)))
        vectors = found.filter(pl.col("encoder_id") == workspace.encoder_id).unique("text_hash")
        wanted = rows.select("text_hash", "venue", "year").join(
            vectors.select("text_hash", "vector"), on="text_hash"
        )
        _append(workspace, cell, wanted)
    return elsewhere.height


def _encode(
    workspace: Workspace, chunk: pl.DataFrame, done: int, total: int, started: float
) -> pl.Series:
    """Vectors of a chunk; progress is of the whole run, `done` of `total` since `started`."""
    documents = [document_text(t, a) for t, a in chunk.select("title", "abstract").iter_rows()]

    def report(encoded: int) -> None:
        now = done + encoded
        rate = now / (time.perf_counter() - started)
        minutes = (total - now) / rate / 60
        workspace.report(
            f"encoding {now:,} of {total:,} texts, {rate:.0f}/s, about {minutes:.0f} min left"
        )

    vectors = workspace.encoder.encode_documents(documents, progress=report)
    return _list_series(vectors)


def _append(workspace: Workspace, cell: Cell, rows: pl.DataFrame) -> None:
    news = rows.with_columns(pl.lit(workspace.encoder_id).alias("encoder_id"))
    append_rows(workspace, "paper_embeddings", cell, news)


def vectors_for(workspace: Workspace, papers: pl.DataFrame) -> np.ndarray:
    """Vectors [paper, dim] of `papers` (venue, year, text_hash), in their order.

    Raises NotFoundError if a text has no vector yet.
    """
    cells = sorted({(str(v), int(y)) for v, y in papers.select("venue", "year").unique().rows()})
    columns = ["text_hash", "encoder_id", "vector"]
    stored = workspace.lake.read_cells("paper_embeddings", cells, columns).with_row_index("at")
    mine = stored.lazy().filter(pl.col("encoder_id") == workspace.encoder_id)
    places = mine.select("text_hash", "at").unique("text_hash")
    joined = (
        papers.lazy()
        .select("text_hash")
        .join(places, on="text_hash", how="left", maintain_order="left")
    )
    at = joined.select("at").collect()["at"]
    if lacking := at.null_count():
        raise NotFoundError(
            f"{lacking} of {papers.height} papers have no vector yet: materialise "
            "paper_embeddings for all venues of these years first, or run `csimpact refresh`"
        )
    if not papers.height:
        return np.zeros((0, 1), np.float32)
    # The lists lie one after the other in memory: only the rows asked for are copied.
    lists = stored["vector"].rechunk().to_arrow()
    return lists.values.to_numpy().reshape(stored.height, -1)[at.to_numpy()]


def paper_index(job: Job) -> Iterator[Made]:
    """The vectors in LanceDB with the columns search filters by; only rows that moved."""
    workspace, lake = job.workspace, job.workspace.lake
    if workspace.vectors.damage():
        _drop_index(workspace)
    papers = lake.read_cells("papers", job.cells)
    facts = {"rows_written": 0, "rows_deleted": 0}
    if papers.height or workspace.vectors.exists():
        rows = papers.select(
            "paper_id",
            "text_hash",
            "venue",
            "year",
            publication_day=pl.col("publication_date").to_physical(),
            in_pools="in_pools",
        ).with_columns(vector=_list_series(vectors_for(workspace, papers)))
        try:
            upsert = workspace.vectors.replace_cells(rows, job.cells)
            workspace.vectors.compact()
        except DamagedError as problem:
            _drop_index(workspace)  # every venue-year is now to be indexed, not only the job's
            raise StorageError(f"{problem}; dropped, to be made on the next try") from problem
        facts = {"rows_written": upsert.written, "rows_deleted": upsert.deleted}
    for cell in job.cells:
        yield write_cell(job, "paper_index", cell, {}, facts=facts)
        facts = {}  # the upsert is one: its sums are told with the first cell


def _drop_index(workspace: Workspace) -> None:
    """Forget a damaged index and that anything was in it, in the order a crash forgives."""
    for cell in workspace.lake.states("paper_index"):
        workspace.lake.forget("paper_index", cell)
    workspace.vectors.drop()


def _list_series(vectors: np.ndarray) -> pl.Series:
    return pl.Series(vectors, dtype=pl.Array(pl.Float32, vectors.shape[1])).cast(
        pl.List(pl.Float32)
    )


STAGES = (
    Stage("paper_embeddings", "paper_embeddings", ("paper_embeddings",), paper_embeddings,
          "retriever", ("papers",), kinds=("torch", "parquet"), pool="gpu"),
    Stage("paper_index", "paper_index", (), paper_index, "retriever",
          ("papers", "paper_embeddings"), partitioned=False, kinds=("lancedb",), pool="lancedb"),
)  # fmt: skip
