"""Text as the corpus keeps it: cleaned, normalised for matching, hashed for the encoder.

Belongs here: pure functions over one string. Not: which record a text belongs to.
"""

import hashlib
import html
import re
import unicodedata
from functools import cache

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MATH = re.compile(r"(?<!\\)(\$[^$]*\$)")
_ACCENT = re.compile(
    r"""\\(?:["'`^~=.]\s*(?:\{\\?[A-Za-z]\}|\\[ij](?![A-Za-z])|[A-Za-z])"""
    r"""|[uvHckdbrt]\s*\{\\?[A-Za-z]\}|[uvHckdbrt]\s[A-Za-z](?![A-Za-z])"""
    r"""|(?:ss|ae|AE|oe|OE|aa|AA|o|O|l|L|i|j)(?![A-Za-z])(?:\{\}|\s+)?)"""
)
_ESCAPED = re.compile(r"\\([&%#_])")
_STYLED = re.compile(r"\\(?:text(?:bf|it|sc|tt|rm)?|emph|math(?:rm|bf))\s*\{([^{}]*)\}")
_BRACES = re.compile(r"(?<!\\)\{([^{}$\\]*)\}")
_WORD = re.compile(r"[^\W_]+")
_GENERATIONS = frozenset(("jr", "sr", "ii", "iii", "iv"))


@cache
def _latex_accent(command: str) -> str:
    # One accent command at a time: handed a whole title, a LaTeX reader would also swallow
    # percent signs, tildes and ampersands that are plain text here.
    from pylatexenc.latex2text import LatexNodes2Text

    return str(LatexNodes2Text().latex_to_text(command)).strip()


def _decode_latex(text: str) -> str:
    parts = _MATH.split(text)  # odd parts are $...$ and stay as written
    for i in range(0, len(parts), 2):
        part = _ACCENT.sub(lambda accent: _latex_accent(accent.group()), parts[i])
        # Groups are unwrapped after the accents, so that {\"o} ends as ö and {PF} as PF.
        parts[i] = _BRACES.sub(r"\1", _STYLED.sub(r"\1", _ESCAPED.sub(r"\1", part)))
    return "".join(parts)


def plain_text(text: str) -> str:
    """`text` without control characters and stray whitespace; nothing in it is decoded."""
    if text.isprintable():  # nearly always, and then its only whitespace is the space
        return text.strip() if "  " not in text else " ".join(text.split())
    return " ".join(_CONTROL.sub(" ", text).split())


def clean_text(text: str) -> str:
    """`text` without HTML entities, LaTeX accents, control characters and stray whitespace.

    Mathematics between dollar signs stays as written. Unicode is NFC.
    """
    if "&" in text:
        text = html.unescape(html.unescape(text))  # lists escape twice: &amp;eacute;
    if "\\" in text or "{" in text:
        text = _decode_latex(text)
    text = plain_text(text)
    return text if text.isascii() else unicodedata.normalize("NFC", text)


# Letters that Unicode does not take apart, as people type them who lack the key.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)


def normalise_title(title: str) -> str:
    """`title` for matching: NFKD without accents, lower case, words joined by one space.

    Letters of every script stay, so that a title in Greek or Chinese does not become empty.
    """
    if not title.isascii():
        title = "".join(
            c for c in unicodedata.normalize("NFKD", title) if not unicodedata.combining(c)
        )
        title = title.casefold().translate(_PLAIN)
    return " ".join(_WORD.findall(title.casefold()))


def surname(name: str) -> str:
    """The last word of a name, normalised; of "Last, First" the part before the comma."""
    last = name.rpartition(" ")[2]
    if last.isascii() and last.isalpha() and "," not in name:  # nearly always, at a third the cost
        plain = last.lower()
        if plain not in _GENERATIONS:
            return plain
    head = name.split(",")[0] if "," in name else name
    words = normalise_title(head).split()
    while len(words) > 1 and words[-1] in _GENERATIONS:
        words.pop()  # a surname "jr" would make strangers related
    return words[-1] if words else ""


def document_text(title: str, abstract: str | None) -> str:
    """Title, newline, abstract: the text that is hashed, and the one that is encoded.

    BERT's tokeniser reads a newline as a space, so this equals "title abstract" there.
    """
    return f"{title}\n{abstract or ''}"


def text_hash(title: str, abstract: str | None) -> str:
    """Key of a document's text: first 32 hex digits of the SHA-256 of `document_text`."""
    return hashlib.sha256(document_text(title, abstract).encode()).hexdigest()[:32]
