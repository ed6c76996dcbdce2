"""Quotas by hand, and what every epoch must keep."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.training.sampling import (
    SourceShape,
    domain_quotas,
    epoch_batches,
    steps_per_epoch,
)


def shape(sizes: dict[str, int], weight: float = 1.0) -> SourceShape:
    domains = [d for d, n in sizes.items() for _ in range(n)]
    lengths = np.random.default_rng(0).integers(5, 60, len(domains)).tolist()
    return SourceShape(weight, domains, lengths)


def test_quotas_by_hand() -> None:
    """T = 2 is the square root: 900 and 100 queries come as 3 to 1."""
    sizes = np.array([900, 100])
    assert domain_quotas(sizes, 1000, temperature=1.0).tolist() == [900, 100]
    assert domain_quotas(sizes, 1000, temperature=2.0).tolist() == [750, 250]
    assert domain_quotas(sizes, 1000, temperature=1e9).tolist() == [500, 500]


@given(
    sizes=st.lists(st.integers(1, 200), min_size=1, max_size=6),
    weight=st.sampled_from([0.25, 1.0, 2.5]),
    temperature=st.sampled_from([1.0, 2.0, 100.0]),
    batch=st.integers(1, 40),
)
def test_every_epoch_keeps_its_quotas(
    sizes: list[int], weight: float, temperature: float, batch: int
) -> None:
    """Queries lost at the edge of batches, or one read far more often than its neighbours."""
    source = shape({f"d{i}": n for i, n in enumerate(sizes)}, weight)
    batches = epoch_batches(
        [source], batch=batch, domain_temperature=temperature, rng=np.random.default_rng(1)
    )
    rows = np.concatenate([b.rows for b in batches])
    total = max(1, round(weight * sum(sizes)))
    assert len(batches) == steps_per_epoch([source], batch) == -(-total // batch)
    assert max(len(b.rows) for b in batches) <= batch
    read = Counter(source.domains[r] for r in rows)
    quotas = domain_quotas(np.array(sizes), total, temperature=temperature)
    assert [read[f"d{i}"] for i in range(len(sizes))] == quotas.tolist()
    for i, size in enumerate(sizes):  # a domain is read through before it starts again
        times = Counter(r for r in rows.tolist() if source.domains[r] == f"d{i}")
        assert max(times.values(), default=0) <= -(-int(quotas[i]) // size)


def test_weight_one_reads_every_query_once() -> None:
    """The default must be plain epochs."""
    source = shape({"a": 70, "b": 31})
    batches = epoch_batches(
        [source], batch=16, domain_temperature=1.0, rng=np.random.default_rng(0)
    )
    assert sorted(np.concatenate([b.rows for b in batches])) == list(range(101))


def test_batches_have_one_source_and_like_lengths() -> None:
    """Batches in random order of length spend half of the time on padding."""
    sources = [shape({"a": 400}), shape({"a": 100}, weight=0.0), shape({"b": 200}, weight=0.5)]
    batches = epoch_batches(sources, batch=10, domain_temperature=1.0, rng=np.random.default_rng(0))
    assert Counter(b.source for b in batches) == {0: 40, 2: 10}
    spread = [np.ptp(np.asarray(sources[b.source].lengths)[b.rows]) for b in batches]
    assert np.mean(spread) < 10  # at random: about 45


def test_equal_seeds_give_equal_epochs_and_others_do_not() -> None:
    """A run that cannot be repeated cannot be explained."""

    def rows(seed: int) -> list[int]:
        rng = np.random.default_rng(seed)
        batches = epoch_batches([shape({"a": 90})], batch=8, domain_temperature=1.0, rng=rng)
        return np.concatenate([b.rows for b in batches]).tolist()

    assert rows(3) == rows(3)
    assert rows(3) != rows(4)
