"""The gate: a trained prompt is refused unless it is shown to be better.

Belongs here: the decision, from numbers per query. Not: measuring them (retrieval/evaluation.py),
what is fixed beforehand (looks.py), or keeping the verdict.

Rule. Overall, against each rival: the lower bound of the paired bootstrap interval lies above 0,
and the randomisation test rejects after Holm's correction over the rivals. In each domain, against
each rival: non-inferiority, the lower bound lies above −margin; domains with too few queries are
merged into `other`. All must hold, so domains and rivals need no further correction: the chance of
a wrong promotion is at most that of the weakest link. A test query seen in training refuses
outright, before any number is looked at.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.retrieval.significance import bootstrap_intervals, holm, randomisation_test
from pipeline.training.looks import split_digest
from pipeline.training.verdict import Comparison, DomainComparison, GateRule, Verdict

OTHER = "other"
_POWER = NormalDist().inv_cdf(0.8)


@dataclass(frozen=True)
class Measured:
    """nDCG@10 [query] of one system, and which queries these are."""

    query_ids: Sequence[str]
    ndcg: NDArray[np.float64]


def judge(
    challenger: Measured,
    rivals: Mapping[str, Measured],
    domains: Sequence[str],
    *,
    name: str,
    training_ids: Collection[str] = (),
    rule: GateRule | None = None,
    look: int = 1,
    seed: int,
) -> Verdict:
    """The verdict on one challenger, fixed before the test queries were looked at.

    Args:
        challenger: its nDCG@10 on the test queries.
        rivals: the best instruction (the empty one included, chosen on development queries) and
            the champion, by name, measured on the same queries in the same order.
        domains: [query] of each test query.
        name: the challenger's, for the verdict.
        training_ids: every query or paper that training saw, in the ids of the test queries; pass
            cluster ids on both sides to catch duplicates of a paper.
        rule: `GateRule()` where None.
        look: how many challengers this split has judged, this one included (`next_look`).
        seed: of the resamples.

    Raises:
        InputError: no rival, other queries than the challenger's, a query twice, NaN.
    """
    rule = rule or GateRule()
    _check_alike(challenger, rivals, domains)
    n = len(challenger.query_ids)
    common = {
        "challenger": name,
        "challenger_mean": float(challenger.ndcg.mean()) if n else 0.0,
        "n_queries": n,
        "test_digest": split_digest(challenger.query_ids),
        "test_ids": tuple(challenger.query_ids),
        "look": look,
        "alpha": rule.alpha_at(look),
        "seed": seed,
        "rule": rule,
    }
    if obstacles := _obstacles(challenger, training_ids, rule, look):
        return Verdict.model_validate({**common, "promoted": False, "reasons": obstacles})
    differences = np.stack([challenger.ndcg - rival.ndcg for rival in rivals.values()])
    overall = _compare(differences, rivals, rule, rule.alpha_at(look), seed)
    by_domain = _compare_domains(differences, list(rivals), domains, rule, seed)
    against = _reasons_against(overall, by_domain, rule, look)
    reasons = against or _reasons_for(overall)
    reasons += [
        f"{d.domain}: {d.n_queries} queries are too few to judge by themselves (fewest "
        f"{rule.min_queries}); they count in the whole only."
        for d in by_domain[:: len(rivals)]
        if d.not_worse is None
    ]
    return Verdict.model_validate(
        {
            **common,
            "promoted": not against,
            "reasons": tuple(reasons),
            "overall": tuple(overall),
            "domains": tuple(by_domain),
        }
    )


def merge_small_domains(domains: Sequence[str], min_queries: int) -> list[str]:
    """`domains` [query] with those of fewer than `min_queries` queries called `other`."""
    size = Counter(domains)
    return [domain if size[domain] >= min_queries else OTHER for domain in domains]


def _check_alike(
    challenger: Measured, rivals: Mapping[str, Measured], domains: Sequence[str]
) -> None:
    ids = list(challenger.query_ids)
    if not rivals:
        raise InputError("expected at least one rival, received none; the empty instruction is one")
    if len(set(ids)) != len(ids):
        raise InputError(
            f"expected each test query once, received {len(ids) - len(set(ids))} again; drop them"
        )
    if len(ids) != len(domains) or len(ids) != len(challenger.ndcg):
        raise InputError(
            f"expected a domain and a value for each of {len(ids)} queries, received "
            f"{len(domains)} and {len(challenger.ndcg)}"
        )
    for name, system in {"the challenger": challenger, **rivals}.items():
        if missing := int(np.count_nonzero(~np.isfinite(system.ndcg))):
            raise InputError(
                f"expected a number per query, received {missing} NaN or infinite of {name}; an "
                "unanswered query has 0"
            )
    for name, rival in rivals.items():
        if list(rival.query_ids) != ids or len(rival.ndcg) != len(ids):
            shared = len(set(ids) & set(rival.query_ids))
            raise InputError(
                f"expected {name!r} measured on the challenger's {len(ids)} queries in their order,"
                f" received {len(rival.query_ids)}, {shared} of them shared; measure them together"
            )


def _obstacles(
    challenger: Measured, training_ids: Collection[str], rule: GateRule, look: int
) -> list[str]:
    """Why no number is to be looked at at all."""
    reasons, n = [], len(challenger.query_ids)
    seen = set(training_ids)
    if leaked := [query for query in challenger.query_ids if query in seen]:
        reasons.append(
            f"{len(leaked)} of {n} test queries were seen in training, such as {leaked[0]}: "
            "train again without them."
        )
    if n < rule.min_queries:
        reasons.append(f"{n} test queries are too few to judge by; at least {rule.min_queries}.")
    if look > rule.max_looks:
        reasons.append(
            f"This test split has judged {look - 1} challengers, the most it may: draw another."
        )
    return reasons


def _compare(
    differences: NDArray[np.float64],
    rivals: Mapping[str, Measured],
    rule: GateRule,
    alpha: float,
    seed: int,
) -> list[Comparison]:
    level, n = 1 - 2 * alpha, differences.shape[1]
    intervals = bootstrap_intervals(differences, level=level, resamples=rule.resamples, seed=seed)
    p = np.array(
        [randomisation_test(d, resamples=rule.resamples, seed=seed + 1) for d in differences]
    )
    corrected = holm(p)
    needed = NormalDist().inv_cdf(1 - alpha / len(rivals)) + _POWER
    return [
        Comparison(
            rival=name,
            rival_mean=float(rival.ndcg.mean()),
            gain=interval.mean,
            low=interval.low,
            high=interval.high,
            sd=float(row.std()),
            p=float(p[i]),
            p_holm=float(corrected[i]),
            detectable=needed * float(row.std()) / n**0.5,
            better=bool(interval.low > 0 and corrected[i] <= alpha),
        )
        for i, ((name, rival), row, interval) in enumerate(
            zip(rivals.items(), differences, intervals, strict=True)
        )
    ]


def _compare_domains(
    differences: NDArray[np.float64],
    rivals: list[str],
    domains: Sequence[str],
    rule: GateRule,
    seed: int,
) -> list[DomainComparison]:
    """Every domain against every rival, domains by name, `other` last."""
    merged = np.array(merge_small_domains(domains, rule.min_queries))
    named, answers = np.array(domains), []
    for domain in sorted(set(merged.tolist()), key=lambda d: (d == OTHER, d)):
        part = merged == domain
        n = int(part.sum())
        intervals = bootstrap_intervals(
            differences[:, part],
            level=1 - 2 * rule.domain_alpha,
            resamples=rule.resamples,
            seed=seed + 2,
        )
        answers += [
            DomainComparison(
                domain=domain,
                members=tuple(sorted(set(named[part].tolist()))),
                n_queries=n,
                rival=rival,
                gain=interval.mean,
                low=interval.low,
                not_worse=interval.low > -rule.margin if n >= rule.min_queries else None,
            )
            for rival, interval in zip(rivals, intervals, strict=True)
        ]
    return answers


def _reasons_against(
    overall: list[Comparison], by_domain: list[DomainComparison], rule: GateRule, look: int
) -> list[str]:
    reasons = [
        f"Not shown to be better than {c.rival}: gain {c.gain:+.4f} nDCG@10, lower bound "
        f"{c.low:+.4f}, Holm's p {c.p_holm:.4f} against {rule.alpha_at(look):.4f}; this test finds "
        f"{c.detectable:+.4f} four times in five."
        for c in overall
        if not c.better
    ]
    reasons += [
        f"Not shown to be harmless in {d.domain} against {d.rival}: gain {d.gain:+.4f} nDCG@10 over"
        f" {d.n_queries} queries, lower bound {d.low:+.4f} not above {-rule.margin:+.4f}."
        for d in by_domain
        if d.not_worse is False
    ]
    return reasons


def _reasons_for(overall: list[Comparison]) -> list[str]:
    return [
        f"Better than {c.rival}: gain {c.gain:+.4f} nDCG@10, lower bound {c.low:+.4f}, "
        f"Holm's p {c.p_holm:.4f}."
        for c in overall
    ]
