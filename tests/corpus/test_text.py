"""Titles are keys: a title cleaned in two ways is two papers, or a wrong text for the encoder."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.corpus.text import clean_text, normalise_title, plain_text, surname, text_hash

# Whatever a JSON document may hold, and lone surrogates, which a lenient reader lets through.
ANY_TEXT = st.text(st.characters(), max_size=40) | st.text("\\{}$&;#'\"~^uvHc osi\x00\ud800é漢 ")


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("AT&amp;T", "AT&T"),
        ("Caf&amp;eacute;", "Café"),
        (r"G{\"o}del and Erd\H{o}s", "Gödel and Erdős"),
        (r"na\"{\i}ve \c{c}a", "naïve ça"),
        (r"Stra\ss e \o re", "Straße øre"),
        (r"\textbf{Bold} {PF}-nets", "Bold PF-nets"),
        (r"100\% of R\&D_1", "100% of R&D_1"),
        ("  two\n\t spaces  ", "two spaces"),
        ("nul\x00 and bell\x07", "nul and bell"),
        ("Cafe\u0301", "Café"),
        ("50% of A & B ~ C", "50% of A & B ~ C"),
    ],
)
def test_titles_are_cleaned(raw: str, clean: str) -> None:
    """An entity or accent left in place would split a paper in two and spoil its vector."""
    assert clean_text(raw) == clean


@pytest.mark.parametrize("title", [r"GS$^{3}$LAM", r"On $\ell_1$ and $\alpha$", r"\ell_1 norms"])
def test_mathematics_stays_as_written(title: str) -> None:
    """A LaTeX reader let loose on a title turns formulas into other formulas."""
    assert clean_text(title) == title


@given(ANY_TEXT)
@example("&#0;&#xD800;&#xFFFF;")
@example("\\'" * 30)
@example("{" * 500)
def test_no_text_breaks_the_cleaner(raw: str) -> None:
    """One odd title must not stop an import, nor carry a character that files cannot hold."""
    clean = clean_text(raw)
    assert clean == clean.strip()
    assert "  " not in clean
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in clean)
    clean.encode()
    normalise_title(clean).encode()
    surname(clean).encode()


@given(ANY_TEXT)
def test_a_normalised_title_is_its_own_normal_form(raw: str) -> None:
    """A normal form that moves when normalised again would never match itself."""
    once = normalise_title(clean_text(raw))
    assert normalise_title(once) == once


def test_titles_match_across_case_accents_and_punctuation() -> None:
    """Lists spell one title in several ways; each spelling would be minted as a paper."""
    spellings = [
        "Gödel's “Proof”: A re-view",
        "GODEL'S PROOF — A RE VIEW",
        "Go\u0308del s proof a re view",
    ]
    assert {normalise_title(s) for s in spellings} == {"godel s proof a re view"}


def test_titles_of_other_scripts_keep_their_letters() -> None:
    """A title in Chinese or Greek that becomes empty would go to quarantine as untitled."""
    assert normalise_title("漢字 の研究") == "漢字 の研究"
    assert normalise_title("Περί Αναγνώρισης") == "περι αναγνωρισησ"  # one sigma


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("Kurt Gödel", "godel"),
        ("Gödel, Kurt", "godel"),
        ("Plato", "plato"),
        ("Ada  King-Noel", "noel"),
        ("Martin Luther King Jr.", "king"),
        ("Thurston Howell III", "howell"),
        ("", ""),
        ("***", ""),
    ],
)
def test_surnames(name: str, last: str) -> None:
    """Surnames keep works of one title apart; "jr" as a surname would make strangers related."""
    assert surname(name) == last


@given(
    st.lists(st.sampled_from(["Ada", "LEE", "jr", "III", "O'Hara", "Éva", "de", "X.", "Smith-Kay"]))
)
def test_a_surname_is_the_last_word_that_is_no_generation(words: list[str]) -> None:
    """Plain names are read a shorter way than others, which must lead to the same end."""
    names = normalise_title(" ".join(words)).split()
    while len(names) > 1 and names[-1] in ("jr", "iii"):
        names.pop()
    assert surname(" ".join(words)) == (names[-1] if names else "")


def test_text_hash_is_the_documented_digest() -> None:
    """Vectors are stored under this hash for ever: another recipe would encode everything anew."""
    assert text_hash("A", "B") == "23519a43c66b4c342f25b32e09797ec5"  # printf 'A\nB' | sha256sum
    assert text_hash("A", None) == text_hash("A", "")
    assert text_hash("A", "B") != text_hash("A\nB", None)


def test_plain_text_decodes_nothing() -> None:
    """An address or id that is decoded like a title points elsewhere."""
    assert plain_text(" a&amp;b\x00\ud800 c ") == "a&amp;b c"
