"""Which papers become queries: a sample that stays as the library grows.

Belongs here: the sample. Not: candidates (candidates.py) or splits of them (splits.py).

Method. Sampling by exponential priorities (Efraimidis & Spirakis 2006, "Weighted random sampling
with a reservoir"): every paper gets a fixed uniform number u from a hash of its id, and the n
papers of smallest −ln(u) / weight are taken. A paper's weight is size^(−½) of its domain and year,
so that a domain-year gets queries like the square root of its papers, not like their number. A new
paper changes weights a little and takes the place of at most a few.
"""

from hashlib import blake2b

import numpy as np
import polars as pl
from numpy.typing import NDArray


def sample_queries(papers: pl.DataFrame, n: int, *, seed: int) -> pl.DataFrame:
    """At most `n` rows of `papers`, with title and abstract, by `paper_id`.

    Args:
        papers: `paper_id, title, abstract, domain, year` and any other columns, which are kept.
        n: how many, papers.
        seed: another seed, another sample.
    """
    written = (pl.col(c).fill_null("").str.strip_chars() != "" for c in ("title", "abstract"))
    able = papers.filter(*written)
    weight = able.select(1 / pl.len().over("domain", "year").sqrt()).to_series().to_numpy()
    priority = -np.log(_uniform(able["paper_id"], seed)) / weight
    ranked = able.with_columns(pl.Series("_priority", priority)).sort("_priority", "paper_id")
    return ranked.head(n).drop("_priority").sort("paper_id")


def _uniform(paper_ids: pl.Series, seed: int) -> NDArray[np.float64]:
    """A fixed number in (0, 1) for each id, whatever the others."""
    digests = b"".join(blake2b(f"{seed}:{i}".encode(), digest_size=8).digest() for i in paper_ids)
    # 53 bits are what a float64 holds; the half keeps 0 and 1 out.
    return np.asarray(((np.frombuffer(digests, ">u8") >> 11) + 0.5) / 2.0**53, np.float64)
