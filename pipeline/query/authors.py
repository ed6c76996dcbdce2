"""Papers by the name of an author.

Belongs here: names to papers, and near names where one is unknown. Not: who a person is: namesakes
are told apart by nobody here, and every source's spelling of a paper's authors counts.

Names are compared without case, accents and punctuation, "Last, First" as "First Last". Near ones
are those that have all its words, the most prolific first, then by letters (rapidfuzz's ratio).
"""

from functools import cached_property

import polars as pl

from pipeline.corpus.text import normalise_title
from pipeline.errors import InputError, NotFoundError
from resources.lake import Lake

NEAREST, MIN_RATIO = 3, 70  # names, and rapidfuzz's 0..100


class Authors:
    """The authors of a lake; read when the first one is asked for, which takes a second."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    @cached_property
    def _names(self) -> pl.DataFrame:
        """`paper_id, author_name, name` (normalised), once per paper and name, sorted by name."""
        rows = self._lake.read_all("authorships", ["paper_id", "author_name"])
        spelt = rows["author_name"].unique()
        plain = pl.Series("name", [normalise_name(name) for name in spelt], dtype=pl.String)
        names = pl.DataFrame([spelt, plain])
        return rows.join(names, on="author_name").unique(["paper_id", "name"]).sort("name")

    def papers_of(self, author: str) -> pl.Series:
        """Ids of the papers by `author`; raises NotFoundError, with near names, if none is."""
        wanted = normalise_name(author)
        if not wanted:
            raise InputError(f"expected the name of an author, received {author!r}")
        names = self._names["name"]
        first, behind = (int(names.search_sorted(wanted, side)) for side in ("left", "right"))
        found = self._names["paper_id"][first:behind]
        if not found.len():
            near = self._near(wanted)
            hint = f"nearest: {', '.join(near)}" if near else "none is near"
            raise NotFoundError(f"no paper has an author “{author.strip()}”; {hint}")
        return found

    def _near(self, wanted: str) -> list[str]:
        from rapidfuzz import fuzz, process

        named = self._names.group_by("name").agg(pl.len(), pl.col("author_name").min())
        known = named.sort(["len", "name"], descending=[True, False])
        words = pl.all_horizontal(
            (" " + pl.col("name") + " ").str.contains(f" {word} ", literal=True)
            for word in wanted.split()
        )
        rows = known.with_row_index("row").filter(words)["row"].head(NEAREST).to_list()
        alike = process.extract(
            wanted,
            known["name"].to_list(),
            scorer=fuzz.ratio,
            limit=NEAREST,
            score_cutoff=MIN_RATIO,
        )
        rows += [row for _, _, row in alike if row not in rows]
        return known[rows[:NEAREST]]["author_name"].to_list()


def normalise_name(name: str) -> str:
    """`name` for matching; "Lovelace, Ada" is "ada lovelace"."""
    if name.count(",") == 1:
        last, first = name.split(",")
        name = f"{first} {last}"
    return normalise_title(name)
