"""`csimpact audit`: people judge a sample of what the teacher said.

Belongs here: arguments, files, and what a person reads. Not: drawing and taking back (assets/
audits.py), or agreement (pipeline/labels/audit.py).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import InputError

if TYPE_CHECKING:
    import polars as pl

HELP = """Have people judge a sample of the teacher's labels.

A sheet holds pairs of papers from all ranges of the teacher's score, shuffled and without it. Fill
the column `relevance` in any spreadsheet: 2 same problem or method, 1 same area, 0 unrelated; blank
rows are not judged yet. Save as CSV (UTF-8).

Examples:

  csimpact audit export sheet.csv -n 100

  csimpact audit import sheet.csv --auditor AL --precision 0.8
"""

audit = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(audit, name="audit")


@audit.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="a new file")],
    n: Annotated[int, typer.Option("-n", min=1, help="pairs to judge")] = 200,
    seed: Annotated[
        int, typer.Option(min=0, help="another seed, other pairs; the same one, the same sheet")
    ] = 0,
) -> None:
    """Write a sheet of labelled pairs to FILE.csv.

    Equally many pairs from each range of the teacher's score, of training and development queries.
    """
    from assets.audits import export_sheet
    from pipeline.labels.audit_sheet import write_sheet
    from resources.lake import replace_file
    from resources.workspace import open_workspace

    if file.exists():
        raise InputError(f"{file} is there already, and may be filled in: name a new file")
    drawn = export_sheet(open_workspace(), n, seed=seed)
    replace_file(file, write_sheet(drawn.sheet).encode("utf-8-sig"))
    print(
        f"{drawn.sheet.height} pairs in {file}: fill in `relevance` (2 same problem or method, 1 "
        f"same area, 0 unrelated). Next: csimpact audit import {file} --auditor NAME"
    )


@audit.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="a filled sheet")],
    auditor: Annotated[
        str, typer.Option(metavar="NAME", help="who judged, where the sheet's column is blank")
    ] = "",
    precision: Annotated[
        float,
        typer.Option(min=0, max=1, help="share of pairs judged 2 that a threshold must reach"),
    ] = 0.8,
) -> None:
    """Keep the judgments of FILE.csv, and say how far they agree with the teacher.

    What the same auditor said of these pairs before is replaced.
    """
    from assets.audits import import_sheet
    from resources.workspace import open_workspace

    try:
        content = file.read_bytes()
    except OSError as problem:
        raise InputError(f"{file} cannot be read: {problem.strerror or problem}") from problem
    said = import_sheet(open_workspace(), content, auditor=auditor)
    _print_agreement(said, precision)


def _print_agreement(said: "pl.DataFrame", precision: float) -> None:
    import polars as pl

    from pipeline.cli.output import print_frame
    from pipeline.labels.audit import agreement, auditor_agreement, rank_agreement, rethreshold

    people = ", ".join(sorted(said["auditor"].unique()))
    print(f"{said.select('query_id', 'document_id').n_unique()} pairs judged by {people}")
    print("share of pairs judged 1 or 2, by range of the teacher's score, with 95% intervals:")
    print_frame(
        agreement(said).with_columns(pl.col("stratum").cast(pl.String).fill_null("all")), "table"
    )
    ranks = rank_agreement(said)
    print(
        f"order: AUC {ranks.auc:.3f} over all labelled pairs, tau {ranks.tau:.3f} over those judged"
    )
    people_agree = auditor_agreement(said)
    if people_agree.height:
        print("auditors with each other (Cohen's kappa):")
        print_frame(people_agree, "table")
    found = rethreshold(said, precision=precision)
    start = "threshold" if found.score is None else f"threshold {found.score:.4g}"
    print(f"{start} for pairs judged 2: {found.reason}")
