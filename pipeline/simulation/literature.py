"""The simulated literature: papers with planted topics and planted impact, and a day passing.

Belongs here: what is simulated, as frames of ground truth. Not: the words (words.py,
text.py), the citation model (citations.py), or the files a source would
hand us (lists.py).

It exists for the demo and for tests that need to know the truth; every id begins with `sim-`
so that nobody takes it for data. Everything follows from the seed.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from pipeline.errors import InputError
from pipeline.simulation.citations import (
    citations_received,
    draw_references,
    no_references,
    outside_citations,
    reference_lists,
    reference_pairs,
)
from pipeline.simulation.text import Floats, Ints, compose_texts, name_authors
from pipeline.simulation.words import TOPICS
from pipeline.venues import load_venues

DEFAULT_VENUES = (
    "acl", "emnlp", "cvpr", "wacv", "nips", "icml", "icra", "corl", "sigir", "kdd",
)  # fmt: skip
DEFAULT_YEARS = range(2016, 2026)
GROWTH = 1.12  # each year brings 12% more papers than the one before
OFF_TOPIC = 0.1  # share of a venue's papers whose topic belongs to another domain
STATUSES = {"Poster": 0.80, "Spotlight": 0.09, "Oral": 0.08, "Workshop": 0.03}
# Streams of random numbers, so that more draws of one thing never shift another.
WORLD, PAPERS, CITATIONS, DAY = 11, 12, 13, 14

PAPER_SCHEMA = pl.Schema(
    [
        ("sim_id", pl.String),
        ("title", pl.String),
        ("abstract", pl.String),
        ("authors", pl.List(pl.String)),
        ("keywords", pl.List(pl.String)),
        ("venue", pl.String),
        ("year", pl.Int32),
        ("publication_date", pl.Date),
        ("track", pl.String),
        ("status", pl.String),
        ("topic", pl.String),
        ("fitness", pl.Float64),
        ("cited_by_count", pl.Int32),
    ]
)


@dataclass(frozen=True)
class Literature:
    """Ground truth as it stood on one day.

    `papers`: `PAPER_SCHEMA`, in the order of their serial numbers. `references`: citing and
    cited `sim_id`. Counts are the references received plus citations from outside.
    """

    papers: pl.DataFrame
    references: pl.DataFrame
    as_of: date


@dataclass(frozen=True)
class _Plan:
    """What is drawn about each paper before it gets words and citations."""

    venue: npt.NDArray[np.str_]
    year: Ints
    day: Ints  # days since 1970-01-01
    topic: Ints
    fitness: Floats
    status: npt.NDArray[np.str_]

    def frame(self, first_serial: int, *, seed: int, taken: Sequence[str]) -> pl.DataFrame:
        """The papers with texts and authors, not yet cited."""
        serials = np.arange(first_serial, first_serial + len(self.day))
        texts = compose_texts(serials, self.topic, seed=seed, taken=taken)
        community = 60 + 2 * (first_serial + len(self.day)) // len(TOPICS)
        columns = {
            "sim_id": [f"sim-{n:07d}" for n in serials.tolist()],
            "title": texts.titles,
            "abstract": texts.abstracts,
            "authors": _lists(name_authors(serials, self.topic, seed=seed, community=community)),
            "keywords": _lists(texts.keywords),
            "venue": self.venue.tolist(),
            "year": self.year,
            "publication_date": self.day.astype("datetime64[D]"),
            "track": ["main"] * len(self.day),
            "status": self.status.tolist(),
            "topic": [TOPICS[k].name for k in self.topic.tolist()],
            "fitness": self.fitness,
            "cited_by_count": np.zeros(len(self.day), dtype=np.int32),
        }
        return pl.DataFrame(columns, schema_overrides=PAPER_SCHEMA).select(PAPER_SCHEMA.names())


def simulate_literature(
    *,
    n_papers: int = 3000,
    seed: int = 0,
    venues: Sequence[str] | None = None,
    years: Sequence[int] | None = None,
) -> Literature:
    """A literature of `n_papers` over registered venues and years, on the next New Year's Day."""
    years = sorted(years or DEFAULT_YEARS)
    as_of = date(years[-1] + 1, 1, 1)
    plan = _plan(n_papers, tuple(venues or DEFAULT_VENUES), years, seed)
    world = np.random.default_rng([seed, WORLD])
    attention = np.exp(np.log(20.0) + 0.5 * world.standard_normal(len(TOPICS)))
    rng = np.random.default_rng([seed, CITATIONS])
    references = draw_references(
        no_references(0), day=plan.day, topic=plan.topic, fitness=plan.fitness, rng=rng
    )
    age = _days([as_of])[0] - plan.day
    outside = outside_citations(plan.fitness, age, attention[plan.topic], rng=rng)
    papers = plan.frame(0, seed=seed, taken=())
    return Literature(
        _with_citations(papers, citations_received(references) + outside),
        reference_pairs(references, first=0),
        as_of,
    )


def next_day(
    literature: Literature, *, seed: int, n_new_papers: int = 30, n_new_citations: int = 200
) -> Literature:
    """The literature a day later: new papers in the newest two years, and new citations.

    Only adds: no text changes, no count falls. `n_new_citations` come from outside, in
    proportion to the citations a paper has; the references of new papers come on top.
    """
    old = literature.papers
    rng = np.random.default_rng([seed, DAY, old.height, literature.as_of.toordinal()])
    plan = _newcomers(old, n_new_papers, rng)
    new = plan.frame(old.height, seed=seed, taken=old["title"].to_list())
    papers = pl.concat([old, new])
    known = reference_lists(literature.references, old.height)
    references = draw_references(
        known,
        day=_days(papers["publication_date"]),
        topic=topic_numbers(papers),
        fitness=papers["fitness"].to_numpy(),
        rng=rng,
    )
    popularity = old["cited_by_count"].to_numpy() + 1.0
    outside = rng.multinomial(n_new_citations, popularity / popularity.sum())
    gained = citations_received(references) - np.pad(
        citations_received(known) - outside, (0, new.height)
    )
    edges = pl.concat([literature.references, reference_pairs(references, first=old.height)])
    return Literature(_with_citations(papers, gained), edges, literature.as_of + timedelta(days=1))


def _plan(n_papers: int, venues: Sequence[str], years: Sequence[int], seed: int) -> _Plan:
    """Venue, date, topic, fitness and status of every paper, in order of year and venue."""
    registry = load_venues()
    held = [registry[slug] for slug in dict.fromkeys(map(registry.resolve, venues))]
    cells = [(v, y) for y in years for v in held if y >= v.first_year]
    if not cells:
        raise InputError(
            f"venues, years: expected a year in which one of {', '.join(venues)} took place, "
            f"received {years[0]} to {years[-1]}; choose later years"
        )
    rng = np.random.default_rng([seed, PAPERS])
    size = dict(zip((v.slug for v in held), rng.uniform(0.5, 2.0, len(held)), strict=True))
    share = np.array([size[v.slug] * GROWTH ** (y - years[0]) for v, y in cells])
    cell = np.sort(rng.choice(len(cells), n_papers, p=share / share.sum()))
    venue = np.array([v.slug for v, _ in cells])[cell]
    year = np.array([y for _, y in cells])[cell]
    opening = np.array([_opening_day(v.slug, y) for v, y in cells])[cell]
    topic = np.empty(n_papers, dtype=np.int64)
    for v in held:
        of_venue = np.flatnonzero(venue == v.slug)
        topic[of_venue] = rng.choice(len(TOPICS), len(of_venue), p=_topic_shares(v.domain))
    fitness = _draw_fitness(n_papers, rng)
    day = opening + rng.integers(0, 4, n_papers)  # a conference lasts four days
    return _Plan(venue, year, day, topic, fitness, _draw_statuses(n_papers, rng))


def _newcomers(old: pl.DataFrame, n: int, rng: np.random.Generator) -> _Plan:
    """New papers beside random papers of the newest two years: same venue, date and topic."""
    year = old["year"].to_numpy()
    beside = old[rng.choice(np.flatnonzero(year >= year.max() - 1), n)]
    return _Plan(
        venue=beside["venue"].to_numpy().astype(np.str_),
        year=beside["year"].to_numpy().astype(np.int64),
        day=_days(beside["publication_date"]),
        topic=topic_numbers(beside),
        fitness=_draw_fitness(n, rng),
        status=_draw_statuses(n, rng),
    )


def _draw_fitness(n: int, rng: np.random.Generator) -> Floats:
    fitness: Floats = np.exp(np.log(0.8) + 0.5 * rng.standard_normal(n))
    return fitness


def _draw_statuses(n: int, rng: np.random.Generator) -> npt.NDArray[np.str_]:
    return rng.choice(np.array(list(STATUSES)), n, p=list(STATUSES.values()))


def _topic_shares(domain: str) -> Floats:
    """Share of each topic at a venue of `domain`: mostly its own topics."""
    own = np.array([t.domain == domain for t in TOPICS])
    shares: Floats = np.where(own, (1 - OFF_TOPIC) / own.sum(), OFF_TOPIC / (~own).sum())
    return shares


def _opening_day(venue: str, year: int) -> int:
    """First day of the conference, in days since 1970; the same day of every year."""
    day_of_year = 30 + zlib.crc32(venue.encode()) % 300
    return int(_days([date(year, 1, 1)])[0]) + day_of_year


def _days(dates: Sequence[date] | pl.Series) -> Ints:
    return np.asarray(dates, dtype="datetime64[D]").astype(np.int64)


def topic_numbers(papers: pl.DataFrame) -> Ints:
    """Place of each paper's topic in `TOPICS`."""
    number = {t.name: k for k, t in enumerate(TOPICS)}
    return papers["topic"].replace_strict(number, return_dtype=pl.Int64).to_numpy()


def _with_citations(papers: pl.DataFrame, gained: Ints) -> pl.DataFrame:
    return papers.with_columns(
        cited_by_count=(pl.col("cited_by_count") + pl.Series(gained)).cast(pl.Int32)
    )


def _lists(rows: list[list[str]]) -> pl.Series:
    """The rows as a column of lists; joined and split, since polars converts lists one by one."""
    return pl.Series(["\n".join(row) for row in rows], dtype=pl.String).str.split("\n")
