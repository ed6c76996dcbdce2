"""Titles, abstracts, keywords and authors of simulated papers.

Belongs here: joining the words of words.py into texts and names. Not: which paper has
which topic (literature.py).

Every draw is a row of one long stream of uniform numbers, and paper n reads row n. A text
therefore depends on the seed, the paper's number and its topic alone, and never on how many
papers were asked for; that is what lets a day pass without touching yesterday's texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

import numpy as np
import numpy.typing as npt

from pipeline.simulation import words

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

TEXT_STREAM, AUTHOR_STREAM = 1, 2
N_TERMS = 6
MAX_AUTHORS = 7
VISITING = 0.2  # share of authors who belong to the community of another topic
# Shares of papers with 1, 2, ... authors.
TEAM_SIZES = np.cumsum([0.06, 0.16, 0.24, 0.22, 0.16, 0.10, 0.06])


@dataclass(frozen=True)
class Texts:
    """Titles, abstracts and keyword lists, one per paper."""

    titles: list[str]
    abstracts: list[str]
    keywords: list[list[str]]


def uniform_rows(seed: int, stream: int, rows: Ints, width: int) -> Floats:
    """Uniform numbers in [0, 1): row n of the stream for every n in `rows`."""
    height = int(rows.max()) + 1 if len(rows) else 0
    return np.random.default_rng([seed, stream]).random((height, width))[rows]


def coined_names(serials: Ints, ending: str = "") -> list[str]:
    """A pronounceable system name for each serial number; no two are the same."""
    base = len(words.SYLLABLES)
    span = base**4
    names = []
    for serial in serials.tolist():
        # The multiplier is prime to the span: a permutation, in which neighbours sound unlike.
        high, code = serial // span, (serial * 1_000_003 + 1_234_567) % span
        syllables = [words.SYLLABLES[code // base**k % base] for k in range(4)]
        syllables += [words.SYLLABLES[high % base]] if high else []
        names.append("".join(syllables).capitalize() + ending)
    return names


def compose_texts(
    serials: Ints, topics: Ints, *, seed: int, taken: Sequence[str] = (), ending: str = ""
) -> Texts:
    """A title, an abstract of about 80 tokens and keywords for every paper; titles are unique.

    `taken`: titles already in use. `ending`: put behind coined names, for papers that share
    their serial numbers with others.
    """
    drawn = uniform_rows(seed, TEXT_STREAM, serials, 6 + N_TERMS + len(words.SENTENCES))
    terms = np.argsort(drawn[:, 6 : 6 + N_TERMS], axis=1).tolist()
    names = coined_names(serials, ending)
    seen = set(taken)
    texts = Texts([], [], [])
    for name, topic, u, order in zip(names, topics.tolist(), drawn.tolist(), terms, strict=True):
        slots = _slots(name, words.TOPICS[topic], u, order)
        title = _filled(_chosen(words.TITLES, u[0]), slots)
        if title in seen:
            title = f"{name}: {title}"  # the coined name makes it unique
        seen.add(title)
        texts.titles.append(title)
        picked = zip(words.SENTENCES, u[6 + N_TERMS :], strict=True)
        texts.abstracts.append(" ".join(_filled(_chosen(g, v), slots) for g, v in picked))
        texts.keywords.append([slots["topic"], slots["task"], slots["a"], slots["method"]])
    return texts


def name_authors(serials: Ints, topics: Ints, *, seed: int, community: int) -> list[list[str]]:
    """Author names of every paper: each topic has a community with Zipfian productivity.

    `community`: people per topic; rank r writes in proportion to (r + 5)^-0.9, the law of
    Zipf and Mandelbrot. A fifth of the authors are guests from other communities.
    """
    drawn = uniform_rows(seed, AUTHOR_STREAM, serials, 1 + 3 * MAX_AUTHORS)
    sizes = 1 + np.searchsorted(TEAM_SIZES[:-1], drawn[:, 0], side="right")
    rank, guest, home = np.split(drawn[:, 1:], 3, axis=1)
    share = np.cumsum((np.arange(community) + 5.0) ** -0.9)
    ranks = np.searchsorted(share / share[-1], rank, side="right").clip(max=community - 1)
    n_topics = len(words.TOPICS)
    homes = np.where(guest < VISITING, (home * n_topics).astype(np.int64), topics[:, None])
    people = (ranks * n_topics + homes).tolist()
    return [
        list(dict.fromkeys(_person(p) for p in team[:size]))
        for team, size in zip(people, sizes.tolist(), strict=True)
    ]


def _person(number: int) -> str:
    """Name of person `number`; surnames are shared by many, whole names by few."""
    n_given, n_names = len(words.GIVEN_NAMES), len(words.GIVEN_NAMES) * len(words.SURNAMES)
    code = number % n_names * 7919 % n_names  # 7919 is prime to 4,800: a permutation
    initial = number // n_names % 27
    middle = f" {ascii_uppercase[initial - 1]}. " if initial else " "
    return words.GIVEN_NAMES[code % n_given] + middle + words.SURNAMES[code // n_given]


def _slots(name: str, topic: words.Topic, u: Sequence[float], order: list[int]) -> dict[str, str]:
    a, b, c, d = (topic.terms[k] for k in order[:4])
    return {
        "Name": name, "topic": topic.name, "a": a, "b": b, "c": c, "d": d,
        "method": _chosen(words.METHODS, u[1]),
        "setting": _chosen(words.SETTINGS, u[2]),
        "task": _chosen(topic.tasks, u[3]),
        "n": str(2 + int(u[4] * 9)),
        "gain": f"{1 + u[5] * 8:.1f}",
    }  # fmt: skip


def _chosen(options: Sequence[str], u: float) -> str:
    return options[int(u * len(options))]


def _filled(template: str, slots: dict[str, str]) -> str:
    sentence = template.format_map(slots)
    return sentence[0].upper() + sentence[1:]
