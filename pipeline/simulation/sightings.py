"""One literature as four sources see it: which works each of them has, and how they look there.

Belongs here: identifiers given, years and counts told. Not: coverage (world.py), changes of
strings (spellings.py), the works themselves (works.py, hard_cases.py), nor files (sources.py).

Modelled on what matching meets: lists have no identifiers, OpenAlex lacks the venues that issue
no DOIs and knows some works twice, Semantic Scholar repeats and splits rows, DBLP has everything
but abstracts and counts. Nothing here depends on the order of rows or on other papers' draws.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from pipeline.simulation.literature import Literature
from pipeline.simulation.spellings import earlier_title, spell_names, spell_title
from pipeline.simulation.works import SOURCES, Work, arxiv_year
from pipeline.simulation.world import CHANCES, World, world_of

FIRST_OPENALEX, FIRST_PREPRINT = 9_100_000_000, 9_200_000_000
FIRST_CORPUS, FIRST_SPLIT = 9_000_000_000, 9_500_000_000

VARIATIONS = (
    "preprint", "repeated", "year_off_by_one", "name_order", "last_first", "missing_word",
    "repeated_word", "typo", "entities", "missing_author", "initials", "accents",
    "accents_of_title", "middle_names", "spelling", "case", "punctuation", "homonym_number",
)  # fmt: skip
"""Kinds of variation, the one that names a sighting first."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A work as one source tells of it; null and empty where it does not tell.

    `key`: the source's own; `work`: the truth; `venue`: null where the source files it under no
    registered venue; `form`: paper, workshop, preprint, front_matter or proceedings;
    `names_venue`: whether the source writes the venue's name; `references`: keys of the same
    source, null where it does not tell; `hard_case`: the case planted
    there, else the first of VARIATIONS that befell it.
    """

    source: str
    key: str
    work: str
    venue: str | None
    year: int
    title: str
    abstract: str
    authors: tuple[str, ...]
    doi: str | None = None
    arxiv_id: str | None = None
    dblp_key: str | None = None
    corpus_id: str | None = None
    openalex_id: str | None = None
    publication_date: date | None = None
    cited_by_count: int | None = None
    references: tuple[str, ...] | None = None
    form: str = "paper"
    names_venue: bool = True
    hard_case: str = ""


def sightings(
    literature: Literature, *, seed: int = 0, sources: Sequence[str] = SOURCES
) -> Iterator[Sighting]:
    """Every sighting of every work, source by source; of a list, row by row.

    A work may be seen twice by one source. The same seed, the same sightings.
    """
    world = world_of(literature, seed)
    for source in sources:
        yield from _VIEWS[source](world)


def _told(world: World, source: str, work: Work, u: Mapping[str, float], key: str) -> Sighting:
    """The work as spelt and dated by the source, without identifiers."""
    chances = CHANCES[source]
    title, changed = spell_title(work.title, chances, u, keep_words=bool(work.hard_case))
    authors, renamed = spell_names(work.authors, chances, u)
    year = world.year(work, u["year"], chances.get("year", 0.0))
    shown = {*changed, *renamed, *(["year_off_by_one"] if year != work.year else [])}
    return Sighting(
        source, key, work.work, work.venue, year, title, work.abstract, authors,
        publication_date=_date_told(work, year, u["count"]),
        form=_form(work),
        hard_case=work.hard_case or next((v for v in VARIATIONS if v in shown), ""),
    )  # fmt: skip


def _form(work: Work) -> str:
    if work.hard_case == "front_matter":
        return "front_matter"
    return "workshop" if work.status == "Workshop" else "paper"


def _date_told(work: Work, year: int, u: float) -> date:
    """The day; 1 January where only the year is known, or the year is wrong."""
    return work.published if year == work.year and u > 0.1 else date(year, 1, 1)


def _of_lists(world: World) -> Iterator[Sighting]:
    """Rows of Scholar lists, in venue-years: ids are numbers of rows, own ids, or absent."""
    cells: dict[tuple[str, int], list[tuple[Work, dict[str, float]]]] = {}
    for work, u in world.seen("paper_copilot"):
        cells.setdefault((work.venue, work.year), []).append((work, u))
    for (venue, year), rows in sorted(cells.items()):
        style = zlib.crc32(f"{venue}{year}".encode()) % 4
        for place, (work, u) in enumerate(rows):
            key = (str(place + 1), "", f"sim-list-{work.code:x}", f"sim-list-{work.code:x}")[style]
            yield replace(
                _told(world, "paper_copilot", work, u, key),
                abstract=work.abstract if u["text"] < 0.95 else "",
                publication_date=None,
                cited_by_count=work.cited_by_count if u["count"] < 0.97 else None,
            )


def _of_openalex(world: World) -> Iterator[Sighting]:
    """Works of OpenAlex: fewer citations, a DOI for most, some preprints beside their papers."""
    keys = world.keys_of("openalex", FIRST_OPENALEX)
    linked = _with_arxiv_in_s2(world)
    for work, u in world.seen("openalex"):
        key = f"W{FIRST_OPENALEX + work.code}"
        told = _told(world, "openalex", work, u, key)
        by_preprint = work.arxiv_id and not work.doi and u["arxiv"] < 0.4
        yield replace(
            told,
            openalex_id=key,
            doi=f"10.48550/arxiv.{work.arxiv_id}" if by_preprint else _given(work.doi, u["doi"]),
            arxiv_id=work.arxiv_id if by_preprint or u["arxiv"] < 0.3 else None,
            abstract=work.abstract if u["text"] < 0.85 else "",
            cited_by_count=int(work.cited_by_count * (0.5 + 0.3 * u["count"])),
            references=_references(world, work, u, "W", keys),
        )
        if work.arxiv_id and u["second"] < 0.10:
            preprint = _preprint(world, told, work, u, is_linked=work.code in linked)
            key = f"W{FIRST_PREPRINT + work.code}"
            doi = f"10.48550/arxiv.{work.arxiv_id}"
            yield replace(preprint, key=key, openalex_id=key, doi=doi)


def _of_semantic_scholar(world: World) -> Iterator[Sighting]:
    """Rows of Semantic Scholar: identifiers of others for most, rows repeated and split."""
    keys = world.keys_of("semantic_scholar", FIRST_CORPUS)
    for work, u in world.seen("semantic_scholar"):
        key = str(FIRST_CORPUS + work.code)
        told = _told(world, "semantic_scholar", work, u, key)
        nameless = u["venue"] < 0.08 and work.dblp_key is not None
        told = replace(
            told,
            corpus_id=key,
            doi=work.doi_in_s2 or _given(work.doi, u["doi"], 0.8),
            arxiv_id=_given(work.arxiv_id, u["arxiv"], 0.8),
            dblp_key=work.dblp_key if nameless else _given(work.dblp_key, u["dblp"], 0.85),
            names_venue=not nameless,
            abstract=work.abstract if u["text"] < 0.85 else "",
            cited_by_count=int(work.cited_by_count * (0.7 + 0.2 * u["count"])),
            references=_references(world, work, u, "", keys),
        )
        yield told
        if u["second"] < 0.02:
            hard_case = work.hard_case or "repeated"
            yield replace(told, references=None, hard_case=hard_case)
        elif work.arxiv_id and u["second"] < 0.10:
            preprint = _preprint(world, told, work, u, is_linked=told.arxiv_id is not None)
            key = str(FIRST_SPLIT + work.code)
            doi = told.doi if u["doi"] < 0.3 and preprint.venue else None
            yield replace(preprint, key=key, corpus_id=key, doi=doi)


def _of_dblp(world: World) -> Iterator[Sighting]:
    """Records of DBLP: no abstracts, no counts, a DOI for most, some preprints filed apart."""
    for work, u in world.seen("dblp"):
        told = _told(world, "dblp", work, u, work.dblp_key or "")
        authors = tuple(map(_numbered, told.authors))
        told = replace(
            told,
            authors=authors,
            dblp_key=work.dblp_key,
            abstract="",
            publication_date=None,
            hard_case=told.hard_case or ("homonym_number" if authors != told.authors else ""),
        )
        yield replace(told, doi=_given(work.doi, u["doi"], 0.9))
        if work.arxiv_id and u["second"] < 0.05:
            key = f"journals/corr/abs-{work.arxiv_id.replace('.', '-')}"
            preprint = _preprint(world, told, work, u | {"second": 0.99}, is_linked=False)
            yield replace(preprint, key=key, dblp_key=key, doi=f"10.48550/arxiv.{work.arxiv_id}")
    yield from _volumes(world)


def _volumes(world: World) -> Iterator[Sighting]:
    """DBLP's records of the proceedings themselves."""
    cells = {
        (w.dblp_key.rpartition("/")[0], w.venue, w.year)
        for w, _ in world.seen("dblp")
        if w.dblp_key
    }
    for stream, venue, year in sorted(cells):
        key = f"{stream}/{year}"
        title = f"Proceedings of {venue.upper()} {year}"
        if stream.startswith("conf/"):
            yield Sighting(
                "dblp", key, f"volume-{venue}-{year}", venue, year, title, "", (),
                dblp_key=key, form="proceedings", hard_case="front_matter",
            )  # fmt: skip


def _numbered(name: str) -> str:
    """The name as DBLP tells namesakes apart, by a number behind it, in one of 13 names."""
    drawn = zlib.crc32(name.encode())
    return f"{name} {1 + drawn % 4:04}" if drawn % 13 == 0 else name


def _preprint(
    world: World, told: Sighting, work: Work, u: Mapping[str, float], *, is_linked: bool
) -> Sighting:
    """The preprint as a record of its own, beside the paper's.

    Most are filed under the paper's venue, the others under none. The title may be an earlier
    one only where another record ties the arXiv id to the paper: nobody could know otherwise.
    """
    year = arxiv_year(work.arxiv_id or "")
    in_venue = u["second"] < 0.07 and year >= world.first_year[work.venue]
    title = earlier_title(work.title, u["year"]) if is_linked and u["text"] < 0.5 else work.title
    return replace(
        told,
        venue=work.venue if in_venue else None,
        year=year,
        title=title,
        abstract=work.abstract if told.abstract else "",
        arxiv_id=work.arxiv_id,
        dblp_key=None,
        publication_date=date(year, 1, 1),
        cited_by_count=work.cited_by_count // 20 if told.cited_by_count is not None else None,
        references=None,
        form="preprint",
        names_venue=True,
        hard_case=work.hard_case or "preprint",
    )


def _with_arxiv_in_s2(world: World) -> set[int]:
    rows = world.seen("semantic_scholar")
    return {w.code for w, u in rows if _given(w.arxiv_id, u["arxiv"], 0.8)}


def _references(
    world: World, work: Work, u: Mapping[str, float], letter: str, keys: Mapping[int, str]
) -> tuple[str, ...] | None:
    if work.twin or u["references"] > 0.85:
        return None
    return tuple(letter + keys[k] for k in world.cited[work.serial] if k in keys)


def _given(identifier: str | None, u: float, share: float = 0.85) -> str | None:
    return identifier if u < share else None


_VIEWS: Mapping[str, Callable[[World], Iterator[Sighting]]] = {
    "paper_copilot": _of_lists,
    "openalex": _of_openalex,
    "semantic_scholar": _of_semantic_scholar,
    "dblp": _of_dblp,
}
