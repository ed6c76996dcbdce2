"""Writes the simulated literature as Paper Copilot lists, dirt included, and says what is what.

Belongs here: the file format, and the expected outcome of every row. Not: the literature itself
(literature.py), the flaws (dirt.py), nor the reading of lists.

Lists of a later day differ from the earlier ones only where something happened.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipeline.errors import InputError
from pipeline.simulation.dirt import EXTRA_ROWS, ROW_FLAWS, Dirt, drop, soil
from pipeline.simulation.literature import Literature, topic_numbers
from pipeline.simulation.text import coined_names, compose_texts
from pipeline.simulation.words import FRONT_MATTER

SITE = "https://simulated.invalid"

EXPECTED_SCHEMA = pl.Schema(
    [
        ("file", pl.String),  # relative to the folder given
        ("source_row", pl.Int32),
        ("venue", pl.String),
        ("year", pl.Int32),
        ("outcome", pl.String),  # paper, excluded, duplicate, quarantined
        ("flaws", pl.List(pl.String)),
        ("sim_id", pl.String),  # null where the row is no paper of the literature
        ("title", pl.String),  # as it reads when cleaned
        ("authors", pl.List(pl.String)),
        ("track", pl.String),  # main or workshop
        ("cited_by_count", pl.Int32),  # null where the row does not tell
    ]
)


@dataclass(frozen=True)
class _Row:
    """A row as it will be written, and what a correct reader makes of it."""

    fields: dict[str, Any]
    outcome: str
    flaws: tuple[str, ...] = ()
    sim_id: str | None = None
    title: str | None = None
    authors: tuple[str, ...] = ()
    track: str = "main"
    cited_by_count: int | None = None

    def truth(self, file: str, source_row: int, venue: str, year: int) -> dict[str, Any]:
        """The row of the expected outcomes."""
        place = {"file": file, "source_row": source_row, "venue": venue, "year": year}
        told = {c: getattr(self, c) for c in EXPECTED_SCHEMA if c not in place}
        return place | told


def write_lists(
    literature: Literature, folder: Path, *, list_date: date, dirt: float = 0.02, seed: int = 0
) -> pl.DataFrame:
    """Expected outcome of every row written below `folder/<list_date>/`, see EXPECTED_SCHEMA.

    `dirt`: probability of each flaw, per paper or per venue-year. With the same `seed` a flaw
    stays with its paper from day to day.
    """
    if not 0.0 <= dirt <= 1.0:
        raise InputError(f"dirt: expected a probability from 0 to 1, received {dirt}")
    draws = Dirt(dirt, seed)
    papers = literature.papers
    flaws = draws.of_papers(np.arange(papers.height))
    ghosts = _ghosts(papers, flaws, seed)
    expected: list[dict[str, Any]] = []
    cells = papers.with_row_index("serial").group_by("venue", "year", maintain_order=True)
    for _, cell in cells:
        venue, year = cell["venue"][0], cell["year"][0]
        rows = list(_cell_rows(cell, flaws, ghosts, draws.of_cell(venue, year)))
        file = f"{list_date}/{venue}/{venue}{year}.json.gz"
        _write_json(folder / file, [row.fields for row in rows])
        expected += [row.truth(file, k, venue, year) for k, row in enumerate(rows)]
    return pl.DataFrame(expected, schema=EXPECTED_SCHEMA)


def _ghosts(papers: pl.DataFrame, flaws: list[set[str]], seed: int) -> dict[tuple[int, str], _Row]:
    """Submissions that were turned down: (serial of the paper they stand beside, status)."""
    topics = topic_numbers(papers)
    ghosts: dict[tuple[int, str], _Row] = {}
    for status in (s for s, outcome in EXTRA_ROWS.items() if outcome == "excluded"):
        serials = np.flatnonzero([status in f for f in flaws])
        texts = compose_texts(serials, topics[serials], seed=seed + 1, ending=status[:2])
        names = coined_names(serials, status[:2])
        for k, serial in enumerate(serials.tolist()):
            title, name = texts.titles[k], names[k]
            # Its own coined name keeps it apart from every paper, today's and tomorrow's.
            title = title if title.startswith(name) else f"{name}: {title}"
            fields = list_row(f"sim-{serial:07d}-{status.lower()}", title, status)
            fields |= {"abstract": texts.abstracts[k], "author": "Ana Simulada; Jan Simulovaný"}
            ghosts[serial, status] = _Row(fields, "excluded", (status,), title=title)
    return ghosts


def _cell_rows(
    cell: pl.DataFrame,
    flaws: list[set[str]],
    ghosts: dict[tuple[int, str], _Row],
    cell_flaws: set[str],
) -> Iterator[_Row]:
    """Rows of one list: front matter, then each paper followed by the rows beside it."""
    if "front_matter" in cell_flaws:
        yield _styled(_front_matter(cell), cell_flaws)
    for paper in cell.iter_rows(named=True):
        own = flaws[paper["serial"]]
        row = _paper_row(paper, own)
        yield _styled(row, cell_flaws)
        for kind in (k for k in EXTRA_ROWS if k in own):
            if EXTRA_ROWS[kind] != "excluded":
                yield _styled(_row_beside(row, kind, paper["serial"]), cell_flaws)
            elif "empty_status" not in cell_flaws:  # without a status nothing tells it apart
                yield _styled(ghosts[paper["serial"], kind], cell_flaws)


def _paper_row(paper: dict[str, Any], flaws: set[str]) -> _Row:
    """The row of a paper, with its own flaws."""
    fields = list_row(paper["sim_id"], paper["title"], paper["status"])
    fields |= {
        "abstract": paper["abstract"],
        "keywords": ";".join(paper["keywords"]),
        "author": "; ".join(paper["authors"]),
        "gs_citation": paper["cited_by_count"],
        # The cluster is a permutation of the serial, so that no two papers share one.
        "gs_cited_by_link": f"{SITE}/scholar?cites="
        f"{10**18 + paper['serial'] * 1_000_003}&as_sdt=2005&sciodt=0,5&hl=en",
    }
    done = tuple(flaw for flaw in ROW_FLAWS if flaw in flaws and soil(fields, flaw))
    return _Row(
        fields,
        "paper",
        done,
        sim_id=paper["sim_id"],
        title=paper["title"],
        authors=tuple(paper["authors"]),
        track="workshop" if fields.get("status") == "Workshop" else "main",
        cited_by_count=count if (count := fields.get("gs_citation", -1)) >= 0 else None,
    )


def _row_beside(row: _Row, kind: str, serial: int) -> _Row:
    """A repeat of the row, or a row that has lost its title."""
    if kind == "repeated":
        return replace(row, outcome="duplicate", flaws=(*row.flaws, kind))
    if kind == "repeated_under_another_id":
        fields = row.fields | {"id": f"{row.fields['id']}-again"}
        return replace(row, fields=fields, outcome="duplicate", flaws=(*row.flaws, kind))
    fields = list_row(f"sim-{serial:07d}-untitled", "", "Poster")
    match serial % 3:
        case 1:
            fields["title"] = "  \n"
        case 2:
            drop(fields, "title")
    return _Row(fields, "quarantined", (kind,))


def _front_matter(cell: pl.DataFrame) -> _Row:
    venue, year = cell.select("venue", "year").row(0)
    title = FRONT_MATTER[year % len(FRONT_MATTER)]
    fields = list_row(f"sim-{venue}{year}-front", title, "Poster")
    return _Row(fields, "excluded", ("front_matter",), title=title)


def _styled(row: _Row, cell_flaws: set[str]) -> _Row:
    """The row as the list of its venue-year writes rows: without ids, counts or statuses."""
    fields = dict(row.fields)
    if "no_ids" in cell_flaws:
        drop(fields, "id")
    if "no_counts" in cell_flaws:
        drop(fields, "gs_citation", "gs_cited_by_link")
        row = replace(row, cited_by_count=None)
    if "empty_status" in cell_flaws and "status" in fields:
        fields["status"] = ""
        row = replace(row, track="main")
    told = sorted(cell_flaws - {"front_matter"})  # that one is a row of its own
    return replace(row, fields=fields, flaws=(*row.flaws, *told))


def list_row(row_id: str, title: str, status: str) -> dict[str, Any]:
    """A row in the order of the real lists, with nothing known but this."""
    return {
        "id": row_id, "title": title, "track": "main", "status": status, "abstract": "",
        "keywords": "", "primary_area": "", "author": "", "site": f"{SITE}/{row_id}",
        "gs_citation": -1, "gs_cited_by_link": "",
    }  # fmt: skip


def _write_json(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(rows, indent=1)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(gzip.compress(text.encode(), mtime=0))  # no clock: same rows, same bytes
    partial.replace(path)
