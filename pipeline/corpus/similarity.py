"""How alike two titles or two author lists are: the evidence behind a match without an id.

Belongs here: pure comparisons of normalised text. Not: what follows from them (matching.py).
"""

import re
from collections.abc import Collection
from math import ceil

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein, Opcodes

from pipeline.corpus.text import normalise_title

SAME_WORD = 75.0  # percent; colour/color 91, analyzing/analysing 89, images/videos 17
MIN_WORDS = 5  # shorter titles have too little in them to forgive a word
_NUMBER = re.compile(r".*\d.*|[ivx]+|[a-z]|one|two|three|four|five|first|second|third")
# Words whose presence or absence makes another work of the same people.
_TELLING = frozenset(
    ("part", "revisited", "extended", "demo", "demonstration", "tutorial", "survey", "reply",
     "correction", "erratum", "comment", "comments", "response", "workshop", "panel", "poster",
     "non", "not", "un", "no", "without")
)  # fmt: skip


def squashed(title: str) -> str:
    """A normalised title without its spaces, so that `on line` is `online`."""
    return title.replace(" ", "")


def titles_alike(left: str, right: str) -> float:
    """Percent to which two normalised titles share their words, in any order."""
    return float(fuzz.token_sort_ratio(left, right))


def same_title(left: str, right: str) -> bool:
    """Whether two normalised titles differ by spelling only: typos, spaces, one word lost.

    Numbers, single letters and words such as `part` or `revisited` must agree, since they are
    what tells the parts of a series apart. A word that became quite another word is another title.
    """
    if squashed(left) == squashed(right):
        return True
    ours, theirs = left.split(), right.split()
    if min(len(ours), len(theirs)) < MIN_WORDS:
        return _one_typo(ours, theirs)
    return _spelt_differently(ours, theirs, Levenshtein.opcodes(ours, theirs))


def extends(left: str, right: str) -> bool:
    """Whether one normalised title is the other and a subtitle."""
    short, long = sorted((left, right), key=len)
    return len(short.split()) >= MIN_WORDS and long.startswith(short + " ")


def _one_typo(ours: list[str], theirs: list[str]) -> bool:
    if len(ours) != len(theirs) or len(ours) < 2:
        return False
    differing = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != b]
    return len(differing) == 1 and _same_word(*differing[0])


def _spelt_differently(ours: list[str], theirs: list[str], steps: Opcodes) -> bool:
    lost = replaced = 0
    for step in steps:
        left, right = ours[step.src_start : step.src_end], theirs[step.dest_start : step.dest_end]
        if step.tag == "equal" or squashed(" ".join(left)) == squashed(" ".join(right)):
            continue
        if step.tag == "replace" and len(left) == len(right):
            if not all(_same_word(a, b) for a, b in zip(left, right, strict=True)):
                return False
            replaced += len(left)
            continue
        if any(_is_telling(word) for word in left + right) or step.tag == "replace":
            return False
        lost += len(left) + len(right)
    return lost <= 1 and replaced <= 2 and lost + replaced <= len(ours) // 3


def _same_word(left: str, right: str) -> bool:
    if left == right:
        return True
    if _is_telling(left) or _is_telling(right) or min(len(left), len(right)) < 4:
        return False
    return fuzz.ratio(left, right) >= SAME_WORD


def _is_telling(word: str) -> bool:
    return word in _TELLING or _NUMBER.fullmatch(word) is not None


def name_words(names: Collection[str]) -> set[str]:
    """Every word of the names but initials: given and family names, in whatever order."""
    return {word for name in names for word in normalise_title(name).split() if len(word) > 1}


def authors_agree(words: Collection[str], surnames: Collection[str], share: float = 0.5) -> bool:
    """Whether at least `share` of the surnames occur among the words of the other side's names.

    Words rather than surnames, since sources disagree about which name comes last. Two lists of
    which one is longer agree if most of the shorter one is found.
    """
    if not words or not surnames:
        return False
    found = sum(name in words for name in surnames)
    fewest = min(len(surnames), max(1, ceil(len(words) / 2)))
    return found >= max(1, ceil(share * fewest))
