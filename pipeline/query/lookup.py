"""A paper meant by an id, the beginning of one, or a title; near ones where it is unknown.

Belongs here: names to papers. Not: search by meaning (search.py).

Near titles: titles are ranked by how many four-character pieces of the unknown one they contain,
which a typo hardly moves and polars counts in milliseconds; the best are then compared letter by
letter (difflib: Ratcliff and Metzener 1988).
"""

import difflib
import re
from functools import cached_property
from typing import Any

import polars as pl

from pipeline.corpus.text import normalise_title
from pipeline.errors import InputError, NotFoundError
from pipeline.wording import in_quotes

MIN_PREFIX = 6  # characters of an id
ID_LIKE = re.compile(r"p[a-z2-7]{5,12}")
MEANT_AS_ID = re.compile(r"p[a-z0-9]{5,15}")
"""What people type for an id: 0 for o, 1 for l, a character twice."""
MAX_PIECES, PIECE = 24, 4
COMPARED, NEAREST, MIN_RATIO = 200, 3, 0.6


class Titles:
    """The papers of a library by name. `papers`: paper_id, title, venue, year, …"""

    def __init__(self, papers: pl.DataFrame) -> None:
        self._papers = papers

    @cached_property
    def _normalised(self) -> pl.Series:
        titles = [normalise_title(title) for title in self._papers["title"]]
        return pl.Series("title", titles, dtype=pl.String)

    def find(self, name: str) -> dict[str, Any] | None:
        """The row of the paper meant, or None; raises InputError if several are."""
        text = name.strip()
        if not text:
            raise InputError("expected a paper id or a title, received an empty text")
        wanted = text.lower()
        ids = self._papers["paper_id"]
        found = self._papers.filter(ids == wanted)
        if not found.height and len(wanted) >= MIN_PREFIX and ID_LIKE.fullmatch(wanted):
            found = self._papers.filter(ids.str.starts_with(wanted))
        if not found.height and (title := normalise_title(text)):
            found = self._papers.filter(self._normalised == title)
        if found.height > 1:
            raise InputError(
                f"{in_quotes(text)} names {found.height} papers, give an id: {_listed(found)}"
            )
        return found.row(0, named=True) if found.height else None

    def unknown(self, name: str, *, superseded: str = "") -> NotFoundError:
        """What to say of a name that nobody has heard of, with the nearest known ones."""
        text = name.strip()
        if superseded:
            return NotFoundError(
                f"{text} stood in an earlier list of {superseded}; the list in force has it no more"
            )
        near = self._near_ids(text.lower()) if MEANT_AS_ID.fullmatch(text.lower()) else []
        near += self._near_titles(normalise_title(text))
        hint = (
            f"nearest: {_listed(self._papers[near[:NEAREST]])}"
            if near
            else ("none is near: try `csimpact search`")
        )
        return NotFoundError(f"no paper has the id or title {in_quotes(text)}; {hint}")

    def _near_ids(self, wanted: str) -> list[int]:
        ids = self._papers["paper_id"]
        alike = ids.str.starts_with(wanted[:5]) | ids.str.ends_with(wanted[-5:])
        rows = alike.arg_true().to_list()
        return _closest(wanted, {row: ids[row] for row in rows}, 0.7)

    def _near_titles(self, wanted: str) -> list[int]:
        if not wanted:
            return []
        title = pl.col("title")
        hits = pl.sum_horizontal(
            title.str.contains(piece, literal=True).cast(pl.Int32) for piece in _pieces(wanted)
        )
        alike = (
            self._normalised.to_frame()
            .with_row_index("row")
            .select("row", "title", hits=hits, off=(title.str.len_chars() - len(wanted)).abs())
            .filter(pl.col("hits") > 0)
            .sort(["hits", "off", "row"], descending=[True, False, False])
            .head(COMPARED)
        )
        return _closest(wanted, dict(alike.select("row", "title").iter_rows()), MIN_RATIO)


def _pieces(text: str) -> list[str]:
    # Across words too: "is all you need" has hardly a word of four letters.
    pieces = dict.fromkeys(text[at : at + PIECE] for at in range(0, max(1, len(text) - 3), 2))
    return list(pieces)[:MAX_PIECES]


def _closest(wanted: str, candidates: dict[int, str], min_ratio: float) -> list[int]:
    ratio = {row: _alike(wanted, text) for row, text in candidates.items()}
    best = sorted(ratio, key=lambda row: -ratio[row])
    return [row for row in best if ratio[row] >= min_ratio][:NEAREST]


def _alike(wanted: str, text: str) -> float:
    """Likeness, 0..1, to the text, or slightly less to its beginning: people stop at the colon."""
    matcher = difflib.SequenceMatcher(None, "", wanted, autojunk=False)
    matcher.set_seq1(text)
    whole = matcher.ratio()
    matcher.set_seq1(text[: len(wanted)])
    return max(whole, 0.95 * matcher.ratio())


def _listed(papers: pl.DataFrame) -> str:
    shown = papers.head(5).select("paper_id", "title", "venue", "year").rows()
    more = f" and {papers.height - 5} more" if papers.height > 5 else ""
    return "; ".join(f"{i} {in_quotes(t)} ({v} {y})" for i, t, v, y in shown) + more
