"""Evidence without an id: every pair here was taken for one work, or for two, by mistake once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus.similarity import (
    authors_agree,
    extends,
    is_named,
    name_words,
    same_title,
    shared_authors,
    squashed,
    titles_alike,
)
from pipeline.corpus.text import normalise_title

# Normalised as they come: lower case, words joined by one space.
SAME = [
    ("modelling tumours with on line learning", "modeling tumors with online learning"),
    ("parallelising database traversals", "parallelizing database traversals"),
    ("segmentation of imagse by graph cuts", "segmentation of images by graph cuts"),
    ("graph cuts segmentation of images", "segmentation of images graph cuts"),
    ("deep learning for the parsing of trees", "deep learning for parsing of trees"),
    ("deep learning for fast parsing of trees", "deep learning for parsing of trees"),
    ("the fourth workshop on semantic parsing", "the 4th workshop on semantic parsing"),
    ("mining the web for parallel text tutorial", "mining the web for parallel text"),
    ("mining the web for parallel text panel session", "mining the web for parallel text"),
    ("mining the web for parallel text extended abstract", "mining the web for parallel text"),
    ("mining the web for parallel text extended version", "mining the web for parallel text"),
    ("response to the 1994 commentary written by kim", "response to the commentary written by kim"),
]
OTHER = [
    ("learning to rank part i", "learning to rank part ii"),
    ("learning to rank part 1", "learning to rank part 2"),
    ("learning to rank", "learning to rank revisited"),
    ("learning to rank with trees", "learning to rank with trees extended"),
    ("supervised parsing of trees", "non supervised parsing of trees"),
    ("segmentation of images by graph cuts", "segmentation of videos by graph cuts"),
    ("overview of the task in 2015", "overview of the task in 2016"),
    ("on the complexity of k means", "on the complexity of p means"),
    ("fast parsing", "parsing"),  # too short to forgive a lost word
    ("survey of fast robust deep parsing", "survey of parsing"),
    ("a survey of parsing by neural networks", "parsing by neural networks"),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_spelling_does_not_make_another_title(left: str, right: str) -> None:
    """Each source spells in its own way; two papers of one work halve its citations."""
    assert same_title(left, right)
    assert same_title(right, left)


@pytest.mark.parametrize(("left", "right"), OTHER)
def test_a_telling_word_makes_another_title(left: str, right: str) -> None:
    """Parts of a series and siblings differ by a word; one paper would swallow both."""
    assert not same_title(left, right)
    assert not same_title(right, left)


WORDS = [
    "graph",
    "parsing",
    "of",
    "the",
    "ii",
    "2",
    "2015",
    "part",
    "trees",
    "extended",
    "abstract",
]
TITLES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)


@given(TITLES, TITLES)
def test_likeness_has_no_direction(left: str, right: str) -> None:
    """Whichever source comes first, the answer must be the same."""
    assert same_title(left, right) == same_title(right, left)
    assert extends(left, right) == extends(right, left)
    assert same_title(left, left)


@given(TITLES)
def test_spaces_are_no_evidence(title: str) -> None:
    """`on line` and `online` are one word to a reader."""
    assert same_title(title, squashed(title))


@pytest.mark.parametrize(
    ("short", "long", "same"),
    [
        ("dense retrieval of text", "dense retrieval of text a study of 12 corpora", True),
        ("dense retrieval of text", "dense retrieval of text ii", False),
        ("dense retrieval of text", "dense retrieval of text 2 0", False),
        ("dense retrieval of text", "dense retrieval of text 2001", True),
        ("dense retrieval of text", "dense retrieval of text without labels", False),
        ("dense retrieval", "dense retrieval for question answering", False),  # any title starts so
        ("dense retrieval of text passages fo", "dense retrieval of text passages for all", True),
        ("dense retrieval of texts with s", "dense retrieval of texts with strudel", True),
        ("dense retrieval of long text part i", "dense retrieval of long text part ii", False),
        ("dense retrieval of long text part 1", "dense retrieval of long text part 12", False),
        ("dense retrieval of text", "sparse retrieval of text", False),
    ],
)
def test_a_subtitle_left_out(short: str, long: str, same: bool) -> None:
    """Sources cut titles at the colon or after some characters; a sequel is cut there as well."""
    assert extends(short, long) is extends(long, short) is same


def test_likeness_is_in_percent_of_words_in_any_order() -> None:
    """Thresholds are percents; a ratio of 0..1 would let everything pass."""
    assert titles_alike("graph cuts", "cuts graph") == 100.0
    # sorted: "a b" against "a c": 2 of 3 characters in common on either side, 4 of 6
    assert titles_alike("b a", "a c") == pytest.approx(100 * 4 / 6)


# ── names ─────────────────────────────────────────────────────────────────────────────
def test_words_of_names() -> None:
    """Sources disagree about which name comes last, and initials are shared by thousands."""
    assert name_words(["Wei B. Chen", "Müller, Zoé"]) == {"wei", "chen", "muller", "zoe"}
    assert name_words([]) == set()


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("David J. De Witt", "dewitt"),
        ("Luc van Gool", "vangool"),
        ("Jan van der Berg", "vanderberg"),
        ("De Witt, David", "dewitt"),
        ("Sean O'Brien", "obrien"),
    ],
)
def test_particles_are_part_of_a_name(name: str, word: str) -> None:
    """Dewitt in one source and De Witt in the other were two people."""
    assert is_named(word, name_words([name]))
    assert is_named(word.removeprefix("van").removeprefix("der"), name_words([name]))


def test_a_particle_at_the_end_is_a_name() -> None:
    """Some people are called Do or Le, and nothing follows."""
    assert name_words(["Minh Le", "Le"]) == {"minh", "le"}


@pytest.mark.parametrize(
    ("name", "words", "named"),
    [
        ("golding", {"andrew", "goldring"}, True),
        ("muck", {"mueck"}, True),
        ("witt", {"dewitt"}, True),
        ("wang", {"wong"}, False),
        ("li", {"lu"}, False),
        ("chen", {"cheng"}, True),
        ("bert", {"lambert"}, False),
        ("rose", {"primrose"}, False),
        ("wang", set(), False),
    ],
)
def test_a_surname_survives_a_typo(name: str, words: set[str], named: bool) -> None:
    """One letter lost made strangers of people; one letter of Wang makes another man."""
    assert is_named(name, words) is named


def test_shares_of_authors() -> None:
    """An empty side is no agreement."""
    assert shared_authors({"ada", "bee"}, ["bee", "dee"]) == 0.5
    assert shared_authors(set(), ["bee"]) == shared_authors({"bee"}, []) == 0.0


@pytest.mark.parametrize(
    ("names", "surnames", "share", "agree"),
    [
        (["Ada Bee", "Cid Dee"], {"bee", "dee"}, 1.0, True),
        (["Bee Ada", "Dee Cid"], {"bee", "dee"}, 1.0, True),  # family name first
        (["A. Bee", "C. Dee"], {"bee", "dee"}, 1.0, True),
        (["Ada Bee"], {"bee", "dee", "fox", "gnu"}, 1.0, True),  # one side lists the first only
        (["Ada Bee", "Cid Dee"], {"bee", "fox"}, 0.5, True),
        (["Ada Bee", "Cid Dee"], {"bee", "fox"}, 0.8, False),
        (["Ada Bee", "Cid Dee"], {"fox", "gnu"}, 0.3, False),
        ([], {"bee"}, 0.3, False),
        (["Ada Bee"], set(), 0.3, False),
    ],
)
def test_lists_of_authors_agree_by_the_shorter_one(
    names: list[str], surnames: set[str], share: float, agree: bool
) -> None:
    """A list cut after the first author is no evidence of other people; an empty one is none."""
    assert authors_agree(name_words(names), len(names), surnames, share) is agree


def test_normalised_titles_are_what_is_compared() -> None:
    """The pairs above are written as the normaliser writes them."""
    for pair in (*SAME, *OTHER):
        assert [normalise_title(title) for title in pair] == list(pair)
