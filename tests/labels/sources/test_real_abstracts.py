"""Every source of a paper's own text over a whole real venue-year."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.corpus.text import clean_text
from pipeline.labels.sources.mined import MinedQueries
from pipeline.labels.sources.own_abstract import mine_own_abstract
from pipeline.labels.sources.prop import WordSetRule, mine_prop
from pipeline.labels.sources.spans import SpanRule, mine_spans
from pipeline.labels.sources.words import content_words, read_collection


@pytest.fixture(scope="module")
def papers(real_lists: Path) -> tuple[list[str], list[str]]:
    path = real_lists / "paper_copilot" / "2026-02-23" / "acl" / "acl2022.json.gz"
    rows = json.loads(gzip.decompress(path.read_bytes()))
    return tuple(
        [clean_text(row.get(name) or "") for row in rows] for name in ("title", "abstract")
    )


def test_nearly_every_real_abstract_gives_a_query(papers: tuple[list[str], list[str]]) -> None:
    """Formulas, URLs, lists and other scripts in real abstracts starve or break a source."""
    titles, abstracts = papers
    ids, rows = [f"p{i}" for i in range(len(titles))], np.arange(len(titles), dtype=np.int32)
    n_abstracts = sum(bool(abstract) for abstract in abstracts)
    assert n_abstracts > 500
    mined: list[MinedQueries] = [
        mine_own_abstract(titles, abstracts, rows),
        mine_prop(abstracts, ids, rows, read_collection(abstracts), WordSetRule(), seed=0),
        *(
            mine_spans(abstracts, ids, rows, SpanRule(granularities=(kind,)), seed=0)
            for kind in ("phrase", "sentence", "paragraph")
        ),
    ]
    for queries in mined:
        assert len(queries) > 0.95 * n_abstracts
        assert all(content_words(text) for text in queries.texts)
        assert max(len(text.split()) for text in queries.texts) <= 128
    for queries in mined[2:]:
        for text, row in zip(queries.texts, queries.papers.tolist(), strict=True):
            assert text in " ".join(abstracts[row].split())
