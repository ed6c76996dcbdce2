"""Prompts and verdicts for tests: made, kept and judged without any training.

Belongs here: helpers that several test files share. Not: tests.
"""

import torch

from pipeline.models.adaptation import Adaptation
from pipeline.models.prompt_file import Manifest
from pipeline.models.query_tower import QueryTower
from pipeline.training.verdict import Comparison, DomainComparison, GateRule, Verdict
from resources.prompt_registry import PromptRegistry
from resources.workspace import Workspace

ENCODER = "tiny@01234567-128"


def adaptation(seed: int, hidden: int = 4) -> Adaptation:
    generator = torch.Generator().manual_seed(seed)
    return Adaptation(prompt=torch.randn(3, hidden, generator=generator))


def manifest(encoder_id: str = ENCODER, hidden: int = 4, layers: int = 2, day: int = 1) -> Manifest:
    return Manifest(
        kind="soft_prompt",
        encoder_id=encoder_id,
        base_sha256="0" * 64,
        hidden_size=hidden,
        num_layers=layers,
        trained_on={"recipe": {"name": "by hand"}, "trained_on": f"2026-01-{day:02d}"},
    )


def verdict(prompt_id: str, *, promoted: bool, gain: float = 0.02) -> Verdict:
    """Against two rivals, the second of them the stronger."""
    gain = gain if promoted else -gain
    against = [
        Comparison(
            rival=rival, rival_mean=0.6, gain=g, low=g - 0.01, high=g + 0.01, sd=0.1, p=0.001,
            p_holm=0.002, detectable=0.008, better=promoted,
        )
        for rival, g in (("plain", gain + 0.01), ("“papers on:”", gain))
    ]  # fmt: skip
    domain = DomainComparison(
        domain="vision", members=("vision",), n_queries=400, rival="plain", gain=gain,
        low=gain - 0.01, not_worse=promoted,
    )  # fmt: skip
    return Verdict(
        promoted=promoted,
        reasons=("Better than plain.",) if promoted else ("Not shown to be better than plain.",),
        challenger=prompt_id,
        challenger_mean=0.6 + gain,
        n_queries=1350,
        test_digest="ab" * 8,
        test_ids=("q1", "q2"),
        look=1,
        alpha=0.0125,
        seed=0,
        rule=GateRule(),
        overall=tuple(against),
        domains=(domain,),
    )


def judged(
    registry: PromptRegistry, seed: int, *, promoted: bool, encoder_id: str = ENCODER
) -> str:
    """The id of a prompt that was kept and decided about; another seed, another prompt."""
    made = manifest(encoder_id)
    prompt_id = registry.keep(adaptation(seed), made)
    table = [{"proxy": "all", "domain": "all", "difference": 0.1}]
    registry.decide(
        prompt_id, made.encoder_id, verdict(prompt_id, promoted=promoted), {"teacher check": table}
    )
    return prompt_id


def serve_prompt(workspace: Workspace, seed: int = 0) -> str:
    """The id of a prompt that fits the workspace's encoder and serves its queries."""
    tower, registry = QueryTower(workspace.encoder), workspace.prompts
    made = manifest(workspace.encoder_id, tower.hidden_size, tower.num_layers)
    prompt_id = registry.keep(adaptation(seed, tower.hidden_size), made)
    registry.decide(prompt_id, workspace.encoder_id, verdict(prompt_id, promoted=True))
    return prompt_id
