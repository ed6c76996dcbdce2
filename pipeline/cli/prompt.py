"""`csimpact prompt`: trained prompts, why each serves or does not, and taking one back.

Belongs here: arguments, and what a person reads. Not: who serves (resources/prompt_registry.py), or
the judgment (pipeline/training/gate.py).
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import AsFormat, Format

if TYPE_CHECKING:
    import polars as pl

    from pipeline.models.prompt_file import Manifest
    from resources.prompt_registry import Decision, PromptRegistry

WAIT_S = 30.0  # for another that decides; a challenger's verdict takes longer

HELP = """Trained prompts: what the gate said, and which one serves.

A prompt serves only after the gate has shown it to be better; refused ones are kept to look at.

Examples:

  csimpact prompt list                     every decision, the newest first

  csimpact prompt show 3f2a9c              what it is, every number, and why

  csimpact prompt rollback --reason "harms our own queries"

  csimpact prompt promote 3f2a9c           let an older one serve again
"""

prompt = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)
PromptId = Annotated[
    str, typer.Argument(metavar="PROMPT", help="prompt id, or the beginning of one (4 characters)")
]
Reason = Annotated[str, typer.Option(help="why; noted in the registry")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(prompt, name="prompt")


@prompt.command("list")
def list_(as_format: AsFormat = Format.table) -> None:
    """Every decision, the newest first.

    Gain and low: nDCG@10 against the strongest rival, and the lower bound of its interval. The
    table marks the prompt that serves; json and csv have encoder and reasons besides.
    """
    from pipeline.cli.output import print_frame

    registry = _registry()
    decisions = registry.table()
    if as_format is Format.table and not decisions.height:
        print("No prompt was ever judged: queries are plain. Next: csimpact train")
    else:
        table = as_format is Format.table
        print_frame(_for_eyes(decisions) if table else decisions, as_format)
    for kept in registry.undecided():
        print(
            f"note: {kept} was kept and never judged, its training was stopped: csimpact train",
            file=sys.stderr,
        )


@prompt.command()
def show(name: PromptId, as_format: AsFormat = Format.table) -> None:
    """What PROMPT is, what the gate measured, and every decision about it.

    csv lists the comparisons; json has everything.
    """
    from pipeline.cli.output import print_document, print_frame
    from pipeline.cli.verdicts import comparisons, print_verdict

    registry = _registry()
    prompt_id = registry.find(name)
    decisions = [d for d in registry.decisions() if d.prompt_id == prompt_id]
    manifest = registry.manifest(prompt_id)
    judged = [d for d in decisions if d.verdict]
    if as_format is Format.json:
        told = [d.model_dump(mode="json") for d in decisions]
        print_document({"manifest": manifest.model_dump(mode="json"), "decisions": told})
    elif as_format is Format.csv:
        print_frame(comparisons(judged[-1] if judged else None), as_format)
    else:
        _print_manifest(manifest, serves=registry.champion(manifest.encoder_id) == prompt_id)
        for decision in decisions:
            print(f"{decision.at:%Y-%m-%d %H:%M} {decision.kind} by {decision.by}")
            print_verdict(decision)
        if not decisions:
            print("Never judged: its training was stopped before.")


@prompt.command()
def promote(name: PromptId, reason: Reason = "") -> None:
    """Let PROMPT serve again; the gate must have promoted it once."""
    with _deciding() as registry:
        decision = registry.promote(name, reason)
    _print_serving(registry, decision)


@prompt.command()
def rollback(reason: Reason = "") -> None:
    """Take the serving prompt back: the one before it serves again, or none."""
    from resources.workspace import open_workspace

    with _deciding() as registry:
        decision = registry.rollback(open_workspace().encoder_id, reason)
    _print_serving(registry, decision)


def _registry() -> "PromptRegistry":
    from resources.workspace import open_workspace

    return open_workspace().prompts


@contextmanager
def _deciding() -> "Iterator[PromptRegistry]":
    """The registry, while nobody else decides."""
    from resources.workspace import open_workspace

    workspace = open_workspace()
    with workspace.lock("prompts", timeout_s=WAIT_S):
        yield workspace.prompts


def _print_serving(registry: "PromptRegistry", decision: "Decision") -> None:
    serving = registry.champion(decision.encoder_id)
    now = f"prompt {serving} serves" if serving else "queries are plain"
    done = decision.kind.replace("_", " ")
    print(f"{decision.prompt_id} is {done}; {now} ({decision.encoder_id})")


def _for_eyes(decisions: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    return decisions.select(
        prompt="prompt_id",
        decision=pl.col("decision").str.replace("_", " "),
        when=pl.col("at").dt.strftime("%Y-%m-%d %H:%M"),
        who="by",
        serves=pl.when("serves").then(pl.lit("serves")).otherwise(pl.lit("")),
        gain="gain",
        low="low",
        queries="n_queries",
    )


def _print_manifest(manifest: "Manifest", *, serves: bool) -> None:
    import orjson

    state = "serves now" if serves else "does not serve"
    facts = {
        "prompt": f"{manifest.prompt_id}, which {state}",
        "kind": f"{manifest.kind}, {manifest.num_parameters:,} numbers"
        + (f", {manifest.num_virtual_tokens} tokens" if manifest.num_virtual_tokens else ""),
        "encoder": manifest.encoder_id,
        "instruction": manifest.instruction or "none",
        "started from": manifest.initial_text or "nothing",
        **{name.replace("_", " "): value for name, value in manifest.trained_on.items()},
    }
    for name, value in facts.items():
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        print(f"{name:13} {text}")
