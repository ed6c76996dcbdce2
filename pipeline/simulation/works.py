"""The works that sources see: papers of the literature, with the identifiers the world gave them.

Belongs here: what is true of a work, whoever tells of it. Not: the works planted beside them
(hard_cases.py), nor how a source tells of them (sightings.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pipeline.corpus.text import surname
from pipeline.simulation.literature import Literature
from pipeline.simulation.text import uniform_rows
from pipeline.simulation.words import ACCENTED_ENDINGS
from pipeline.venues import Venue, load_venues

IDENTIFIER_STREAM = 41
SOURCES = ("paper_copilot", "openalex", "semantic_scholar", "dblp")
WITHOUT_DOI = frozenset(
    (
        "nips",
        "icml",
        "iclr",
        "corl",
        "aistats",
        "uai",
        "acml",
        "colt",
        "alt",
        "colm",
        "jmlr",
        "tmlr",
    )
)
"""Venues that register no DOIs."""
ON_ARXIV = 0.55  # share of papers with a preprint
PREPRINT_DAYS = 150  # a preprint is this much older than the paper
ACCENTED_EVERY = 12  # each so many-th paper has a title with accents


@dataclass(frozen=True, slots=True)
class Work:
    """One work, or front matter, and all that is true of it.

    `serial`: of the paper it is or stands beside; `twin`: 0 for the paper itself, else its number
    among the works planted there; `hard_case`: why it is hard to keep apart, or empty;
    `sources`: which may see it; `is_certain`: whether none of them overlooks it or tells a wrong
    year, OpenAlex' gaps apart;
    `doi_in_s2`: another paper's DOI that Semantic Scholar believes to be its own.
    """

    work: str
    serial: int
    twin: int
    title: str
    abstract: str
    authors: tuple[str, ...]
    venue: str
    year: int
    published: date
    status: str
    cited_by_count: int
    doi: str | None
    arxiv_id: str | None
    dblp_key: str | None
    hard_case: str = ""
    sources: tuple[str, ...] = SOURCES
    is_certain: bool = False
    doi_in_s2: str | None = None

    @property
    def code(self) -> int:
        """A number no other work has; sources build their ids on it."""
        return self.serial * 4 + self.twin


def known_works(literature: Literature, *, seed: int) -> list[Work]:
    """Every paper of the literature as a work, in the order of serial numbers."""
    venues = {v.slug: v for v in load_venues()}
    papers = literature.papers.with_row_index("serial")
    drawn = uniform_rows(seed, IDENTIFIER_STREAM, papers["serial"].to_numpy(), 1)[:, 0].tolist()
    return [
        _work(paper, venues[paper["venue"]], on_arxiv=u < ON_ARXIV)
        for paper, u in zip(papers.iter_rows(named=True), drawn, strict=True)
    ]


def _work(paper: Mapping[str, Any], venue: Venue, *, on_arxiv: bool) -> Work:
    serial, title, year = paper["serial"], paper["title"], paper["year"]
    if serial % ACCENTED_EVERY == 0:
        title += ACCENTED_ENDINGS[serial // ACCENTED_EVERY % len(ACCENTED_ENDINGS)]
    return Work(
        work=paper["sim_id"],
        serial=serial,
        twin=0,
        title=title,
        abstract=paper["abstract"],
        authors=tuple(paper["authors"]),
        venue=venue.slug,
        year=year,
        published=paper["publication_date"],
        status=paper["status"],
        cited_by_count=paper["cited_by_count"],
        doi=doi_of(venue.slug, year, serial * 4),
        arxiv_id=_arxiv_id(paper["publication_date"], serial) if on_arxiv else None,
        dblp_key=dblp_key_of(venue, year, paper["authors"], serial * 4),
    )


def doi_of(venue: str, year: int, code: int) -> str | None:
    """The DOI a venue registers for a work; None if it registers none."""
    return None if venue in WITHOUT_DOI else f"10.5555/{venue}.{year}.{code}"


def dblp_key_of(
    venue: Venue, year: int, authors: list[str] | tuple[str, ...], code: int
) -> str | None:
    """A DBLP key as people know them, surnames' initials and year, made unique by `code`."""
    if not venue.dblp_streams:
        return None
    names = ["".join(filter(str.isascii, surname(name))).capitalize() for name in authors]
    initials = "".join(name[:1] for name in names[1:])
    return f"{venue.dblp_streams[0]}/{names[0]}{initials}{year % 100:02}-{code:x}"


def _arxiv_id(published: date, serial: int) -> str:
    # No month ever brought 40,000 preprints, so that these are nobody's; papers of one month lie
    # close together, so that the last five digits tell them apart.
    return f"{published - timedelta(days=PREPRINT_DAYS):%y%m}.{40_000 + serial % 60_000}"


def arxiv_year(arxiv_id: str) -> int:
    """The year an arXiv id tells."""
    return 2000 + int(arxiv_id[:2])


def surnames(work: Work) -> set[str]:
    """Normalised surnames of its authors."""
    return {surname(name) for name in work.authors}
