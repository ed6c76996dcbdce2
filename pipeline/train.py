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
    from assets.wholes import WHOLES
    from pipeline.automation.names import TRAIN
    from pipeline.training.presets import find_preset

    if preset:
        find_preset(preset)  # before anything is paid for
    with workspace.lock("train", timeout_s=0):
        # Whose labels there are is known only once the teacher is loaded: another number format or
        # template is another teacher, and no plan sees it. A pair that has its score costs nothing.
        cells = [f"{venue}|{year}" for venue, year in workspace.lake.cells("papers")]
        config: dict[str, dict[str, object]] = {
            "refresh_title_pairs": {"scope": [], "force": False},
            "refresh_pair_labels": {"scope": cells, "force": True},
        }
        config |= {f"make_{whole.asset}": {"preset": preset} for whole in WHOLES}
        before = len(workspace.prompts.decisions())
        run = run_job(workspace, TRAIN, config)
        # A person may have decided something meanwhile.
        news = workspace.prompts.decisions()[before:]
        return TrainReport(next(d for d in news if d.verdict), run)
