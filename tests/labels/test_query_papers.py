"""The sample of query papers."""

import polars as pl

from pipeline.labels.query_papers import sample_queries


def papers(n: int, domain: str = "ml", first: int = 0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "paper_id": [f"p{i}" for i in range(first, first + n)],
            "title": ["A title"] * n,
            "abstract": ["An abstract"] * n,
            "domain": [domain] * n,
            "year": [2020] * n,
        }
    )


def test_small_domains_get_queries_like_the_root_of_their_size() -> None:
    """A sample from the largest venue alone."""
    both = pl.concat([papers(9_000), papers(1_000, "ir", 9_000)])
    counts = dict(sample_queries(both, 400, seed=0)["domain"].value_counts().iter_rows())
    assert 0.2 < counts["ir"] / 400 < 0.31  # 1 / (1 + sqrt(9)) = 0.25; by number it were 0.1


def test_new_papers_displace_few() -> None:
    """A sample drawn anew with every list that arrives: labels paid for are useless."""
    before = sample_queries(papers(2_000), 300, seed=0)["paper_id"]
    grown = pl.concat([papers(2_000), papers(100, first=2_000), papers(50, "ir", 3_000)])
    after = sample_queries(grown, 300, seed=0)["paper_id"]
    assert len(set(before) & set(after)) > 250
    assert sample_queries(papers(2_000).reverse(), 300, seed=0)["paper_id"].equals(before)
    assert len(set(sample_queries(papers(2_000), 300, seed=1)["paper_id"]) & set(before)) < 100


def test_papers_without_texts_are_no_queries() -> None:
    """Titles alone, or blanks, as queries whose own document is empty."""
    blank = papers(4).with_columns(
        abstract=pl.Series([None, " ", "text", "text"]), title=pl.Series(["t", "t", "", "t"])
    )
    assert sample_queries(blank, 9, seed=0)["paper_id"].to_list() == ["p3"]
    assert sample_queries(blank.clear(), 9, seed=0).is_empty()
