"""The `csimpact` command: options every command shares, and what an error looks like.

Belongs here: putting the commands together. Not: the commands (search.py, maintain.py, train.py,
…), how they are listed (sections.py) or how answers are printed (output.py). Nothing heavy is
imported before a command runs, so that `csimpact --help` answers at once.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import (
    aggregates,
    audit,
    crawl,
    doctor,
    evaluate,
    maintain,
    overview,
    paper,
    prompt,
    prune,
    release,
    review,
    search,
    simulate,
    sql,
    status,
    train,
)
from pipeline.cli.sections import Sections
from pipeline.errors import CsimpactError

USAGE_EXIT, BUG_EXIT, PIPE_EXIT, INTERRUPT_EXIT = 2, 1, 141, 130
# Typer carries its own copy of click or uses the installed one: its classes are found through its
# only public exception.
_ClickError = typer.BadParameter.__mro__[2]
GLOBAL_FLAGS, GLOBAL_OPTIONS = ("--debug",), ("--data",)

app = typer.Typer(
    name="csimpact",
    cls=Sections,
    add_completion=False,
    rich_markup_mode=None,  # a title in brackets is text, in help as in answers
    pretty_exceptions_enable=False,
)


@app.callback(
    epilog="\b\nExamples:\n  csimpact search 'graph neural networks' --year 2017\n"
    "  csimpact top --venue cvpr --format json\n  csimpact COMMAND --help"
)
def options(
    data: Annotated[
        Path | None, typer.Option(help="data folder, instead of CSIMPACT_DATA", metavar="PATH")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks of errors")] = False,
) -> None:
    """A living dataset of computer-science papers with topic- and time-normalised impact.

    Reading commands take --format table, json or csv. Errors are one line; the exit code is then 2.
    """
    if data is not None:
        os.environ["CSIMPACT_DATA"] = str(data)  # processes started from here inherit it


for commands in (
    search, paper, aggregates, sql, status, maintain, crawl, overview, review, prune, release,
    train, prompt, evaluate, audit, doctor, simulate,
):  # fmt: skip
    commands.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """The exit code: 0, 2 for what the user can mend, 1 for a bug, 130 for Ctrl-C."""
    arguments = hoisted(arguments or ["--help"])
    try:
        code = app(list(arguments), standalone_mode=False, prog_name="csimpact")
        sys.stdout.flush()
        if code == INTERRUPT_EXIT:  # Typer may turn Ctrl-C into this code, without a word
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except BrokenPipeError:  # `csimpact … | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_EXIT
    except (KeyboardInterrupt, typer.Abort):
        print("error: interrupted; what was finished is kept", file=sys.stderr)
        return INTERRUPT_EXIT
    except Exception as problem:
        if "--debug" in arguments:
            traceback.print_exc()
        print(_one_line(problem), file=sys.stderr)
        return USAGE_EXIT if isinstance(problem, CsimpactError | _ClickError) else BUG_EXIT


def hoisted(arguments: Sequence[str]) -> list[str]:
    """`arguments` with the options every command shares moved to the front, wherever they stood."""
    rest, shared = list(arguments), []
    end = rest.index("--") if "--" in rest else len(rest)
    at = 0
    while at < end:
        name = rest[at].split("=")[0]
        width = 2 if rest[at] in GLOBAL_OPTIONS and at + 1 < end else 1
        if name in GLOBAL_OPTIONS or rest[at] in GLOBAL_FLAGS:
            shared += rest[at : at + width]
            del rest[at : at + width]
            end -= width
        else:
            at += 1
    return shared + rest


def _one_line(problem: Exception) -> str:
    if isinstance(problem, CsimpactError):
        text = str(problem)
    elif isinstance(problem, _ClickError):
        said = problem.format_message()  # type: ignore[attr-defined]  # class known at run time
        context = getattr(problem, "ctx", None)
        command = context.command_path if context else "csimpact"
        text = f"{said.rstrip('.').replace('Value error, ', '')}; see `{command} --help`"
    else:
        text = (
            f"{type(problem).__name__}: {problem}; this is a bug of csimpact: run the command "
            "again with --debug and report what it prints"
        )
    return "error: " + " ".join(text.split())


if __name__ == "__main__":
    main()
