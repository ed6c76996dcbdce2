"""Pairs of papers for a teacher to judge: candidates for each query paper, from several miners.

Belongs here: what each miner proposes, and the `title_pairs` rows of it. Not: which papers are
queries (query_papers.py), quotas (candidate_rule.py), or scores (scoring.py).

A query is the title of a paper; documents are title + abstract. Miners: the nearest documents to
the title's vector (`student`: what it believes today) and to the paper's own document vector
(`document`), BM25 (`bm25`: what vectors overlook), neighbours in the citation graph (`cites`,
`cited_by`, `co_cited`), and chance (`same_domain`, `random`). The paper itself is never one of
its candidates.

What is proposed for a paper depends on seed, paper, rule and collection, never on the other
queries: products are of quantised vectors and exact in any batch (pipeline/retrieval/quantise.py),
and every miner draws from a generator seeded by seed, paper and miner.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.labels.candidate_rule import MINERS, CandidateRule
from pipeline.labels.citation_graph import CitationGraph
from pipeline.labels.lexical import LexicalIndex
from pipeline.retrieval.quantise import cosine, quantise
from pipeline.tables import TITLE_PAIRS

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]

CANDIDATES = pl.Schema({n: t for n, t in TITLE_PAIRS.schema.items() if n != "split"})
"""`title_pairs` but for the split, which miners do not know."""

_BLOCK_FLOATS = 1 << 25  # 128 MB of products at a time
_BIT = {miner: 1 << i for i, miner in enumerate(MINERS)}


@dataclass(frozen=True)
class Collection:
    """The n papers among which candidates are sought, row by row the same in every part.

    `papers`: `paper_id, venue, year, title, domain`; `documents`: unit vectors [n, dim].
    """

    papers: pl.DataFrame
    documents: Vectors
    graph: CitationGraph
    lexical: LexicalIndex

    def __post_init__(self) -> None:
        sizes = {
            "papers": self.papers.height,
            "documents": len(self.documents),
            "graph": self.graph.n,
            "lexical index": self.lexical.n,
        }
        if len(set(sizes.values())) > 1:
            found = ", ".join(f"{n} in {part}" for part, n in sizes.items())
            raise InputError(f"expected the same papers in every part, received {found}")


def mine_candidates(
    queries: NDArray[np.integer],
    query_vectors: Vectors,
    collection: Collection,
    *,
    rule: CandidateRule,
    seed: int,
    block: int = 256,
) -> pl.DataFrame:
    """Rows of CANDIDATES: queries in the order asked, documents by the student's rank.

    A query without candidates has no row. Cosines are those of quantised vectors (± 1.4e-4).
    Memory beyond the answer: a copy of the documents and near 256 MB of products.

    Args:
        queries: rows of the query papers, each once.
        query_vectors: the student's vectors of their titles [query, dim].
        collection: where candidates are sought.
        rule: quotas and knobs.
        seed: another seed, other draws.
        block: most queries per product; the answer does not depend on it.

    Raises:
        InputError: a query twice or no row of the collection, or vectors of another shape.
    """
    rows = queries.astype(np.int64)
    _check(rows, query_vectors, collection)
    if not rows.size:
        return pl.DataFrame(schema=CANDIDATES)
    miner = _Miner(collection, rule, seed)
    found = [_as_frame(query, those) for query, those in miner.run(rows, query_vectors, block)]
    return _as_table(pl.concat(found), collection.papers)


@dataclass(frozen=True)
class _Candidates:
    """Of one query: document rows, who proposed them as bits, student's ranks and cosines."""

    rows: Rows
    miners: NDArray[np.int64]
    ranks: NDArray[np.int64]
    cosines: Vectors


class _Miner:
    """The collection prepared once; one query after the other."""

    def __init__(self, collection: Collection, rule: CandidateRule, seed: int) -> None:
        self._collection, self._rule, self._seed = collection, rule, seed
        self._documents = quantise(collection.documents)
        self._paper_ids = collection.papers["paper_id"].to_list()
        self._titles = collection.papers["title"]
        self._domain = collection.papers["domain"].rank("dense").to_numpy()
        self._same_domain = {d: np.flatnonzero(self._domain == d) for d in np.unique(self._domain)}

    def run(self, queries: Rows, vectors: Vectors, block: int) -> Iterator[tuple[int, _Candidates]]:
        """Each query with its candidates, in the order asked."""
        step = max(1, min(block, _BLOCK_FLOATS // max(1, len(self._documents))))
        for start in range(0, queries.size, step):
            rows = queries[start : start + step]
            student = quantise(vectors[start : start + step]) @ self._documents.T
            own = self._documents[rows] @ self._documents.T
            words, _ = self._collection.lexical.nearest(
                self._titles[rows].to_list(), self._rule.rank_max + 1
            )
            for i, query in enumerate(rows.tolist()):
                yield query, self._candidates(query, student[i], own[i], words[i])

    def _candidates(
        self, query: int, student: Vectors, own: Vectors, words: NDArray[np.int32]
    ) -> _Candidates:
        graph = self._collection.graph
        ceiling = self._rule.ceiling(float(cosine(student[query])))
        student[query] = own[query] = -np.inf
        lexical = words[(words >= 0) & (words != query)].astype(np.int64)
        similar = cosine(student)
        proposals: dict[str, NDArray[np.integer]] = {
            "student": self._pick(query, "student", self._nearest(student), similar, ceiling),
            "document": self._pick(query, "document", self._nearest(own), similar, ceiling),
            "bm25": self._pick(query, "bm25", lexical, similar, ceiling),
            "cites": self._draw(query, "cites", graph.cited(query)),
            "cited_by": self._draw(query, "cited_by", graph.citing(query)),
            "co_cited": graph.co_cited(query)[0][: self._rule.co_cited],
            "same_domain": self._draw(query, "same_domain", self._same_domain[self._domain[query]]),
            "random": self._draw(query, "random", np.arange(student.size)),
        }
        rows, miners = _union(proposals)
        ranks = _ranks(student, rows)
        order = np.argsort(ranks)
        return _Candidates(rows[order], miners[order], ranks[order], similar[rows[order]])

    def _nearest(self, product: Vectors) -> Rows:
        """Rows of the first `rank_max` documents, nearest first, ties by row, itself left out."""
        k = min(self._rule.rank_max, product.size)
        least = np.partition(product, product.size - k)[product.size - k]
        rows = np.flatnonzero((product >= least) & (product > -np.inf))
        order = np.argsort(-product[rows], kind="stable")[:k]
        return np.asarray(rows[order], np.int64)

    def _pick(self, query: int, miner: str, ranked: Rows, similar: Vectors, ceiling: float) -> Rows:
        """Of a ranking, what the rule's strata and ceiling let through."""
        allowed = similar[ranked] <= ceiling
        places = self._rule.pick(allowed, self._rule.quota(miner), self._rng(query, miner))
        taken: Rows = ranked[places]
        return taken

    def _draw(self, query: int, miner: str, rows: NDArray[np.integer]) -> Rows:
        """The miner's quota of `rows` at random, itself left out."""
        quota = self._rule.quota(miner)
        drawn = self._rng(query, miner).choice(rows, min(quota + 1, rows.size), replace=False)
        return np.asarray(drawn[drawn != query][:quota], np.int64)

    def _rng(self, query: int, miner: str) -> np.random.Generator:
        # Per miner as well: a larger quota of one must not move the draws of another.
        name = f"{self._seed}:{self._paper_ids[query]}:{miner}"
        return np.random.default_rng(
            int.from_bytes(blake2b(name.encode(), digest_size=16).digest(), "big")
        )


def _union(proposals: dict[str, NDArray[np.integer]]) -> tuple[Rows, NDArray[np.int64]]:
    """Every proposed row once, ascending, and who proposed it, as bits."""
    rows, place = np.unique(np.concatenate(list(proposals.values())), return_inverse=True)
    bits = np.zeros(rows.size, np.int64)
    proposed_by = [np.full(found.size, _BIT[miner]) for miner, found in proposals.items()]
    np.bitwise_or.at(bits, place, np.concatenate(proposed_by))
    return rows.astype(np.int64), bits


def _ranks(product: Vectors, rows: Rows) -> NDArray[np.int64]:
    """Rank of each of `rows` among all documents, from 1, ties by row."""
    ascending = np.sort(product)
    above = product.size - np.searchsorted(ascending, product[rows], side="right")
    tied = product.size - above - np.searchsorted(ascending, product[rows], side="left")
    before = np.zeros(rows.size, np.int64)
    for i in np.flatnonzero(tied > 1):  # rare, and then every column is looked at
        before[i] = np.count_nonzero(product[: rows[i]] == product[rows[i]])
    return above + before + 1


def _as_frame(query: int, those: _Candidates) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "query": np.full(those.rows.size, query, np.int64),
            "document": those.rows,
            "bits": those.miners,
            "student_rank": those.ranks.astype(np.int32),
            "student_score": those.cosines,
        }
    )


def _as_table(found: pl.DataFrame, papers: pl.DataFrame) -> pl.DataFrame:
    """Rows and bits as the table has them: ids, venue and year of the query, names of miners."""
    bits = found["bits"].unique()
    names = [[m for m in MINERS if _BIT[m] & b] for b in bits]
    miners = pl.DataFrame({"bits": bits, "miners": pl.Series(names, dtype=pl.List(pl.String))})
    query = papers[found["query"]]
    return (
        found.with_columns(
            query["paper_id"].alias("query_id"),
            papers["paper_id"][found["document"]].alias("document_id"),
            query["venue"],
            query["year"],
        )
        .join(miners, on="bits", how="left", maintain_order="left")
        .select(CANDIDATES.names())
        .cast(CANDIDATES)
    )


def _check(queries: Rows, vectors: Vectors, collection: Collection) -> None:
    n, dim = collection.documents.shape
    if vectors.shape != (queries.size, dim):
        raise InputError(
            f"expected a vector of {dim} per query, {queries.size} queries, received shape "
            f"{vectors.shape}"
        )
    if queries.size and (queries.min() < 0 or queries.max() >= n):
        raise InputError(
            f"expected query rows 0..{n - 1}, received {queries.min()}..{queries.max()}"
        )
    if np.unique(queries).size != queries.size:
        raise InputError("expected each query paper once, received one again; drop repeats")
