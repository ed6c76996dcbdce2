"""Pictures in asset metadata: whatever the library holds, there is one, and it says the numbers."""

import struct

import polars as pl
from matplotlib.figure import Figure

from pipeline.report.figures.coverage import coverage_map
from pipeline.tables import VENUE_COVERAGE

Told = tuple[str, int, str, int | None, int]  # venue, year, source, expected, found


def coverage(*rows: Told) -> pl.DataFrame:
    names = ("venue", "year", "source", "n_expected", "n_found")
    zeros = dict.fromkeys(VENUE_COVERAGE.schema.names(), 0) | {"expected_from": None}
    told = [zeros | dict(zip(names, row, strict=True)) for row in rows]
    return pl.DataFrame(told, schema=VENUE_COVERAGE.schema, orient="row")


def numbers(figure: Figure) -> dict[str, list[str]]:
    """Title of each visible panel -> the numbers written in it."""
    panels = (axes for axes in figure.axes if axes.get_title() and axes.get_visible())
    return {axes.get_title(): [text.get_text() for text in axes.texts] for axes in panels}


def test_a_small_map_has_its_numbers(drawn: list[Figure]) -> None:
    """A single yellow square says nothing."""
    coverage_map(coverage(("cvpr", 2016, "dblp", 643, 643)))
    assert numbers(drawn[0]) == {"dblp": ["643 of 643"]}


def test_gaps_and_ignorance_are_told_apart(drawn: list[Figure]) -> None:
    """A source without a row lacks every paper; nobody's word on how many there are is no zero."""
    coverage_map(
        coverage(
            ("acl", 2020, "dblp", 10, 10), ("acl", 2020, "openalex", 10, 4),
            ("acl", 2021, "openalex", None, 3), ("acl", 2020, "aan", 10, 1200),
        )
    )  # fmt: skip
    written = {source: sorted(texts) for source, texts in numbers(drawn[0]).items()}
    assert written == {
        "aan": ["0 of ?", "1,200 of 10"], "dblp": ["0 of ?", "10 of 10"],
        "openalex": ["3 of ?", "4 of 10"],
    }  # fmt: skip
    assert len([axes for axes in drawn[0].axes if not axes.get_visible()]) == 1  # of two by two


def test_a_large_map_can_be_read(drawn: list[Figure]) -> None:
    """Four panels in one row were shown so small that no venue's name could be read."""
    rows = [
        (f"venue{v:02d}", year, source, 10, v % 10)
        for v in range(25) for year in range(1987, 2027) for source in ("a", "b", "c", "d")
    ]  # fmt: skip
    png = coverage_map(coverage(*rows))
    width, height = struct.unpack(">II", png[16:24])
    assert width < 1400
    assert height < 1400
    assert numbers(drawn[0]) == {"a": [], "b": [], "c": [], "d": []}
