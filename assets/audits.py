"""Sheets on which people judge the teacher: drawn from the library's labels, and taken back.

Belongs here: which labels a sheet is drawn from, where its key lies, what is kept of the answers.
Not: the sheet (pipeline/labels/audit_sheet.py), or what the answers say (pipeline/labels/audit.py).

Test queries are on no sheet. A threshold may be chosen by what people say of the pairs they see,
and training follows the threshold: what the gate judges by must not have been looked at. Training
and development queries bring both kinds of candidates.
"""

import polars as pl

from assets.labelled import todays_labels
from assets.library import read_comparable
from pipeline.errors import LabelError
from pipeline.labels.audit_sheet import AuditSheet, draw_sheet, read_sheet, sheet_pairs
from resources.lake import digest_of, read_frame, write_frame
from resources.workspace import Workspace

PAIR = ("query_id", "document_id")


def export_sheet(workspace: Workspace, n: int, *, seed: int) -> AuditSheet:
    """A sheet of at most `n` labelled pairs of today; its key is kept in the data folder.

    Equal labels and seed give the equal sheet, so that two people can judge the same one.

    Raises:
        NotFoundError: no paper has a vector.
        LabelError: nothing is labelled.
    """
    documents = read_comparable(workspace)
    labels = todays_labels(workspace, documents)
    labels = labels.filter(pl.col("split") != "test", pl.col("score").is_not_null())
    if labels.is_empty():
        raise LabelError(
            "expected labelled pairs to draw from, found none of training or development queries: "
            "run `csimpact train`"
        )
    texts = documents.papers.select("paper_id", "title", "abstract")
    drawn = draw_sheet(labels, texts, n, seed=seed)
    write_frame(workspace.data.audits / f"{digest_of(drawn.key)}.parquet", drawn.key)
    return drawn


def import_sheet(workspace: Workspace, content: bytes, *, auditor: str) -> pl.DataFrame:
    """Keep the judgments of a sheet in `label_audit`; returns all that is said of its pairs.

    What an auditor said before of a pair of this sheet is replaced, and withdrawn where it is blank
    now. Others' rows stay.

    Args:
        workspace: that the sheet was exported from.
        content: the file as it came back.
        auditor: who judged, where the sheet's column is blank.

    Raises:
        LabelError: no key fits, nothing is judged, or every problem of the sheet in one line.
    """
    key = _find_key(workspace, sheet_pairs(content))
    given = read_sheet(content, key, audited_on=workspace.today, auditor=auditor)
    if given.is_empty():
        raise LabelError(
            "expected a relevance of 0, 1 or 2 in at least one row, received none; fill the "
            "column in and import again"
        )
    lake, pairs = workspace.lake, key.select(PAIR)
    with workspace.lock("label_audit"):
        held = lake.read("label_audit")
        earlier = held.join(pairs, on=PAIR, how="semi").filter(
            pl.col("auditor").is_in(given["auditor"].implode())
        )
        kept = held.join(earlier, on=["query_id", "document_id", "auditor"], how="anti")
        rows = pl.concat([kept, given]).sort("query_id", "document_id", "auditor")
        lake.write("label_audit", None, rows)
    # Another sheet may have shown others the same pair, as one of another stratum or teacher.
    facts = ["text_input", "teacher_id"]
    return rows.drop("score", "stratum", "weight").join(
        key, on=[*PAIR, *facts], how="inner", maintain_order="left"
    )


def _find_key(workspace: Workspace, pairs: set[tuple[str, str]]) -> pl.DataFrame:
    """The newest key that knows all pairs of a sheet, else the one that knows most of them."""
    found: list[tuple[int, float, pl.DataFrame]] = []
    for path in sorted(workspace.data.audits.glob("*.parquet")):
        if (key := read_frame(path)) is not None:
            shared = len(pairs & set(key.select(PAIR).iter_rows()))
            found.append((shared, path.stat().st_mtime, key))
    best = max(found, key=lambda one: one[:2], default=None)
    if best is None or not best[0]:
        raise LabelError(
            f"expected a sheet exported from this library, received one of which no key lies in "
            f"{workspace.data.audits}; name its data folder by --data"
        )
    return best[2]
