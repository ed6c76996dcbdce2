"""Works planted beside papers because they look like them and are others.

Belongs here: pairs that a careless reader takes for one work. Not: how sources spell them
(spellings.py) or who sees them (sightings.py).

Cases fall on papers by serial number, so that every size of literature has each of them in the
same share, no paper has two, and a later day adds to them without moving one.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from pipeline.simulation.words import FRONT_MATTER, GENERIC_TITLES, SHARED_TASKS
from pipeline.simulation.works import Work, dblp_key_of, doi_of, surnames
from pipeline.venues import Domain, VenueRegistry, load_venues

SPACING = 22  # serial numbers between two cases
JOURNALS: Mapping[Domain, tuple[str, ...]] = {
    "nlp": ("tacl",), "speech": ("tacl",), "vision": ("tpami", "ijcv"), "robotics": ("tpami",),
    "graphics": ("tog",), "hci": ("tog",),
}  # fmt: skip
OTHER_JOURNALS = ("jmlr", "tpami")
_REPLACED_BY = ("distillation", "calibration", "augmentation", "interpolation")


@dataclass(frozen=True)
class _Ground:
    """The works of the literature, and where further ones may be planted."""

    works: list[Work]
    venues: VenueRegistry
    last_year: int

    def stranger(self, work: Work, *, at_least: int = 1) -> Work | None:
        """An earlier paper whose authors share no surname with this one's."""
        own = surnames(work)
        earlier = reversed(self.works[: work.serial // 2])
        return next(
            (w for w in earlier if len(w.authors) >= at_least and own.isdisjoint(surnames(w))), None
        )

    def plant(
        self,
        work: Work,
        twin: int,
        title: str,
        *,
        by: Work | None = None,
        authors: tuple[str, ...] = (),
        venue: str = "",
        later: int = 0,
    ) -> Work:
        """A work of another title; of the same people, venue and year unless told.

        `by`: whose authors and abstract it gets; `authors`: them in their stead.
        """
        by, venue, year = by or work, venue or work.venue, work.year + later
        authors = authors or by.authors
        code = work.serial * 4 + twin
        return replace(
            work,
            work=f"{work.work}-{twin}",
            twin=twin,
            title=title,
            abstract=f"{title}. {by.abstract.partition('. ')[2]}",
            authors=authors,
            venue=venue,
            year=year,
            published=date(year, work.published.month, min(work.published.day, 28)),
            cited_by_count=work.cited_by_count // (2 + twin),
            doi=doi_of(venue, year, code),
            arxiv_id=None,
            dblp_key=dblp_key_of(self.venues[venue], year, authors, code),
        )

    def holds(self, venue: str, year: int) -> bool:
        return self.venues[venue].first_year <= year <= self.last_year


def _same_title(work: Work, ground: _Ground) -> list[Work]:
    """The same title in the same venue-year, by people of other names."""
    other = ground.stranger(work)
    return [work, ground.plant(work, 1, work.title, by=other)] if other else []


def _shared_surname(work: Work, ground: _Ground) -> list[Work]:
    """The same title in the same venue-year, by a namesake of the first author and others."""
    other = ground.stranger(work)
    if other is None:
        return []
    given, *_, family = work.authors[0].split(" ")
    authors = (f"{'Xin' if given[0] != 'X' else 'Kwame'} {family}", *other.authors)
    return [work, ground.plant(work, 1, work.title, by=other, authors=authors)]


def _generic_title(work: Work, ground: _Ground) -> list[Work]:
    """Two works of a title that many have, in one year or two, by different people."""
    title = GENERIC_TITLES[work.serial // SPACING % len(GENERIC_TITLES)]
    one = ground.stranger(work, at_least=2)
    other = one and ground.stranger(one, at_least=2)
    if one is None or other is None:
        return []
    later = work.serial % 2 if ground.holds(work.venue, work.year + 1) else 0
    first = ground.plant(work, 1, title, by=one)
    return [first, ground.plant(work, 2, title, by=other, later=later)]


def _parts(work: Work, ground: _Ground) -> list[Work]:
    """Two parts of one work, a numeral apart."""
    style = (", part {}", ": Part {}")[work.serial % 2]
    numerals = ("I", "II") if work.serial % 3 else ("1", "2")
    return [
        ground.plant(work, k, work.title + style.format(n)) for k, n in enumerate(numerals, start=1)
    ]


def _version(work: Work, ground: _Ground) -> list[Work]:
    """A second version under the first one's title and a number, that year or the next."""
    later = work.serial % 2 if ground.holds(work.venue, work.year + 1) else 0
    return [work, ground.plant(work, 1, f"{work.title} 2.0", later=later)]


def _shared_task(work: Work, ground: _Ground) -> list[Work]:
    """One team's papers on two tasks of one evaluation."""
    series, task = SHARED_TASKS[work.serial // SPACING % len(SHARED_TASKS)]
    team, number = work.authors[0].split(" ")[0], 2 + work.serial % 7
    titles = (f"{team} at {series}-{work.year} Task {number + k}: {task}" for k in (0, 1))
    return [ground.plant(work, k, title) for k, title in enumerate(titles, start=1)]


def _sibling(work: Work, ground: _Ground) -> list[Work]:
    """Two papers of the same people in one year, whose titles are one word apart."""
    longest = max(work.title.split(" "), key=len)
    other = next(w for w in _REPLACED_BY if w not in work.title)
    return [work, ground.plant(work, 1, work.title.replace(longest, other, 1))]


def _workshop(work: Work, ground: _Ground) -> list[Work]:
    """A workshop paper that came back at the main track a year later, both on the lists."""
    if not ground.holds(work.venue, work.year - 1):
        return []
    early = ground.plant(work, 1, work.title, later=-1)
    early = replace(early, status="Workshop", doi=None, dblp_key=None, sources=("paper_copilot",))
    # A preprint of the workshop's year could be of either: nobody could know.
    main = replace(work, status="Poster", arxiv_id=None)
    return [replace(w, is_certain=True) for w in (main, early)]


def _journal(work: Work, ground: _Ground) -> list[Work]:
    """A journal's longer version, one or two years later, of the same people and one more."""
    choice = JOURNALS.get(ground.venues[work.venue].domain, OTHER_JOURNALS)
    venue, later = choice[work.serial // SPACING % len(choice)], 1 + work.serial % 2
    guest = ground.stranger(work)
    if guest is None or not ground.holds(venue, work.year + later):
        return []
    title = work.title if work.serial % 4 < 2 else f"{work.title}: an extended study"
    authors = (*work.authors, guest.authors[0])
    version = ground.plant(work, 1, title, authors=authors, venue=venue, later=later)
    version = replace(version, status="", doi=f"10.5555/{venue}.{version.code}")
    return [work, replace(version, sources=("openalex", "semantic_scholar", "dblp"))]


def _shared_doi(work: Work, ground: _Ground) -> list[Work]:
    """Two papers of one venue-year to which Semantic Scholar gives one DOI."""
    beside = ground.works[work.serial + 1] if work.serial + 1 < len(ground.works) else work
    if beside is work or (beside.venue, beside.year) != (work.venue, work.year) or not work.doi:
        return []
    return [work, replace(beside, doi_in_s2=work.doi)]


def _front_matter(work: Work, ground: _Ground) -> list[Work]:
    """A preface that sources list among the papers."""
    title = FRONT_MATTER[work.serial // SPACING % len(FRONT_MATTER)]
    preface = ground.plant(work, 1, title)
    return [replace(preface, abstract="", doi=None, dblp_key=None)]


CASES: Mapping[str, Callable[[Work, _Ground], list[Work]]] = {
    "same_title": _same_title,
    "shared_surname": _shared_surname,
    "generic_title": _generic_title,
    "parts": _parts,
    "version": _version,
    "shared_task": _shared_task,
    "sibling": _sibling,
    "workshop": _workshop,
    "journal": _journal,
    "shared_doi": _shared_doi,
    "front_matter": _front_matter,
}
"""Each case: the works it concerns, planted ones and changed ones; none where it cannot be."""


def with_hard_cases(works: list[Work], *, last_year: int) -> list[Work]:
    """The works, each case under its name, and the planted ones behind them."""
    ground = _Ground(works, load_venues(), last_year)
    all_works = {work.code: work for work in works}
    for case, work in _case_of_each(works):
        concerned = [replace(w, hard_case=case) for w in CASES[case](work, ground)]
        all_works |= {w.code: w for w in concerned}
    return list(all_works.values())


def _case_of_each(works: list[Work]) -> Iterator[tuple[str, Work]]:
    names = list(CASES)
    for k, work in enumerate(works[SPACING // 2 :: SPACING]):
        yield names[k % len(names)], work
