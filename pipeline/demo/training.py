"""The demo trains a small prompt: labels, training, and what the gate says of it.

Belongs here: a labelling small enough to be watched. Not: how labels and prompts are made
(pipeline/train.py).
"""

import time

from rich.console import Console

from pipeline.errors import RefreshError
from pipeline.labels.candidate_rule import CandidateRule
from pipeline.labels.labelling_rule import LabellingRule
from pipeline.settings import DataDir
from pipeline.train import train
from resources.workspace import Workspace

FEW = CandidateRule(
    student=8, document=8, bm25=4, cites=0, cited_by=0, co_cited=4, same_domain=8, random=4,
    rank_max=100,
)  # fmt: skip
# Enough queries to check the teacher by, and to judge by; the demo's recipe learns from no labels.
LABELLING = LabellingRule(
    queries=560,
    share_dev=0.45,
    share_test=0.38,
    learn=FEW,
    judge=FEW.model_copy(update={"n_strata": 1}),
)


def train_prompt(console: Console, data: DataDir) -> None:
    """A small prompt, and what the gate says of it."""
    console.rule("A prompt for queries: labels, training, verdict")
    workspace, started = Workspace(data, labelling=LABELLING), time.perf_counter()
    with console.status("labelling …") as status:
        workspace.report = status.update
        try:
            report = train(workspace, "demo")
        except RefreshError as refusal:  # a teacher that does not beat the student, for one
            console.print(str(refusal), markup=False)
            return
    labelled = report.run.assets["pair_labels"]
    console.print(
        f"{labelled['pairs_scored']:,.0f} pairs labelled by {workspace.profile.reranker}, a prompt "
        f"trained and judged in {time.perf_counter() - started:.0f} s: {report.decision.kind}"
    )
    for reason in report.decision.reasons:
        console.print(f"  {reason}", markup=False)
