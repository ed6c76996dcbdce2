"""How often the gate promotes what is better, and what is not: the gate judged by simulation.

Belongs here: drawing differences of a known mean and counting promotions of the real `judge`. Not:
the rule. A gate that never promotes is as useless as one that always does.

Differences per query are drawn as nDCG differences are: for half of the queries the two rankings
agree (difference 0), the others vary normally; the challenger and two rivals share the part of the
spread that is the challenger's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.training.gate import Measured, judge
from pipeline.training.verdict import GateRule

CHANGED = 0.5  # share of queries whose ranking differs between two systems
SHARED = 0.5  # correlation of the differences to the two rivals, both taken from one challenger


@dataclass(frozen=True)
class Setting:
    """A test as it might be.

    `gain`: true mean difference to each rival, nDCG@10. `sd`: of the differences per query.
    `domain_sizes`: queries of each domain. `worst_domain`: added to the gain in the first domain.
    """

    gain: float
    sd: float
    domain_sizes: Sequence[int]
    n_rivals: int = 2
    worst_domain: float = 0.0


def simulate_gate(
    settings: Sequence[Setting],
    *,
    rule: GateRule | None = None,
    look: int = 1,
    trials: int = 400,
    seed: int,
) -> pl.DataFrame:
    """Share of promotions for each setting, with its standard error.

    Columns: gain, sd, n_queries, n_domains, worst_domain, promoted, better (the overall test
    alone), standard_error. A rule with fewer resamples is faster; 999 are enough for a share.
    """
    rule = rule or GateRule(resamples=999)
    rows = []
    for i, setting in enumerate(settings):
        rng = np.random.default_rng((seed, i))
        outcomes = [_one_trial(setting, rule, look, rng) for _ in range(trials)]
        promoted, better = np.mean(outcomes, axis=0).tolist()
        rows.append(
            {
                "gain": setting.gain,
                "sd": setting.sd,
                "n_queries": sum(setting.domain_sizes),
                "n_domains": len(setting.domain_sizes),
                "worst_domain": setting.worst_domain,
                "promoted": promoted,
                "better": better,
                "standard_error": (promoted * (1 - promoted) / trials) ** 0.5,
            }
        )
    return pl.DataFrame(rows)


def draw_differences(setting: Setting, rng: np.random.Generator) -> NDArray[np.float64]:
    """[rival, query] differences of mean `gain` and standard deviation `sd`."""
    sizes = np.asarray(setting.domain_sizes)
    domain = np.repeat(np.arange(sizes.size), sizes)
    mean = setting.gain + np.where(domain == 0, setting.worst_domain, 0.0)
    shape = (setting.n_rivals, domain.size)
    changed = rng.random(domain.size) < CHANGED
    noise = SHARED**0.5 * rng.normal(size=domain.size) + (1 - SHARED) ** 0.5 * rng.normal(
        size=shape
    )
    # var = CHANGED·(s² + (mean/CHANGED)²) − mean² = sd²
    variance = np.maximum(setting.sd**2 + mean**2 - mean**2 / CHANGED, 0) / CHANGED
    return np.where(changed, mean / CHANGED + variance**0.5 * noise, 0.0)


def _one_trial(
    setting: Setting, rule: GateRule, look: int, rng: np.random.Generator
) -> tuple[bool, bool]:
    """Promoted, and better overall."""
    differences = draw_differences(setting, rng)
    n = differences.shape[1]
    ids = [str(i) for i in range(n)]
    names = [f"domain {i}" for i in range(len(setting.domain_sizes))]
    verdict = judge(
        Measured(ids, np.zeros(n)),
        {f"rival {i}": Measured(ids, -row) for i, row in enumerate(differences)},
        np.repeat(names, setting.domain_sizes).tolist(),
        name="simulated",
        rule=rule,
        look=look,
        seed=int(rng.integers(2**31)),
    )
    better = bool(verdict.overall) and all(c.better for c in verdict.overall)
    return verdict.promoted, better
