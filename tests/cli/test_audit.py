"""`csimpact audit`: a sheet through a spreadsheet and back, and what is kept of it."""

import csv
import io
from pathlib import Path

import polars as pl
import pytest

from pipeline.cli.main import run
from pipeline.settings import DataDir
from pipeline.tables import LABEL_AUDIT, violations
from resources.lake import Lake
from tests.conftest import NASTY_TITLES

Capture = pytest.CaptureFixture[str]
Rows = list[dict[str, str]]


def exported(file: Path, n: int = 60, seed: int = 0) -> Rows:
    assert run(["audit", "export", str(file), "-n", str(n), "--seed", str(seed)]) == 0
    text = file.read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def saved(file: Path, rows: Rows, *, delimiter: str = ";") -> Path:
    """As a spreadsheet of another country saves it: quotes where needed, no byte order mark."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    file.write_bytes(out.getvalue().encode())
    return file


def filled(rows: Rows, auditor: str = "") -> Rows:
    return [row | {"relevance": str(i % 3), "auditor": auditor} for i, row in enumerate(rows)]


def kept(data: DataDir) -> pl.DataFrame:
    return Lake(data.lake).read("label_audit")


def error_of(capfd: Capture, *arguments: str) -> str:
    capfd.readouterr()
    assert run(["audit", *arguments]) == 2
    line = capfd.readouterr().err
    assert line.startswith("error: ")
    assert line.count("\n") == 1
    return line


def test_a_sheet_goes_out_and_comes_back(labelled: DataDir, tmp_path: Path, capfd: Capture) -> None:
    """Quotes, right-to-left and four-byte titles, formulas: rows lost or joined to other pairs."""
    rows = exported(tmp_path / "sheet.csv", 400)
    titles = {row["query_title"] for row in rows} | {row["document_title"] for row in rows}
    for title in NASTY_TITLES:
        assert {title, "'" + title} & titles, title
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    lake = Lake(labelled.lake)
    test = lake.read_all("title_pairs").filter(split="test")
    held_out = set(test.select("query_id", "document_id").iter_rows())
    assert held_out
    assert not held_out & {(row["query_id"], row["document_id"]) for row in rows}
    capfd.readouterr()
    file = saved(tmp_path / "renamed.csv", filled(rows))
    assert run(["audit", "import", str(file), "--auditor", "AL"]) == 0
    told = capfd.readouterr().out
    for words in (f"{len(rows)} pairs judged by AL", "AUC", "tau", "threshold", "precision", "low"):
        assert words in told, words
    audit = kept(labelled)
    assert violations(LABEL_AUDIT, audit) == []
    assert audit.height == len(rows)
    scores = lake.read_all("pair_labels").select("query_id", "document_id", true="score")
    both = audit.join(scores, on=["query_id", "document_id"])
    assert both.height > 0
    assert both["score"].equals(both["true"].rename("score"))
    given = {(r["query_id"], r["document_id"]): int(r["relevance"]) for r in filled(rows)}
    pairs = audit.select("query_id", "document_id").rows()
    assert dict(zip(pairs, audit["relevance"], strict=True)) == given


def test_a_second_import_replaces_that_auditor_only(
    labelled: DataDir, tmp_path: Path, capfd: Capture
) -> None:
    """A correction kept beside what it corrects; the other auditor's rows gone with it."""
    rows, other = exported(tmp_path / "a.csv", 30), exported(tmp_path / "b.csv", 30, seed=1)
    for name, sheet in (("AL", rows), ("BB", rows), ("AL", other)):
        file = saved(tmp_path / "filled.csv", filled(sheet, name), delimiter=",")
        assert run(["audit", "import", str(file)]) == 0
    assert "kappa" not in capfd.readouterr().out.splitlines()[-1]
    before = kept(labelled)
    changed = [row | {"relevance": "2"} for row in filled(rows, "AL")[:10]]
    assert run(["audit", "import", str(saved(tmp_path / "filled.csv", changed))]) == 0
    assert "kappa" in capfd.readouterr().out
    after = kept(labelled)
    pairs = {(row["query_id"], row["document_id"]) for row in rows}
    mine = after.filter(
        pl.struct("query_id", "document_id").is_in(
            [{"query_id": q, "document_id": d} for q, d in pairs]
        ),
        auditor="AL",
    )
    assert mine.height == 10
    assert set(mine["relevance"]) == {2}
    assert after.filter(auditor="BB").equals(before.filter(auditor="BB"))
    away = {(row["query_id"], row["document_id"]) for row in other} - pairs
    assert after.filter(auditor="AL").height == 10 + len(away)


def test_what_cannot_be_audited_is_one_line(
    labelled: DataDir, tmp_path: Path, capfd: Capture
) -> None:
    """A filled sheet overwritten by an export; every way a sheet may come back."""
    sheet = tmp_path / "sheet.csv"
    rows = exported(sheet, 30)
    before = sheet.read_bytes()
    assert "name a new file" in error_of(capfd, "export", str(sheet))
    assert sheet.read_bytes() == before
    assert "none; fill the column" in error_of(capfd, "import", str(sheet), "--auditor", "AL")
    bad = tmp_path / "bad.csv"
    saved(bad, [row | {"relevance": "yes"} for row in rows])
    assert "relevance 'yes', not 0, 1 or 2" in error_of(capfd, "import", str(bad), "--auditor", "A")
    saved(bad, filled(rows))
    assert "no auditor" in error_of(capfd, "import", str(bad))
    saved(bad, [row | {"query_id": "px"} for row in filled(rows[:5], "A")] + filled(rows[5:], "A"))
    assert "5 problems: row 2: unknown pair 'px'" in error_of(capfd, "import", str(bad))
    saved(bad, [row | {"query_id": "px"} for row in filled(rows, "A")])
    assert "no key lies in" in error_of(capfd, "import", str(bad))
    bad.write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in error_of(capfd, "import", str(bad))
    assert "cannot be read" in error_of(capfd, "import", str(tmp_path / "absent.csv"))
    assert kept(labelled).height == 0


def test_nothing_labelled_is_said(library_env: DataDir, tmp_path: Path, capfd: Capture) -> None:
    """The first try of a newcomer."""
    assert "csimpact train" in error_of(capfd, "export", str(tmp_path / "sheet.csv"))
    assert not (tmp_path / "sheet.csv").exists()
