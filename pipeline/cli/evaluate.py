"""`csimpact evaluate`: how well queries retrieve, on benchmarks and by the teacher's judgment.

Belongs here: arguments, progress, and which lines are shown. Not: the figures
(assets/evaluation.py, pipeline/retrieval).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import AsFormat, Format
from pipeline.cli.pictures import check_picture, write_picture
from pipeline.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from resources.workspace import Workspace

MAX_DEPTH = 100  # ranks that are looked at

HELP = """How well queries retrieve, with 95% intervals.

On benchmarks, and by the teacher's judgment. PATH is a folder in the layout of BEIR, SciDocs,
SciRepEval, RuSciBench, LitSearch, CACM (or its .tar.gz), query by example, or a classification
task. Without PATH: those in the data folder's benchmarks/, and the labelled test queries, judged by
the teacher.

Compared are plain queries, the profile's instructions, the prompt that serves, and with --rerank
the teacher behind that prompt, or behind plain queries. They differ in the query side only; an
--encoder brings documents of its own. Intervals are each system's own: whether two differ, the
gate tests query by query. Nothing is stored.

Examples:

  csimpact evaluate ~/benchmarks/cacm.tar.gz --rerank 50

  csimpact evaluate ~/benchmarks/scifact --encoder e5-small-v2 --plot scifact.png

  csimpact evaluate --domains --format csv > quality.csv
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("evaluate", help=HELP)(evaluate_)


def evaluate_(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="PATH")] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Another encoder to compare; may be repeated."),
    ] = None,
    rerank: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, max=MAX_DEPTH, help="First documents that the teacher reorders."
        ),
    ] = 0,
    domains: Annotated[bool, typer.Option("--domains", help="Also show each domain.")] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Also draw means and intervals.")
    ] = None,
    as_format: AsFormat = Format.table,
) -> None:
    """How well queries retrieve, with intervals."""
    from pipeline.cli.output import print_frame
    from pipeline.cli.progress import telling
    from resources.workspace import open_workspace

    workspace = open_workspace()
    _check(workspace, paths or [], encoder or [], plot)
    with telling("reading …") as tell:
        workspace.report = tell
        quality = _measured(workspace, paths or [], encoder or [], rerank)
    if not quality.height:
        raise InputError(
            f"nothing to evaluate: name a benchmark, put some into {workspace.data.benchmarks}, or "
            "label queries by `csimpact train`"
        )
    if not domains:
        quality = quality.filter(domain="all")
    if plot:
        from pipeline.report.figures.quality import quality_plot

        write_picture(plot, quality_plot(quality))
    left_out = ["measured_on"] if domains else ["measured_on", "domain"]
    print_frame(quality.drop(left_out) if as_format is Format.table else quality, as_format)


def _check(
    workspace: "Workspace", paths: list[Path], encoders: list[str], plot: Path | None
) -> None:
    """Refuse before anything is encoded what would fail at the end."""
    from resources.model_hub import find_model

    if missing := [str(path) for path in paths if not path.exists()]:
        raise InputError(f"no such file or folder: {', '.join(missing)}")
    if plot:
        check_picture(plot, (".png",))
    for name in encoders:
        find_model(name, workspace.data.models)


def _measured(
    workspace: "Workspace", paths: list[Path], encoders: list[str], rerank: int
) -> "pl.DataFrame":
    import polars as pl

    from assets.evaluation import measure_classifications, measure_quality
    from assets.labelled import read_all_classifications
    from pipeline.retrieval.benchmarks.classification import read_classifications
    from pipeline.retrieval.benchmarks.reading import holds_classifications, read_benchmarks

    if not paths:
        tasks, benchmarks = read_all_classifications(workspace), None
    else:
        tasks = [t for p in paths if holds_classifications(p) for t in read_classifications(p)]
        benchmarks = [b for p in paths if not holds_classifications(p) for b in read_benchmarks(p)]
    quality = measure_quality(workspace, encoders=encoders, benchmarks=benchmarks, rerank=rerank)
    return pl.concat(
        [quality, measure_classifications(workspace, tasks, encoders=encoders)]
        if tasks
        else [quality]
    )
