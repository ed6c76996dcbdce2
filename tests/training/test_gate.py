"""The gate against prompts that must not pass, and against the one that must."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import InputError, TrainingError
from pipeline.training.gate import Measured, judge, merge_small_domains
from pipeline.training.looks import best_on_dev, next_look, split_digest
from pipeline.training.verdict import GateRule, Verdict

N = 1000
IDS = [f"q{i}" for i in range(N)]
DOMAINS = ["vision"] * 500 + ["language"] * 350 + ["robotics"] * 90 + ["theory"] * 60
RULE = GateRule(resamples=2000)


def _base(seed: int = 0) -> NDArray[np.float64]:
    return np.clip(np.random.default_rng(seed).normal(0.5, 0.2, N), 0, 1)


def _changed(gain: float, seed: int, sd: float = 0.1) -> NDArray[np.float64]:
    """The base's numbers, half of them changed, by `gain` on average."""
    rng = np.random.default_rng(seed)
    return _base() + np.where(rng.random(N) < 0.5, rng.normal(2 * gain, sd, N), 0)


def _judge(challenger: NDArray[np.float64], **more: object) -> Verdict:
    rivals = {"instruction": Measured(IDS, _base()), "champion": Measured(IDS, _changed(0, 99))}
    options: dict[str, object] = {"name": "challenger", "rule": RULE, "seed": 0} | more
    return judge(Measured(IDS, challenger), rivals, DOMAINS, **options)  # type: ignore[arg-type]


def test_a_real_gain_is_promoted() -> None:
    """A gate that refuses everything; a verdict that loses numbers on the way to disk."""
    verdict = _judge(_changed(0.03, 1))
    assert verdict.promoted, verdict.reasons
    assert len(verdict.overall) == 2
    assert all(c.low > 0 and c.p_holm <= RULE.alpha / 2 for c in verdict.overall)
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict
    assert json.loads(verdict.model_dump_json())["rule"]["margin"] == 0.02
    gain = float((_changed(0.03, 1) - _base()).mean())
    assert verdict.overall[0].gain == pytest.approx(gain)
    assert verdict.challenger_mean - verdict.overall[0].rival_mean == pytest.approx(gain)


def test_a_harmful_prompt_is_refused() -> None:
    """The sign of a difference turned round."""
    verdict = _judge(_changed(-0.03, 1))
    assert not verdict.promoted
    assert any("Not shown to be better than instruction" in r for r in verdict.reasons)
    assert any("harmless in vision" in r for r in verdict.reasons)


def test_the_same_system_is_refused() -> None:
    """A tie promoted, by ≥ in place of >, or a division by a spread of zero."""
    verdict = _judge(_base())
    assert not verdict.promoted
    assert verdict.overall[0].gain == 0


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_refused(seed: int) -> None:
    """A prompt learnt from noisy labels: every ranking changed much, none for the better."""
    numbers = np.clip(_base() + np.random.default_rng(seed).normal(0, 0.25, N), 0, 1)
    assert not _judge(numbers).promoted


def test_better_than_one_rival_is_not_enough() -> None:
    """A champion replaced because the challenger beats the empty instruction."""
    champion = _changed(0.05, 2)
    rivals = {"instruction": Measured(IDS, _base()), "champion": Measured(IDS, champion)}
    verdict = judge(Measured(IDS, _changed(0.03, 1)), rivals, DOMAINS, name="c", rule=RULE, seed=0)
    assert [c.better for c in verdict.overall] == [True, False]
    assert not verdict.promoted


def test_harm_in_one_domain_refuses_a_gain_overall() -> None:
    """A domain hidden by the mean."""
    numbers = _changed(0.06, 3)
    language = np.array(DOMAINS) == "language"
    numbers[language] = _base()[language] - 0.03
    verdict = _judge(numbers)
    assert all(c.better for c in verdict.overall)
    assert not verdict.promoted
    assert [d.domain for d in verdict.domains if d.not_worse is False] == ["language"] * 2
    assert all("language" in reason for reason in verdict.reasons[:2])


def test_leaked_queries_refuse_before_any_number() -> None:
    """A prompt that learnt the test by heart."""
    verdict = _judge(_changed(0.5, 1), training_ids={"q7", "elsewhere"})
    assert not verdict.promoted
    assert verdict.overall == ()
    assert "1 of 1000 test queries were seen in training, such as q7" in verdict.reasons[0]


def test_small_domains_are_merged_and_a_small_rest_is_said() -> None:
    """Eleven small domains that refuse every true gain; or are dropped without a word."""
    verdict = _judge(_changed(0.03, 1))
    other = next(d for d in verdict.domains if d.domain == "other")
    assert (other.members, other.n_queries) == (("robotics", "theory"), 150)
    assert other.not_worse is None
    assert sum("other: 150 queries are too few" in r for r in verdict.reasons) == 1
    assert merge_small_domains(["a", "a", "b"], 2) == ["a", "a", "other"]
    merged = _judge(_changed(0.03, 1), rule=RULE.model_copy(update={"min_queries": 150}))
    assert next(d for d in merged.domains if d.domain == "other").not_worse is True


def test_lucky_seeds_are_not_promoted() -> None:
    """Twenty worthless seeds on one test split: at p < 0.025 one passes with a chance of 40%."""
    seeds = {f"seed {seed}": _changed(0, 1000 + seed) for seed in range(20)}
    judged: list[tuple[str, list[str]]] = []
    promoted = []
    for name, numbers in seeds.items():
        look = next_look(judged, name, IDS)
        promoted.append(_judge(numbers, look=look).promoted)
        judged.append((name, IDS))
    assert not any(promoted)
    last = _judge(_changed(0.5, 1), look=len(judged) + 1)
    assert not last.promoted
    assert "has judged 20 challengers" in last.reasons[0]


def test_luck_on_dev_does_not_reach_the_test() -> None:
    """The seed that shone on development queries, promoted for it."""
    dev = {f"seed {seed}": _changed(0, 2000 + seed) for seed in range(20)}
    lucky = best_on_dev(dev)
    assert dev[lucky].mean() - _base().mean() > 0.004
    fresh = dict(zip(dev, (_changed(0, 3000 + seed) for seed in range(20)), strict=True))
    assert not _judge(fresh[lucky]).promoted


def test_looks_share_one_error_budget() -> None:
    """Looks that together may err more often than one."""
    rule = GateRule()
    shares = [rule.alpha_at(look) for look in range(1, 10_000)]
    assert shares[:2] == [pytest.approx(0.0125), pytest.approx(0.025 / 6)]
    assert sum(shares) <= rule.alpha
    # A gain that is found at the first look, and not at the fifth.
    barely = _changed(0.0075, 1)
    rivals = {"instruction": Measured(IDS, _base())}
    first, fifth = (
        judge(Measured(IDS, barely), rivals, DOMAINS, name="c", rule=RULE, look=k, seed=0)
        for k in (1, 5)
    )
    assert first.overall[0].low > fifth.overall[0].low
    assert first.overall[0].p == fifth.overall[0].p


def test_a_challenger_is_judged_once_per_split() -> None:
    """A refused prompt tried again until it passes."""
    judged = [("a", ["q1", "q2"]), ("b", ["q1", "q2"]), ("a", ["q3", "q4"])]
    assert next_look(judged, "c", ["q1", "q2"]) == 3
    assert next_look(judged, "b", ["q3", "q4"]) == 2
    with pytest.raises(TrainingError, match="its verdict stands"):
        next_look(judged, "a", ["q2", "q1"])
    assert split_digest(["b", "a"]) == split_digest(["a", "b"]) != split_digest(["a"])


def test_a_growing_library_does_not_renew_the_budget() -> None:
    """One new paper a night makes another test by name, judged at the full α each time."""
    tonight = [f"q{i}" for i in range(100)]
    judged = [("a", tonight), ("b", [*tonight[1:], "new"])]
    assert next_look(judged, "c", [*tonight[2:], "new", "newer"]) == 3
    assert next_look(judged, "a", [*tonight[2:], "new", "newer"]) == 3
    assert next_look(judged, "c", tonight[:10]) == 3  # fewer of the same are no other test
    half_new = [*tonight[51:], *(f"n{i}" for i in range(51))]
    assert next_look(judged, "c", half_new) == 1


def test_the_choice_on_dev() -> None:
    """Systems of other queries compared by their means; ties broken by insertion order."""
    systems = {"z": np.array([0.5, 0.5]), "a": np.array([1.0, 0.0]), "m": np.array([0.2, 0.1])}
    assert best_on_dev(systems) == "a"
    with pytest.raises(TrainingError, match="same development queries"):
        best_on_dev({"a": np.zeros(2), "b": np.zeros(3)})


@pytest.mark.parametrize(
    ("ids", "match"),
    [(IDS[::-1], "1000 of them shared"), ([*IDS[1:], "new"], "999 of them shared")],
)
def test_other_queries_are_refused(ids: list[str], match: str) -> None:
    """Numbers paired although they belong to other queries, or stand in another order."""
    with pytest.raises(InputError, match=match):
        judge(Measured(IDS, _base()), {"r": Measured(ids, _base())}, DOMAINS, name="c", seed=0)


def test_unusable_numbers_are_refused() -> None:
    """Repeated queries that narrow the interval; NaN that makes every comparison false."""
    twice = ["q0", *IDS[:-1]]
    with pytest.raises(InputError, match="1 again"):
        judge(Measured(twice, _base()), {"r": Measured(twice, _base())}, DOMAINS, name="c", seed=0)
    with pytest.raises(InputError, match="1 NaN"):
        _judge(np.where(np.arange(N) == 5, np.nan, _base()))
    with pytest.raises(InputError, match="at least one rival"):
        judge(Measured(IDS, _base()), {}, DOMAINS, name="c", seed=0)


def test_too_few_queries_are_refused() -> None:
    """Ten lucky queries."""
    few = Measured(IDS[:10], np.ones(10))
    verdict = judge(few, {"r": Measured(IDS[:10], np.zeros(10))}, ["d"] * 10, name="c", seed=0)
    assert not verdict.promoted
    assert "10 test queries are too few" in verdict.reasons[0]
