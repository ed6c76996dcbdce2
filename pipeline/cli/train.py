"""`csimpact train`: label, train, judge; or say first what that would take.

Belongs here: arguments, progress, and the words a person reads. Not: a training
(pipeline/train.py), its recipes (pipeline/training/presets.py), or its price (assets/pricing.py).
"""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import InputError
from pipeline.settings import PROFILE_VARIABLE, USUAL_PROFILE, named_profile

if TYPE_CHECKING:
    from pipeline.train import TrainReport
    from pipeline.training.recipe import Recipe
    from resources.workspace import Workspace

HELP = """Train a prompt for queries; the gate decides if it serves.

Pairs of papers are mined and labelled by the teacher, none of them twice; the prompt learns from
them; then it meets the best instruction and the prompt that serves, on queries that training has
not seen. It serves only if shown to be better, and harmful in no domain; otherwise all stays as it
is. Documents and their vectors never change. May be stopped: labels are kept.

Presets (without --preset: the one of the profile):

  minilm       prompt and residual, taught by title + abstract; two cores, minutes

  qwen3-bpr    soft tokens by BPR on labels of Qwen3-Reranker; profile qwen3, wants a GPU

  demo         a small soft prompt in one pass; to watch, not to use

Examples:

  csimpact train --dry-run          what would be labelled and trained, and how long it takes

  csimpact train

  csimpact train --preset qwen3-bpr --queries 1000
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("train", help=HELP)(train_)


def train_(
    preset: Annotated[
        str, typer.Option(metavar="NAME", help="What is trained, and how.", show_default=False)
    ] = "",
    queries: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Papers whose titles are queries [default: 3000]; 45% of them judge, and the gate "
            "wants 200.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would take; nothing is kept.")
    ] = False,
) -> None:
    """Train a prompt for queries, and let the gate decide whether it serves."""
    from pipeline.cli.progress import telling
    from pipeline.labels.labelling_rule import LabellingRule
    from pipeline.train import train
    from resources.workspace import open_workspace

    recipe = _recipe(preset)
    workspace = open_workspace()
    if queries is not None:
        workspace.labelling = LabellingRule(queries=queries)
    if dry_run:
        _print_price(workspace, recipe)
        return
    with telling("labelling …") as tell:
        workspace.report = tell
        report = train(workspace, recipe.name)
    _print_report(workspace, recipe, report)


def _recipe(preset: str) -> "Recipe":
    """The recipe meant; its profile is chosen for this command, unless somebody named one."""
    from pipeline.models.profiles import chosen_profile
    from pipeline.training.presets import find_preset, preset_of

    if not preset:
        return preset_of(chosen_profile().name)
    recipe, named = find_preset(preset), named_profile()
    if named not in (None, recipe.profile):
        raise InputError(
            f"--preset {preset} is made for the profile {recipe.profile}, but {PROFILE_VARIABLE} "
            f"says {named}: unset it, or choose another preset"
        )
    os.environ[PROFILE_VARIABLE] = recipe.profile  # processes started from here inherit it
    return recipe


def _print_price(workspace: "Workspace", recipe: "Recipe") -> None:
    import polars as pl

    from assets.pricing import quote_labels
    from pipeline.cli.output import print_frame
    from pipeline.cli.progress import telling

    with telling("reading …") as tell:
        workspace.report = tell
        quote = quote_labels(workspace)
    profile = workspace.profile
    print(f"Labelling by {profile.reranker}, which reads {profile.text_input} in this profile:")
    print_frame(
        quote.table.with_columns(pl.col("tflop", "minutes").round(3)).drop("tokens_unshared"),
        "table",
    )
    if quote.mined:
        print("Pairs: those mined that have no score yet. Minutes: at the rate of a sample, now.")
    else:
        print(
            "Pairs: at most; none are mined yet of these papers and this number of queries, random "
            "ones stand in. Minutes: at the rate of a sample, now."
        )
    for line in _told(recipe, workspace):
        print(line)


def _told(recipe: "Recipe", workspace: "Workspace") -> list[str]:
    """What would be trained, line by line."""
    course, rule = recipe.training, workspace.labelling
    sources = [
        f"{s.name} by {s.loss}, at most {s.queries:,} queries, weight {s.weight:g}"
        for s in recipe.sources
    ]
    seeds = f"{len(course.seeds)} seeds" if len(course.seeds) > 1 else "1 seed"
    return [
        f"Then, preset {recipe.name}: {recipe.adapter.replace('_', ' ')} on the query side of "
        f"{workspace.encoder_id}",
        *(f"- learns from {source}" for source in sources),
        f"- {course.epochs} epochs of {course.batch} queries a step, {seeds}",
        f"- chosen on {rule.number('dev'):,} development queries, judged on "
        f"{rule.number('test'):,} test queries",
    ]


def _print_report(workspace: "Workspace", recipe: "Recipe", report: "TrainReport") -> None:
    from pipeline.cli.verdicts import print_verdict

    decision, run = report.decision, report.run
    scored = int(run.assets.get("pair_labels", {}).get("pairs_scored", 0))
    empty = int(run.assets.get("pair_labels", {}).get("pairs_quarantined", 0))
    print(f"{scored:,} pairs labelled" + (f", {empty:,} without a score" if empty else ""))
    print_verdict(decision)
    print(f"{decision.prompt_id} is {decision.kind}: csimpact prompt show {decision.prompt_id}")
    serving = workspace.prompts.champion(workspace.encoder_id)
    now = f"prompt {serving}" if serving else "plain queries"
    print(f"What serves {workspace.encoder_id} now: {now}")
    if recipe.profile != USUAL_PROFILE:
        print(f"Searches use it under {PROFILE_VARIABLE}={recipe.profile}.")
    print(f"Run {run.run_id}; see it in the Dagster UI (make dev).")
