"""One record against the papers known so far: ids first, then titles, and doubts said aloud.

Belongs here: the evidence that joins records of different sources. Not: lists whose ids are
positions (resolution.py), the comparisons themselves (similarity.py), nor what is remembered
(ledger.py).

In this order: the record's own id; DOI, arXiv id, DBLP key, corpus id, Anthology id, OpenAlex id;
the normalised title in the same venue-year; the title in the same venue a year earlier or later,
if most authors agree and no source tells of both; a title that differs by spelling, under the same
conditions. An id outweighs a title, but not a title *and* authors that say otherwise: ids are
mistyped, and one DOI may stand for a whole session. What is neither clear nor absurd becomes a
doubt, for a person to decide, and never a merge.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipeline.corpus.ledger import Ledger, beginning
from pipeline.corpus.similarity import (
    MIN_WORDS,
    authors_agree,
    extends,
    is_named,
    name_words,
    same_title,
    shared_authors,
    titles_alike,
)
from pipeline.corpus.text import normalise_title, surname

CONFIDENCE: Mapping[str, float] = {
    "first": 1.0,
    "source_id": 1.0,
    "person": 1.0,
    "doi": 1.0,
    "arxiv_id": 0.99,
    "dblp_key": 1.0,
    "s2_corpus_id": 0.99,
    "acl_id": 1.0,
    "openalex_id": 0.99,
    "title": 0.95,
    "title_of_adjacent_year": 0.9,
    "similar_title": 0.85,
}
SCHEMES = {  # column of a record -> scheme of its key, in the order they are believed
    "doi": "doi",
    "arxiv_id": "arxiv",
    "dblp_key": "dblp",
    "s2_corpus_id": "semantic_scholar",
    "acl_id": "acl",
    "openalex_id": "openalex",
}
# Two different ids of these schemes are two works; a preprint's DOI is no sign of another work.
DECISIVE = ("doi", "dblp", "acl")
_ARXIV_DOI = "doi:10.48550/arxiv."
# Sources whose year is often another than that of the edition.
NOISY = frozenset({"openalex", "semantic_scholar"})
# Sources known to hold one work under several ids of their own. Of the others, two records with one
# title are two works: columns such as "Editorial" return under one name.
REPEATING = frozenset({"openalex", "semantic_scholar"})
DOUBTFUL = 85.0  # percent of shared words from which the same people's other title is looked at
SURELY_ALIKE = 90.0  # percent of shared words from which an id needs no author's word
ALIKE = 60.0  # percent of shared words below which an id shared by two titles is doubted


@dataclass(frozen=True)
class Match:
    """The paper a record belongs to, and what tied it."""

    paper_id: str
    method: str


@dataclass(frozen=True)
class Work:
    """A record as matching sees it."""

    record: Mapping[str, Any]
    positional: bool = False  # its source_id is a place in a list, and means nothing elsewhere

    @cached_property
    def source(self) -> str:
        """Whose record it is."""
        return str(self.record["source"])

    @property
    def cell(self) -> tuple[str, int]:
        """Where the record stands."""
        return self.record["venue"], self.record["year"]

    @property
    def handle(self) -> str:
        """The key of the record itself; of a row of a list, that of its place there."""
        if self.positional:
            venue, year = self.cell
            return f"{self.source}:{venue}:{year}:{self.record['source_id']}"
        return f"{self.source}:{self.record['source_id']}"

    @cached_property
    def title(self) -> str:
        """Normalised."""
        return str(self.record.get("normal_title") or normalise_title(self.record["title"]))

    @property
    def title_key(self) -> str:
        """The key of its title in its venue-year."""
        return f"title:{self.cell[0]}:{self.cell[1]}:{self.title}"

    @cached_property
    def surnames(self) -> set[str]:
        """Last names, as far as one can tell."""
        return {s for name in self.record["authors"] if (s := surname(name))}

    @cached_property
    def words(self) -> set[str]:
        """Every word of its authors' names."""
        return name_words(self.record["authors"])

    @cached_property
    def ids(self) -> dict[str, str]:
        """column -> key, of every identifier the record carries, in the order of belief."""
        found = {
            column: f"{scheme}:{value}"
            for column, scheme in SCHEMES.items()
            if (value := self.record.get(column))
        }
        if found.get("doi", "").startswith(_ARXIV_DOI):  # names the preprint, as its arXiv id does
            doi = found.pop("doi")
            found.setdefault("arxiv_id", f"arxiv:{doi[len(_ARXIV_DOI) :]}")
        return found

    @property
    def is_preprint(self) -> bool:
        """Whether all that identifies it is an arXiv id; what an edition lists is none."""
        listed = self.positional or not self.ids.keys().isdisjoint({"doi", "dblp_key", "acl_id"})
        return "arxiv_id" in self.ids and not listed


class Matcher:
    """Finds the paper of a record among those of a ledger, and writes down merges and doubts."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._doubts: list[tuple[str, str]] = []
        self._disbelieved: set[str] = set()  # ids of the record that must be another's

    def find(self, work: Work, *, by_spelling: bool = True) -> Match | None:
        """The paper the record belongs to, or None if it is the first of its paper.

        Without `by_spelling`, only ids and equal titles count: what matches exactly must be served
        before anything similar is taken for it.
        """
        self._doubts, self._disbelieved = [], set()
        by_id = self._by_ids(work)
        by_title = self._by_title(work, by_id.paper_id if by_id else None, by_spelling)
        if by_id and by_title:
            return Match(self._join(work, by_id, by_title), by_id.method)
        return by_id or by_title

    def settle(self, work: Work, paper_id: str) -> None:
        """Write down what was doubtful about the record, now that its paper is known."""
        for other, reason in self._doubts:
            self.ledger.doubt(work.handle, paper_id, other, reason=reason)
        self._doubts = []

    # ── by identifiers ────────────────────────────────────────────────────────────────

    def _by_ids(self, work: Work) -> Match | None:
        known, found = self.ledger.paper_of_key, None
        if not work.positional and (own := known.get(work.handle)) is not None:
            found = Match(own, self.ledger.method_of_key.get(work.handle, "source_id"))
        for column, key in work.ids.items():
            paper_id = known.get(key)
            if paper_id is None or (found and found.paper_id == paper_id):
                continue
            if not self._plausible(work, paper_id):
                self._doubts.append((paper_id, f"{column} is the same, title or authors are not"))
                self._disbelieved.add(key)
                continue
            # Sources give the arXiv id of a paper to its journal version as well.
            if found is None and column == "arxiv_id" and not self._allowed(work, paper_id):
                continue
            match = Match(paper_id, column)
            found = match if found is None else Match(self._join(work, found, match), found.method)
        return found

    def _plausible(self, work: Work, paper_id: str) -> bool:
        """Whether title or authors of the paper speak for what an id says."""
        titles = self.ledger.titles_of(paper_id)
        best = max((titles_alike(work.title, title) for title in titles), default=100.0)
        nameless = not self.ledger.surnames_of_paper[paper_id] or not work.words
        if best >= ALIKE:
            return nameless or best >= SURELY_ALIKE or self._same_people(work, paper_id, 0.3)
        if any(t.startswith(work.title) or work.title.startswith(t) for t in titles):
            return nameless or self._same_people(work, paper_id)  # one side lacks the subtitle
        # Renamed between preprint and print, perhaps; but by the very same people.
        return best >= ALIKE / 2 and self._same_people(work, paper_id, 1.0)

    def _join(self, work: Work, first: Match, second: Match) -> str:
        """The one paper two kinds of evidence lead to; two, and a doubt, if they contradict."""
        ledger = self.ledger
        one, other = first.paper_id, second.paper_id
        if one == other:
            return one
        if ledger.apart(one, other):
            return one
        if self._contradict(one, other):
            ledger.doubt(work.handle, one, other, reason="one record points to both")
            return one
        return ledger.merge(one, other, reason=f"{first.method} and {second.method}")

    def _contradict(self, one: str, other: str) -> bool:
        """Whether two papers have ids of their own, or one source tells of both."""
        ledger = self.ledger
        for scheme in DECISIVE:
            ours, theirs = set(ledger.ids_of(one, scheme)), set(ledger.ids_of(other, scheme))
            if ours and theirs and ours.isdisjoint(theirs):
                return True
        return not ledger.sources_of_paper[one].isdisjoint(ledger.sources_of_paper[other])

    # ── by title ──────────────────────────────────────────────────────────────────────

    def _by_title(self, work: Work, exclude: str | None, by_spelling: bool) -> Match | None:
        if not work.title:
            return None
        for method, candidates in (
            ("title", self._of_same_title(work)),
            ("title_of_adjacent_year", self._of_adjacent_year(work)),
            ("similar_title", self._of_similar_title(work)),
        ):
            if exclude and method != "title":
                return None  # an id has spoken: only the very same title may add to it
            if method == "similar_title" and not by_spelling:
                return None
            for paper_id in candidates:
                if paper_id == exclude:
                    return None
                if self._allowed(work, paper_id):
                    return Match(paper_id, method)
        return None

    def _of_same_title(self, work: Work) -> Iterator[str]:
        """Papers of this title in this venue-year that share an author, or name none."""
        ledger = self.ledger
        candidates = ledger.titles_of_cell.get(work.cell, {}).get(work.title, ())
        for paper_id in sorted(candidates, key=lambda p: self._strangeness(work, p)):
            theirs = ledger.surnames_of_paper[paper_id]
            people = not theirs or not work.words or self._same_people(work, paper_id)
            if len(work.title.split()) >= MIN_WORDS:
                people = people or any(is_named(name, work.words) for name in theirs)
            if people and (work.source in REPEATING or self._new_to(work, paper_id)):
                yield paper_id

    def _of_adjacent_year(self, work: Work) -> Iterator[str]:
        """Papers of this title in this venue a year earlier or later, by most of the authors."""
        venue, year = work.cell
        if len(work.title.split()) < MIN_WORDS:
            return  # columns such as "Book review" return every year
        for paper_id in self._sorted(self.ledger.papers_of_title.get(work.title, ())):
            near = {(venue, year - 1), (venue, year + 1)} & self.ledger.editions_of(paper_id)
            if (
                near
                and self._may_be_off(work, paper_id)
                and self._same_people(work, paper_id)
                and self._new_to(work, paper_id)
            ):
                yield paper_id

    def _of_similar_title(self, work: Work) -> Iterator[str]:
        """Papers nearby whose title differs by spelling or a subtitle, by the same people."""
        venue, year = work.cell
        for near in (year, year - 1, year + 1):
            others = self.ledger.sources_of_cell.get((venue, near), set()) - {work.source}
            if not others and not work.is_preprint:
                continue  # nobody else told of anything there
            for paper_id, title in self._by_surname(work, (venue, near)):
                if title == work.title or not self._new_to(work, paper_id):
                    continue
                if near != year and not self._may_be_off(work, paper_id):
                    continue
                alike = titles_alike(work.title, title)
                same = extends(work.title, title) or (
                    alike >= ALIKE and same_title(work.title, title)
                )
                if same and self._same_people(work, paper_id, 0.8):
                    yield paper_id
                elif alike >= DOUBTFUL and near == year and self._same_people(work, paper_id, 0.99):
                    self._doubts.append((paper_id, "similar title, same people"))

    def _by_surname(self, work: Work, cell: tuple[str, int]) -> Iterator[tuple[str, str]]:
        index = self.ledger.papers_of_surname.get(cell, {})
        seen: set[tuple[str, str]] = set()
        for word in (*sorted(work.words), beginning(work.title)):
            for found in index.get(word, ()):
                if found not in seen:
                    seen.add(found)
                    yield found

    def _strangeness(self, work: Work, paper_id: str) -> tuple[float, int]:
        """Sorts candidates: most authors in common first, then the oldest."""
        theirs = self.ledger.surnames_of_paper[paper_id]
        both = shared_authors(work.words, theirs) + shared_authors(theirs, work.surnames)
        return -both, self.ledger.row_of_paper[paper_id]

    def _same_people(self, work: Work, paper_id: str, share: float = 0.5) -> bool:
        theirs = self.ledger.surnames_of_paper[paper_id]
        return authors_agree(work.words, len(work.surnames), theirs, share)

    def _may_be_off(self, work: Work, paper_id: str) -> bool:
        """Whether one side's year is that of a source that often errs; others list editions."""
        return work.source in NOISY or self.ledger.sources_of_paper[paper_id] <= NOISY

    def _new_to(self, work: Work, paper_id: str) -> bool:
        """Whether the record's source does not tell of the paper yet, preprints apart.

        A source that lists two editions of a title has two works: a workshop paper, and the paper.
        """
        return work.source not in self.ledger.sources_of_paper[paper_id] or work.is_preprint

    def _allowed(self, work: Work, paper_id: str) -> bool:
        """Whether no id of the record speaks against the paper; if one does, that is a doubt."""
        for column in ("doi", "dblp_key", "acl_id"):
            if (key := work.ids.get(column)) and key not in self._disbelieved:
                scheme, _, value = key.partition(":")
                theirs = self.ledger.ids_of(paper_id, scheme)
                if theirs and value not in theirs:
                    self._doubts.append((paper_id, f"otherwise the same, {column} is not"))
                    return False
        return True

    def _sorted(self, papers: Any) -> list[str]:
        return sorted(papers, key=self.ledger.row_of_paper.__getitem__)
