"""The impact report on disk: found again, made anew where anything moved, never half."""

from pathlib import Path

import orjson
import pytest

from pipeline.errors import StorageError
from resources.impact_page import ImpactPage

INPUTS = {"code": "1", "tncsi_sp": "abc"}


def test_a_page_is_known_by_what_it_was_made_of(tmp_path: Path) -> None:
    """The report of yesterday's scores passed off as today's."""
    pages = ImpactPage(tmp_path / "impact" / "impact.html")
    assert pages.made_of(INPUTS) is None
    digest = pages.write("<p>é</p>", {"words": "w"}, INPUTS)
    assert pages.made_of(INPUTS) == digest
    assert pages.made_of(INPUTS | {"code": "2"}) is None
    document = orjson.loads(pages.document.read_bytes())
    assert (document["words"], document["inputs"]) == ("w", INPUTS)


@pytest.mark.parametrize("name", ["impact.html", "impact.json"])
def test_a_changed_or_missing_file_is_made_anew(tmp_path: Path, name: str) -> None:
    """A page that somebody emptied stays so for ever."""
    pages = ImpactPage(tmp_path / "impact.html")
    pages.write("<p></p>", {}, INPUTS)
    (tmp_path / name).write_text("{")
    assert pages.made_of(INPUTS) is None
    (tmp_path / name).unlink()
    assert pages.made_of(INPUTS) is None


def test_a_full_disk_between_the_two_files_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new page beside an old document that says it is up to date."""
    pages = ImpactPage(tmp_path / "impact.html")
    pages.write("old", {}, INPUTS)
    from resources import impact_page

    real, calls = impact_page.replace_file, []

    def fails_second(path: Path, data: bytes) -> None:
        calls.append(path)
        if len(calls) == 2:
            raise StorageError("no space")
        real(path, data)

    monkeypatch.setattr(impact_page, "replace_file", fails_second)
    with pytest.raises(StorageError):
        pages.write("new", {}, INPUTS | {"tncsi_sp": "def"})
    assert pages.made_of(INPUTS) is None
    assert pages.made_of(INPUTS | {"tncsi_sp": "def"}) is None
