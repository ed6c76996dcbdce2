"""How alike two titles or two author lists are: the evidence behind a match without an id.

Belongs here: pure comparisons of normalised text. Not: what follows from them (matching.py).
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from functools import lru_cache
from math import ceil

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from pipeline.corpus.text import normalise_title

SAME_WORD = 75.0  # percent; colour/color 91, analyzing/analysing 89, images/videos 17
SAME_NAME = 80.0  # percent; goldring/golding 93, muck/mueck 89, wang/wong 75
MIN_WORDS = 4  # shorter titles have too little in them to forgive a lost word
LONG = 8  # words from which two may be lost
_NUMBER = re.compile(r".*\d.*|[ivx]+|[b-z]|one|two|three|four|five|six|first|second|third")
_NUMERAL = re.compile(r".*\d.*|[ivx]+")
# Words whose presence or absence makes another work of the same people.
_TELLING = frozenset(
    ("part", "revisited", "extended", "survey", "reply", "correction", "corrections", "erratum",
     "comment", "comments", "response", "non", "not", "un", "no", "without")
)  # fmt: skip
_STOP = frozenset(
    ("a", "an", "the", "of", "on", "in", "for", "and", "or", "to", "with", "by", "from", "at", "as",
     "via", "using")
)  # fmt: skip
# What some sources add to a title and others leave away: the kind of the contribution.
_LABELS = frozenset(
    ("tutorial", "panel", "session", "demo", "demonstration", "poster", "abstract", "keynote",
     "invited", "industrial", "talk", "paper", "description", "summary", "experience", "book",
     "review")
)  # fmt: skip
_ORDINALS = {
    "first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th", "fifth": "5th",
    "sixth": "6th", "seventh": "7th", "eighth": "8th", "ninth": "9th", "tenth": "10th",
}  # fmt: skip
# The same of two words, of which the first alone would tell of another work.
_LABELS_OF_TWO = frozenset((("extended", "abstract"), ("extended", "version")))
_YEAR = re.compile(r"(?:19|20)\d\d")
# Words some write as one with the family name: De Witt, DeWitt.
_PARTICLES = frozenset(
    ("al", "da", "de", "del", "della", "den", "der", "di", "do", "dos", "du", "el", "la", "le",
     "mac", "mc", "o", "ten", "ter", "van", "von")
)  # fmt: skip
_TRUNCATED = 30  # characters from which the beginning of a title says which it is


def squashed(title: str) -> str:
    """A normalised title without its spaces, so that `on line` is `online`."""
    return title.replace(" ", "")


def titles_alike(left: str, right: str) -> float:
    """Percent to which two normalised titles share their words, in any order."""
    return float(fuzz.token_sort_ratio(left, right))


@lru_cache(maxsize=100_000)
def same_title(left: str, right: str) -> bool:
    """Whether two normalised titles differ by spelling only: typos, spaces, order, one word lost.

    Numbers, single letters and words such as `part` or `revisited` must agree, since they are
    what tells the parts of a series apart. A word that became quite another word is another title.
    """
    if squashed(left) == squashed(right):
        return True
    left, right = _unlabelled(left), _unlabelled(right)
    ours, theirs = (Counter(_ORDINALS.get(w, w) for w in t.split()) for t in (left, right))
    left_over, right_over = ours - theirs, theirs - ours
    if _tell_apart(left_over, right_over):
        return False
    lost, found = _unpaired(sorted(left_over.elements()), sorted(right_over.elements()))
    if squashed(" ".join(sorted(lost))) == squashed(" ".join(sorted(found))):
        return True
    if _joined(left, lost, found) or _joined(right, found, lost):
        lost, found = [], []
    content = [[w for w in words if w not in _STOP | _LABELS] for words in (lost, found)]
    if all(content):
        return False
    words, missing = min(ours.total(), theirs.total()), max(map(len, content))
    return missing == 0 or (words >= MIN_WORDS and missing <= (1 if words < LONG else 2))


def extends(left: str, right: str) -> bool:
    """Whether one normalised title is the beginning of the other: without subtitle, or cut off."""
    short, long = sorted((_unlabelled(left), _unlabelled(right)), key=len)
    if not long.startswith(short):
        return False
    rest = long[len(short) :].split()
    if not long.startswith(short + " "):
        # Cut off within a word; "part I" is no beginning of "part II".
        return len(short) >= _TRUNCATED and not _NUMERAL.fullmatch(short.split()[-1])
    # "… II" and "… 2.0" are other works; a whole subtitle may well contain a number.
    serial = _tell_apart(rest if len(rest) < MIN_WORDS else rest[:1], ())
    return len(short.split()) >= MIN_WORDS and not serial


def _unlabelled(title: str) -> str:
    words = title.split()
    while len(words) > MIN_WORDS:
        if tuple(words[-2:]) in _LABELS_OF_TWO:
            words = words[:-2]
        elif words[-1] in _LABELS:
            words = words[:-1]
        else:
            break
    return " ".join(words)


def _unpaired(ours: list[str], theirs: list[str]) -> tuple[list[str], list[str]]:
    """Words of either side without one on the other that is the same but for its spelling."""
    left = list(theirs)
    lost = []
    for word in ours:
        best = max(left, key=lambda other: fuzz.ratio(word, other), default="")
        if best and _same_word(word, best):
            left.remove(best)
        else:
            lost.append(word)
    return lost, left


def _joined(text: str, parts: list[str], whole: list[str]) -> bool:
    """Whether the words of one side stand in `text` as the one word of the other side."""
    return (
        len(whole) == 1
        and len(parts) == 2
        and (f"{parts[0]} {parts[1]}" in text or f"{parts[1]} {parts[0]}" in text)
        and whole[0] in (parts[0] + parts[1], parts[1] + parts[0])
    )


def _same_word(left: str, right: str) -> bool:
    if min(len(left), len(right)) < 3:
        return False
    if min(len(left), len(right)) == 3:
        return Levenshtein.distance(left, right) == 1
    return sorted(left) == sorted(right) or fuzz.ratio(left, right) >= SAME_WORD


def _is_telling(word: str) -> bool:
    return word in _TELLING or _NUMBER.fullmatch(word) is not None


def _tell_apart(ours: Collection[str], theirs: Collection[str]) -> bool:
    """Whether words that only one of two titles has make them two; a year given once does not."""
    told = [[word for word in words if _is_telling(word)] for words in (ours, theirs)]
    return all(told) or any(not _YEAR.fullmatch(word) for words in told for word in words)


def name_words(names: Collection[str]) -> set[str]:
    """Every word of the names but initials: given and family names, in whatever order."""
    found: set[str] = set()
    for name in names:
        words = normalise_title(name).split()
        found.update(word for word in words if len(word) > 1)
        for k, word in enumerate(words[:-1]):
            if word in _PARTICLES:
                found.add(_with_particles(words[k:]))
    return found


def _with_particles(words: Sequence[str]) -> str:
    """The particles at the beginning and the name they belong to, as one word."""
    n = next((k for k, word in enumerate(words) if word not in _PARTICLES), len(words) - 1)
    return "".join(words[: n + 1])


def is_named(surname: str, words: Collection[str]) -> bool:
    """Whether a surname is among the words of names, but for a typo."""
    return surname in words or any(_same_name(surname, word) for word in words)


def _same_name(surname: str, word: str) -> bool:
    if min(len(surname), len(word)) < 4:
        return False
    if word.endswith(surname):
        return word[: -len(surname)] in _PARTICLES
    return surname[0] == word[0] and fuzz.ratio(surname, word) >= SAME_NAME


def shared_authors(words: Collection[str], surnames: Collection[str]) -> float:
    """Share of the surnames found among the words of names; 0 where either side names nobody."""
    return sum(is_named(name, words) for name in surnames) / max(len(surnames), 1)


def authors_agree(
    words: Collection[str], n_authors: int, surnames: Collection[str], share: float = 0.5
) -> bool:
    """Whether at least `share` of the surnames occur among the words of `n_authors` names.

    Words rather than surnames, since sources disagree about which name comes last. Two lists of
    which one is longer agree if most of the shorter one is found.
    """
    if not words or not surnames:
        return False
    found = sum(is_named(name, words) for name in surnames)
    return found >= max(1, ceil(share * min(len(surnames), n_authors)))
