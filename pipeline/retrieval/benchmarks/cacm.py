"""The CACM test collection: 3,204 articles of 1958–1979, 64 queries, 52 of them judged.

Layout (SMART): `cacm.all` and `query.text` with fields after lines `.I id`, `.T`, `.W`, …;
`qrels.text` with lines `query document 0 0`, whose gain is 1. A folder or a .tar.gz of it.
"""

import io
import re
import tarfile
from pathlib import Path

from pipeline.errors import UnreadableFileError
from pipeline.retrieval.benchmarks.benchmark import Benchmark, Contents, assemble

FILES = ("cacm.all", "query.text", "qrels.text")
_FIELD = re.compile(r"^\.([A-Z])(?: (\d+))?\s*$")


def is_cacm(path: Path) -> bool:
    """Whether the folder or archive has this layout."""
    if path.is_file():
        return "cacm" in path.name and path.name.endswith((".tar.gz", ".tgz"))
    return all((path / name).is_file() for name in FILES)


def read_cacm(path: Path) -> Benchmark:
    """The collection: queries with their judgments, documents as title and abstract."""
    texts = _archived(path) if path.is_file() else {n: _text(path / n) for n in FILES}
    documents = _parse_smart(texts["cacm.all"])
    queries = _parse_smart(texts["query.text"])
    judged = [line.split()[:2] for line in texts["qrels.text"].splitlines() if line.strip()]
    try:
        pairs = [(str(int(query)), str(int(document)), 1.0) for query, document in judged]
    except ValueError as error:
        raise UnreadableFileError(
            f"{path}: expected numbers in qrels.text, received: {error}; fetch it again"
        ) from error
    return assemble(
        "cacm",
        Contents(
            queries={number: fields.get("W", "") for number, fields in queries.items()},
            documents={n: (f.get("T", ""), f.get("W", "")) for n, f in documents.items()},
            judged=pairs,
        ),
    )


def _parse_smart(text: str) -> dict[str, dict[str, str]]:
    """Number -> field letter -> text on one line; raises UnreadableFileError for a number twice."""
    found: list[tuple[list[str], dict[str, list[str]]]] = []
    lines: list[str] = []
    for line in text.splitlines():
        if not (mark := _FIELD.match(line)):
            lines.append(line.strip())
        elif mark[1] == "I":
            # What stands before the first field belongs to the number: a copy that circulates
            # breaks 2856 into two lines.
            lines = [mark[2] or ""]
            found.append((lines, {}))
        elif found:
            lines = found[-1][1].setdefault(mark[1], [])
    records = {
        "".join(number): {letter: " ".join(" ".join(f).split()) for letter, f in fields.items()}
        for number, fields in found
    }
    if len(records) != len(found):
        raise UnreadableFileError(
            f"expected each number once, received {len(found) - len(records)} again; the "
            "collection is damaged, fetch it again"
        )
    return records


def _archived(path: Path) -> dict[str, str]:
    """Text of each file in the archive; members are read, never unpacked."""
    texts: dict[str, str] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if (name := Path(member.name).name) in FILES and (
                    file := archive.extractfile(member)
                ):
                    texts[name] = io.TextIOWrapper(file, "latin-1").read()
    except (OSError, EOFError, tarfile.TarError) as error:
        raise UnreadableFileError(f"expected an archive in {path}, received: {error}") from error
    if missing := [name for name in FILES if name not in texts]:
        raise UnreadableFileError(f"{path}: expected {', '.join(missing)} in it; fetch it again")
    return texts


def _text(path: Path) -> str:
    return path.read_text(encoding="latin-1")
