"""How sources spell a title and the names of authors: every change that must not split a work.

Belongs here: changes of a string, each under the name of its kind. Not: which source makes them
how often (sightings.py), nor the works that only look alike (hard_cases.py).

A change takes a text and a number in [0, 1) that settles whatever there is to choose; it returns
the text as it was if it finds nothing to change.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping

from pipeline.simulation.dirt import as_entities, as_latex

LONG_TITLE = 50  # characters; shorter titles stay free of slips
Names = tuple[str, ...]

_SLIP = re.compile(r"[a-z]{7,}")  # words so long that a slip makes no other word of them
_BRITISH = {
    "isation": "ization", "ising": "izing", "ised ": "ized ", "colour": "color",
    "modelling": "modeling", "behaviour": "behavior", "centre": "center", "tumour": "tumor",
}  # fmt: skip
_BARE = str.maketrans("øØłŁđĐıæ", "oOlLdDia")
_EAST_ASIAN = frozenset(
    ("Chen", "Fujimoto", "Huang", "Kim", "Li", "Liu", "Nakamura", "Park", "Saito", "Suzuki",
     "Tanaka", "Wang", "Yamada", "Zhang", "Zhao")
)  # fmt: skip


def _spelling(title: str, v: float) -> str:
    for british, american in _BRITISH.items():
        title = title.replace(british, american)
    return title


def _typo(title: str, v: float) -> str:
    """One letter lost, doubled, or exchanged with its neighbour, inside a long word."""
    words = [] if len(title) < LONG_TITLE else list(_SLIP.finditer(title))
    if not words:
        return title
    word = words[int(v * len(words))]
    k, a, b = word.start() + 3, *title[word.start() + 3 : word.start() + 5]
    slips = (b, a + a + b, b + a if a != b else a)
    return title[:k] + slips[int(v * 997) % 3] + title[k + 2 :]


def _missing_word(title: str, v: float) -> str:
    words = title.split(" ")
    places = [k for k, w in enumerate(words) if k and w.isalpha()]
    if len(title) < LONG_TITLE or not places:
        return title
    del words[places[int(v * len(places))]]
    return " ".join(words)


def _repeated_word(title: str, v: float) -> str:
    words = title.split(" ")
    places = [k for k, w in enumerate(words) if k and w.isalpha()]
    if len(title) < LONG_TITLE or not places:
        return title
    place = places[int(v * len(places))]
    return " ".join([*words[:place], words[place], *words[place:]])


def _punctuation(title: str, v: float) -> str:
    """Another dash, other quotes, another sign before the subtitle, or a final period."""
    changed = (
        title.replace(": ", " - "),
        title.replace(": ", " – "),
        title.replace("-", "‐"),
        title.replace("-", " "),
        title.replace("'", "’"),
        f"{title}.",
    )
    return next((t for t in changed[int(v * 6) :] if t != title), title)


def _case(title: str, v: float) -> str:
    return (title.upper, title.title, title.lower)[int(v * 3)]()


def _accents(text: str, v: float) -> str:
    """Accents lost, or written as signs of their own, or in LaTeX."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFD", text)
    if v < 0.6:
        return "".join(c for c in apart if not unicodedata.combining(c)).translate(_BARE)
    return apart if v < 0.85 else as_latex(text)


def _entities(title: str, v: float) -> str:
    """Letters with accents as entities, or a hyphen as one."""
    return title.replace("-", "&#8208;") if title.isascii() else as_entities(title)


def _initials(names: Names, v: float) -> Names:
    """Given names as initials, in all names: E. B. Popović."""
    return tuple(" ".join([*(f"{w[0]}." for w in given), last]) for *given, last in _parts(names))


def _last_first(names: Names, v: float) -> Names:
    # A single name with a comma would read as two in a list that separates names by commas.
    if len(names) < 2:
        return names
    return tuple(f"{last}, {' '.join(given)}" for *given, last in _parts(names))


def _name_order(names: Names, v: float) -> Names:
    """East Asian names with the family name first, as at home."""
    return tuple(
        f"{last} {' '.join(given)}" if last in _EAST_ASIAN else " ".join([*given, last])
        for *given, last in _parts(names)
    )


def _middle_names(names: Names, v: float) -> Names:
    return tuple(f"{given[0]} {last}" for *given, last in _parts(names))


def _missing_author(names: Names, v: float) -> Names:
    """One of three or more missing, never the first."""
    lost = 1 + int(v * (len(names) - 1))
    return names[:lost] + names[lost + 1 :] if len(names) >= 3 else names


def _accents_of_names(names: Names, v: float) -> Names:
    return tuple(_accents(name, v) for name in names)


def _parts(names: Names) -> list[list[str]]:
    return [name.split(" ") for name in names]


WORD_CHANGES: Mapping[str, Callable[[str, float], str]] = {
    "typo": _typo,
    "missing_word": _missing_word,
    "repeated_word": _repeated_word,
}
"""Changes of the words of a title; of two titles a word apart they would make one."""

TITLE_CHANGES: Mapping[str, Callable[[str, float], str]] = {
    "spelling": _spelling,
    **WORD_CHANGES,
    "punctuation": _punctuation,
    "case": _case,
    "accents_of_title": _accents,
    "entities": _entities,
}
"""In the order in which they are made: what comes later leaves what came before readable."""

NAME_CHANGES: Mapping[str, Callable[[Names, float], Names]] = {
    "missing_author": _missing_author,
    "name_order": _name_order,
    "initials": _initials,
    "middle_names": _middle_names,
    "last_first": _last_first,
    "accents": _accents_of_names,
}


def spell_title(
    title: str, chances: Mapping[str, float], drawn: Mapping[str, float], *, keep_words: bool
) -> tuple[str, list[str]]:
    """The title with every change whose draw is below its chance, and the kinds that show."""
    shown = []
    for kind, change in TITLE_CHANGES.items():
        if drawn[kind] < chances.get(kind, 0.0) and not (keep_words and kind in WORD_CHANGES):
            before, title = title, change(title, drawn[kind] / chances[kind])
            shown += [kind] * (title != before)
    return title, shown


def spell_names(
    names: Names, chances: Mapping[str, float], drawn: Mapping[str, float]
) -> tuple[Names, list[str]]:
    """The names likewise; of changes of name order and given names only the first is made."""
    shown: list[str] = []
    for kind, change in NAME_CHANGES.items():
        taken = kind not in ("missing_author", "accents") and shown not in ([], ["missing_author"])
        if drawn[kind] < chances.get(kind, 0.0) and not taken:
            before, names = names, change(names, drawn[kind] / chances[kind])
            shown += [kind] * (names != before)
    return names, shown


def earlier_title(title: str, v: float) -> str:
    """The title as the preprint had it: without the system's name, or more modest."""
    head, colon, rest = title.partition(": ")
    if colon and " " not in head and len(rest) >= LONG_TITLE:
        return rest[0].upper() + rest[1:]
    modest = title[0].lower() + title[1:] if title[1:2].islower() else title
    return f"{'Towards' if v < 0.5 else 'On'} {modest}"
