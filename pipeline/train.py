"""Training a prompt from outside of Dagster: the command line, the demo, tests.

Belongs here: one run of the `train` job. Not: what it decides (pipeline/training/campaign.py).
"""

from dataclasses import dataclass

from pipeline.run_job import RunReport, run_job
from resources.prompt_registry import Decision
from resources.workspace import Workspace


@dataclass(frozen=True)
class TrainReport:
    """What a training did: the gate's decision with its verdict and evidence, and the run."""

    decision: Decision
    run: RunReport


def train(workspace: Workspace, preset: str = "") -> TrainReport:
    """Label what is not labelled, train the preset ("": the profile's), judge it, measure.

    Raises BusyError if another training runs, RefreshError with the step's own line if one fails,
    TrainingError if there is no such preset, KeyboardInterrupt if it is stopped; labels are kept.
    """
    from pipeline.automation.jobs import train_config
    from pipeline.automation.names import TRAIN
    from pipeline.training.presets import find_preset

    if preset:
        find_preset(preset)  # before anything is paid for
    with workspace.lock("train", timeout_s=0):
        before = len(workspace.prompts.decisions())
        run = run_job(workspace, TRAIN, train_config(workspace, preset))
        # A person may have decided something meanwhile.
        news = workspace.prompts.decisions()[before:]
        return TrainReport(next(d for d in news if d.verdict), run)
