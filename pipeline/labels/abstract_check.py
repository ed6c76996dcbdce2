"""Titles and the abstracts they belong to, scored by teacher and student: evidence without judges.

Belongs here: whose titles, against which abstracts. Not: the verdict (quality.py), or candidates
(candidates.py).

Both see the same texts, a title against abstracts alone: a document that carries its title, or a
query that carries its abstract, would give the answer away. So a teacher that is shown abstracts on
both sides is asked here for less than it is used for; what it shows holds in every domain, though,
where nobody cites and nobody judged.
"""

from collections.abc import Callable, Sequence

import polars as pl

from pipeline.labels.quality import own_abstract_pairs
from pipeline.labels.sampling import paper_hashes
from pipeline.models.encoding import Vectors
from pipeline.models.reranker import PairGroup, Reranker

Encode = Callable[[Sequence[str]], Vectors]


def judged_by_abstracts(
    pairs: pl.DataFrame,
    papers: pl.DataFrame,
    reranker: Reranker,
    *,
    encode_queries: Encode,
    encode_documents: Encode,
    n_queries: int,
    seed: int,
) -> pl.DataFrame:
    """What `judge_teacher` takes, of at most `n_queries` queries, with `proxy` own_abstract.

    Args:
        pairs: `title_pairs` columns and `domain`.
        papers: `paper_id, title, abstract`; papers without an abstract are left out.
        reranker: the teacher.
        encode_queries: the student's, of titles.
        encode_documents: the student's, of abstracts.
        n_queries: most queries, a sample that new papers hardly move.
        seed: another seed, another sample.
    """
    texts = papers.filter(pl.col("abstract").fill_null("").str.strip_chars() != "")
    asked = own_abstract_pairs(_sample(pairs, n_queries, seed))
    told = (
        asked.join(texts.select("title", query_id="paper_id"), on="query_id")
        .join(texts.select("abstract", document_id="paper_id"), on="document_id")
        .sort("query_id", "document_id")
    )
    queries = told.group_by("query_id", maintain_order=True).agg(
        pl.col("title").first(), "abstract"
    )
    groups = (PairGroup(*row) for row in queries.select("title", "abstract").iter_rows())
    teacher = [float(s) for scores in reranker.score_groups(groups) for s in scores]
    titles = _vectors(queries["title"], encode_queries)
    abstracts = _vectors(told["abstract"].unique(maintain_order=True), encode_documents)
    student = [
        float(titles[title] @ abstracts[abstract])
        for title, abstract in told.select("title", "abstract").iter_rows()
    ]
    domains = pairs.select("query_id", "domain").unique("query_id")
    return (
        told.with_columns(
            proxy=pl.lit("own_abstract"),
            teacher_score=pl.Series(teacher, dtype=pl.Float64),
            student_score=pl.Series(student, dtype=pl.Float64),
        )
        .join(domains, on="query_id", maintain_order="left")
        .select(
            "proxy",
            "domain",
            *("query_id", "document_id", "relevance", "teacher_score", "student_score"),
        )
    )


def _sample(pairs: pl.DataFrame, n: int, seed: int) -> pl.DataFrame:
    ids = pairs["query_id"].unique(maintain_order=True)
    drawn = pl.Series(paper_hashes(ids.to_list(), seed=seed, purpose="own_abstract"))
    chosen = ids.gather(drawn.arg_sort().head(n))
    return pairs.filter(pl.col("query_id").is_in(chosen.implode()))


def _vectors(texts: pl.Series, encode: Encode) -> dict[str, Vectors]:
    distinct = texts.unique(maintain_order=True).to_list()
    return dict(zip(distinct, encode(distinct), strict=True))
