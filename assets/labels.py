"""Asset group `labels`: pairs of papers, and what a teacher says of them. Made on demand.

Belongs here: handing the library to the miners, and pairs without a score to the teacher. Not: how
pairs are mined or scored (pipeline/labels). No refresh makes these stages: candidates look at the
whole library, and a night with one new paper must not pay for all of them again.
"""

from collections import Counter
from collections.abc import Iterator

import polars as pl

from assets.library import Documents, read_comparable
from assets.stages import Job, Made, Stage, append_rows, write_cell
from pipeline.labels.candidates import Collection
from pipeline.labels.citation_graph import CitationGraph
from pipeline.labels.labelling import mine_pairs, split_library
from pipeline.labels.lexical import LexicalIndex
from pipeline.labels.scoring import Progress, score_pairs, with_texts
from pipeline.tables import Cell
from resources.workspace import Workspace


def title_pairs(job: Job) -> Iterator[Made]:
    """Candidates for each sampled query paper: near in meaning, words and citations, and chance."""
    workspace = job.workspace
    library = read_comparable(workspace)
    workspace.report(f"splitting {library.papers.height:,} papers, near-duplicates together")
    splits = split_library(library.papers, library.vectors, workspace.labelling)
    workspace.report("mining candidates")
    cells = pl.DataFrame(job.cells, schema={"venue": pl.String, "year": pl.Int32}, orient="row")
    wanted = library.papers.select(pl.struct("venue", "year").is_in(cells.to_struct().implode()))
    pairs = mine_pairs(
        _collection(workspace, library),
        splits,
        workspace.labelling,
        encode_titles=workspace.encoder.encode_queries,
        wanted=wanted.to_series().to_numpy(),
    )
    by_cell = pairs.partition_by("venue", "year", as_dict=True)
    for cell in job.cells:
        mine = by_cell.get(cell, pairs.clear())
        queries = mine["query_id"].n_unique()
        yield write_cell(
            job, "title_pairs", cell, {"title_pairs": mine}, facts={"queries": queries}
        )


def _collection(workspace: Workspace, library: Documents) -> Collection:
    papers = library.papers
    columns = ["citing_paper_id", "cited_paper_id", "is_self_loop", "is_forward", "in_force"]
    edges = workspace.lake.read_all("citations", columns)
    edges = edges.filter("in_force", ~pl.col("is_self_loop"), ~pl.col("is_forward"))
    return Collection(
        papers,
        library.vectors,
        CitationGraph.from_table(edges, papers["paper_id"]),
        LexicalIndex.build(library.texts()),
    )


def pair_labels(job: Job) -> Iterator[Made]:
    """The teacher's raw score of every pair; a pair that has one is never scored again."""
    workspace, lake = job.workspace, job.workspace.lake
    papers = lake.read_all("papers", ["paper_id", "title", "abstract"])
    pairs, texts = with_texts(
        lake.read_cells("title_pairs", job.cells), papers, text_input=workspace.profile.text_input
    )
    scored: Counter[Cell] = Counter()
    empty: Counter[Cell] = Counter()
    if pairs.height:
        held = lake.read_all("pair_labels")
        for chunk in score_pairs(
            workspace.teacher,
            pairs,
            texts,
            held,
            text_input=workspace.profile.text_input,
            progress=lambda done: workspace.report(_progress(done)),
        ):
            for (venue, year), rows in chunk.group_by("venue", "year"):
                cell = (str(venue), int(str(year)))
                append_rows(workspace, "pair_labels", cell, rows)
                scored[cell] += rows.height
                empty[cell] += rows["score"].null_count()
    for cell in job.cells:
        labels = lake.read("pair_labels", cell)
        facts = {"pairs_scored": scored[cell], "pairs_quarantined": empty[cell]}
        yield write_cell(job, "pair_labels", cell, {"pair_labels": labels}, facts=facts)


def _progress(done: Progress) -> str:
    left = (done.total - done.done) / done.rate / 60 if done.rate else 0
    return (
        f"labelling {done.done:,} of {done.total:,} pairs, {done.rate:,.0f}/s, about "
        f"{left:.0f} min left"
    )


STAGES = (
    Stage("title_pairs", "title_pairs", ("title_pairs",), title_pairs, "labels",
          ("papers", "paper_embeddings", "citations"), kinds=("numpy", "parquet")),
    Stage("pair_labels", "pair_labels", ("pair_labels",), pair_labels, "labels",
          ("title_pairs",), kinds=("torch", "parquet"), pool="gpu"),
)  # fmt: skip
