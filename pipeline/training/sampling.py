"""Which queries are read in which batch.

Belongs here: mixing of domains and sources, batches of like length. Not: what a batch teaches.
Method: within a source, domain d of n_d queries is read with p_d ∝ n_d^(1/T) (temperature sampling:
Arivazhagan et al. 2019, arXiv 1907.05019, section 4.2). Quotas are exact and a domain is read
through before any of its queries comes again, so that T = 1 and weight 1 read every query once.
Batches have one source (its loss) and like lengths (hardly any padding). Cheap to import: no torch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

POOL_BATCHES = 16  # sorted by length together: padding falls by half, chance stays in the order


@dataclass(frozen=True, eq=False)
class Batch:
    """Queries of one step: index of the source, rows int64 [query] in it."""

    source: int
    rows: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SourceShape:
    """What sampling needs of a source: its weight, domains [query], token counts [query]."""

    weight: float
    domains: Sequence[str]
    lengths: Sequence[int]


def domain_quotas(sizes: NDArray[np.int64], total: int, *, temperature: float) -> NDArray[np.int64]:
    """Queries to read of each domain [domain], summing to `total`, given domain sizes > 0."""
    share = np.exp(np.log(sizes) / temperature)
    exact = total * share / share.sum()
    quotas: NDArray[np.int64] = np.floor(exact + 1e-9).astype(np.int64)
    rest = total - quotas.sum()
    quotas[np.argsort(quotas - exact, kind="stable")[:rest]] += 1  # largest remainders
    return quotas


def epoch_batches(
    sources: Sequence[SourceShape],
    *,
    batch: int,
    domain_temperature: float,
    rng: np.random.Generator,
) -> list[Batch]:
    """The batches of one epoch, in random order; equal generators give equal epochs."""
    batches = [
        Batch(i, rows)
        for i, source in enumerate(sources)
        for rows in _source_batches(source, batch, domain_temperature, rng)
    ]
    return [batches[i] for i in rng.permutation(len(batches))]


def steps_per_epoch(sources: Sequence[SourceShape], batch: int) -> int:
    """Batches of every epoch."""
    return sum(-(-_queries_read(source) // batch) for source in sources)


def _queries_read(source: SourceShape) -> int:
    """Queries read per epoch, at least one of a source that counts at all."""
    if source.weight == 0 or not len(source.domains):
        return 0
    return max(1, round(source.weight * len(source.domains)))


def _source_batches(
    source: SourceShape, batch: int, temperature: float, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    rows = _draw(source, temperature, rng)
    lengths = np.asarray(source.lengths)
    for start in range(0, len(rows), batch * POOL_BATCHES):
        pool = rows[start : start + batch * POOL_BATCHES]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        yield from (pool[i : i + batch] for i in range(0, len(pool), batch))


def _draw(source: SourceShape, temperature: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of one epoch in random order, each domain with its quota."""
    total = _queries_read(source)
    if not total:
        return np.zeros(0, np.int64)
    _, domain, sizes = np.unique(
        np.asarray(source.domains), return_inverse=True, return_counts=True
    )
    drawn = []
    for d, quota in enumerate(domain_quotas(sizes, total, temperature=temperature)):
        members = np.flatnonzero(domain == d)
        rounds = [rng.permutation(members) for _ in range(-(-quota // len(members)))]
        drawn += [np.concatenate(rounds)[:quota]] if rounds else []
    return rng.permutation(np.concatenate(drawn))
