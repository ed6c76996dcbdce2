"""Which works each of four sources has, and what chance decides of how they look there.

Belongs here: coverage, chances and draws. Not: what a sighting says (sightings.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.simulation.hard_cases import with_hard_cases
from pipeline.simulation.literature import Literature
from pipeline.simulation.spellings import NAME_CHANGES, TITLE_CHANGES
from pipeline.simulation.text import uniform_rows
from pipeline.simulation.works import SOURCES, Work, known_works
from pipeline.venues import load_venues

SIGHTING_STREAM = 50
COVERAGE = {"paper_copilot": 0.97, "openalex": 0.75, "semantic_scholar": 0.9, "dblp": 0.95}
HARDLY_IN_OPENALEX = frozenset(("nips", "icml", "iclr"))
HARDLY_SINCE, HARDLY = 2022, 0.15

# Shares of sightings that a change befalls; what is absent never happens.
CHANCES: Mapping[str, Mapping[str, float]] = {
    "paper_copilot": {
        "year": 0.0, "spelling": 0.1, "typo": 0.01, "missing_word": 0.006, "repeated_word": 0.006,
        "punctuation": 0.08, "case": 0.05, "accents_of_title": 0.4, "entities": 0.03,
        "missing_author": 0.02, "name_order": 0.05, "initials": 0.02, "middle_names": 0.1,
        "last_first": 0.04, "accents": 0.2,
    },
    "openalex": {
        "year": 0.05, "spelling": 0.05, "typo": 0.005, "missing_word": 0.005,
        "repeated_word": 0.003, "punctuation": 0.1, "case": 0.06, "accents_of_title": 0.3,
        "entities": 0.04, "missing_author": 0.03, "name_order": 0.06, "initials": 0.05,
        "middle_names": 0.15, "last_first": 0.01, "accents": 0.15,
    },
    "semantic_scholar": {
        "year": 0.04, "spelling": 0.05, "typo": 0.006, "missing_word": 0.005,
        "repeated_word": 0.003, "punctuation": 0.1, "case": 0.06, "accents_of_title": 0.4,
        "entities": 0.02, "missing_author": 0.03, "name_order": 0.03, "initials": 0.2,
        "middle_names": 0.2, "last_first": 0.01, "accents": 0.25,
    },
    "dblp": {"spelling": 0.03, "punctuation": 0.05, "typo": 0.002, "middle_names": 0.1},
}  # fmt: skip

DRAWS = (
    "seen", "year", "doi", "arxiv", "dblp", "venue", "text", "references", "second", "count",
    *TITLE_CHANGES, *NAME_CHANGES,
)  # fmt: skip
"""What is drawn for each work at each source, uniform in [0, 1)."""


@dataclass(frozen=True)
class World:
    """What every source draws upon."""

    works: list[Work]
    drawn: Mapping[str, list[list[float]]]  # by source, a row of DRAWS per work
    cited: list[list[int]]  # serials cited by each paper of the literature
    first_year: Mapping[str, int]
    in_openalex: frozenset[str]  # venues with a source id
    last_year: int

    def draws(self, source: str) -> Iterator[tuple[Work, dict[str, float]]]:
        """Works that may be seen there, with their draws."""
        for work, row in zip(self.works, self.drawn[source], strict=True):
            if source in work.sources:
                yield work, dict(zip(DRAWS, row, strict=True))

    def seen(self, source: str) -> Iterator[tuple[Work, dict[str, float]]]:
        """Works that are seen there, with their draws."""
        return ((w, u) for w, u in self.draws(source) if self.sees(source, w, u["seen"]))

    def sees(self, source: str, work: Work, u: float) -> bool:
        """Whether the source has a work whose draw is `u`."""
        if source == "openalex":
            rare = work.venue in HARDLY_IN_OPENALEX and work.year >= HARDLY_SINCE
            return work.venue in self.in_openalex and u < (HARDLY if rare else COVERAGE[source])
        if source == "dblp" and work.dblp_key is None:
            return False
        return work.is_certain or u < COVERAGE[source]

    def keys_of(self, source: str, first: int) -> dict[int, str]:
        """Keys of the papers of the literature that are seen there, by serial."""
        rows = self.seen(source)
        return {w.serial: str(first + w.code) for w, _ in rows if w.twin == 0}

    def year(self, work: Work, u: float, chance: float) -> int:
        """The year, in some cases the one before or after."""
        if work.is_certain or u >= chance:
            return work.year
        told = work.year + (1 if u > 0.7 * chance else -1)
        return told if self.first_year[work.venue] <= told <= self.last_year else work.year


def world_of(literature: Literature, seed: int) -> World:
    """The world in which a literature is seen; everything follows from the seed."""
    venues = load_venues()
    last_year = int(literature.papers["year"].max())  # type: ignore[arg-type]  # never null
    works = with_hard_cases(known_works(literature, seed=seed), last_year=last_year)
    return World(
        works,
        {s: _drawn(works, literature.papers.height, s, seed) for s in SOURCES},
        _cited(literature),
        {v.slug: v.first_year for v in venues},
        frozenset(v.slug for v in venues if v.openalex_sources),
        last_year,
    )


def _drawn(works: list[Work], n_papers: int, source: str, seed: int) -> list[list[float]]:
    """Draws of each work; those of planted works are further rows of their own stream."""
    stream = SIGHTING_STREAM + 2 * SOURCES.index(source)
    own = uniform_rows(seed, stream, np.arange(n_papers), len(DRAWS)).tolist()
    codes = np.array([2 * w.serial + w.twin - 1 for w in works[n_papers:]], dtype=np.int64)
    return [*own, *uniform_rows(seed, stream + 1, codes, len(DRAWS)).tolist()]


def _cited(literature: Literature) -> list[list[int]]:
    cited: list[list[int]] = [[] for _ in range(literature.papers.height)]
    pairs = literature.references.sort("citing", "cited").iter_rows()
    for citing, told in pairs:
        cited[int(citing[4:])].append(int(told[4:]))
    return cited
