"""The plot of the evaluation: every number of the table, where it belongs."""

import struct
from datetime import date

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from pipeline.report.figures.quality import quality_plot
from pipeline.tables import RETRIEVAL_QUALITY

Told = tuple[str, str, str, str, float]  # benchmark, system, domain, measure, value


def _quality(*rows: Told) -> pl.DataFrame:
    told = [(b, s, d, m, 1200, v, v - 0.1, v + 0.05, date(2026, 1, 1)) for b, s, d, m, v in rows]
    return pl.DataFrame(told, schema=RETRIEVAL_QUALITY.schema, orient="row")


def test_every_mean_and_bound_is_drawn(drawn: list[Figure]) -> None:
    """A domain's numbers in another's band; a system without one measure shifting the others."""
    png = quality_plot(
        _quality(
            ("titles", "plain", "all", "nDCG@10", 0.5),
            ("titles", "prompt", "all", "nDCG@10", 0.6),
            ("titles", "plain", "vision", "nDCG@10", 0.3),
            ("cacm", "prompt", "all", "RR@10", 0.7),
        )
    )
    width, height = struct.unpack(">II", png[16:24])
    assert png.startswith(b"\x89PNG")
    assert width > 300
    assert height > 200
    (figure,) = drawn
    ndcg, rr = figure.axes
    assert [label.get_text() for label in ndcg.get_yticklabels()] == [
        "titles\n(1,200 queries)",
        "titles\nvision\n(1,200 queries)",
        "cacm\n(1,200 queries)",
    ]
    lines = {c.get_label(): c.lines[0].get_xydata() for c in ndcg.containers}
    np.testing.assert_allclose(lines["plain"], [[0.5, 0], [0.3, 3.2]])
    np.testing.assert_allclose(lines["prompt"], [[0.6, 1]])
    np.testing.assert_allclose(rr.containers[1].lines[0].get_xydata(), [[0.7, 7.4]])
    bars = ndcg.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose([bar[:, 0] for bar in bars], [[0.4, 0.55], [0.2, 0.35]])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["plain", "prompt"]
