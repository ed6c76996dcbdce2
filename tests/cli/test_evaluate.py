"""`csimpact evaluate`: benchmarks, the teacher's queries, classifications, and how they fail."""

import csv
import io
import json
from pathlib import Path

import polars as pl
import pytest

from assets.labelled import read_all_benchmarks
from pipeline.cli.main import run
from pipeline.settings import DataDir
from pipeline.tables import RETRIEVAL_QUALITY
from resources.workspace import open_workspace
from tests.prompts import serve_prompt

Capture = pytest.CaptureFixture[str]
WORDS = ("graph", "image", "speech", "robot")


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    """Four queries, each with one document of its word."""
    folder = tmp_path / "toy"
    (folder / "qrels").mkdir(parents=True)
    for name, rows in {
        "corpus.jsonl": [
            {"_id": f"d{i}", "title": w, "text": f"about {w}"} for i, w in enumerate(WORDS)
        ],
        "queries.jsonl": [{"_id": f"q{i}", "text": w} for i, w in enumerate(WORDS)],
    }.items():
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    judged = "".join(f"q{i}\td{i}\t1\n" for i in range(4))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    return folder


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    folder = tmp_path / "topics"
    folder.mkdir()
    rows = [{"text": f"{w} {i}", "label": w} for w in WORDS[:2] for i in range(8)]
    for split in ("train", "test"):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def table_of(capfd: Capture, *arguments: str) -> list[dict[str, str]]:
    assert run(["evaluate", *arguments, "--format", "csv"]) == 0
    return list(csv.DictReader(io.StringIO(capfd.readouterr().out, newline="")))


def test_a_benchmark_has_a_line_per_system_and_measure(
    library_env: DataDir, beir: Path, classes: Path, tmp_path: Path, capfd: Capture
) -> None:
    """A system left out, intervals missing, classifications read as retrieval, an empty picture."""
    plot = tmp_path / "quality.png"
    rows = table_of(
        capfd, str(beir), str(classes), "--rerank", "3", "--encoder", "tiny", "--plot", str(plot)
    )
    assert list(rows[0]) == RETRIEVAL_QUALITY.schema.names()
    toy = {(r["system"], r["measure"]): r for r in rows if r["benchmark"] == "toy"}
    instructions = open_workspace().profile.instructions
    systems = {system for system, _ in toy}
    assert {"plain", "tiny", *(f"“{i}”" for i in instructions if i)} <= systems
    (reranked,) = (system for system in systems if " + " in system)
    assert reranked.startswith("plain + late-interaction")
    assert {m for _, m in toy} == {"nDCG@10", "R@100", "RR@10"}
    assert all(float(r["low"]) <= float(r["value"]) <= float(r["high"]) for r in toy.values())
    assert toy["plain", "nDCG@10"]["value"] == toy["tiny", "nDCG@10"]["value"]
    assert {(r["system"], r["measure"]) for r in rows if r["benchmark"] == "topics"} == {
        ("tiny", "accuracy")
    }
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_what_the_data_folder_has(
    labelled: DataDir, beir: Path, classes: Path, capfd: Capture
) -> None:
    """Without PATH: all that lies there, and the teacher's test queries, champion included.

    A classification beside them was read as a retrieval benchmark, and stopped training too.
    """
    labelled.benchmarks.mkdir()
    (labelled.benchmarks / ".hidden").touch()
    beir.rename(labelled.benchmarks / "toy")
    classes.rename(labelled.benchmarks / "topics")
    assert [b.name for b in read_all_benchmarks(open_workspace(labelled))] == ["toy"]
    prompt_id = serve_prompt(open_workspace(labelled))
    rows = table_of(capfd)
    assert {r["benchmark"] for r in rows} == {"teacher test", "toy", "topics"}
    assert {r["domain"] for r in rows} == {"all"}
    assert f"prompt {prompt_id}" in {r["system"] for r in rows}
    assert any(r["measure"] == "tau" for r in rows if r["benchmark"] == "teacher test")
    assert not (labelled.lake / "retrieval_quality").exists()


def test_domains_are_shown_when_asked_for(
    library_env: DataDir, tmp_path: Path, capfd: Capture
) -> None:
    """Ten domains for each system bury the line that matters; progress in a piped table."""
    folder = tmp_path / "litsearch"
    papers = {"corpusid": range(4), "title": WORDS, "abstract": WORDS}
    asked = {"query_set": ["own", "own", "others", "others"], "query": WORDS,
             "corpusids": [[i] for i in range(4)]}  # fmt: skip
    for name, rows in {"corpus_clean": papers, "query": asked}.items():
        (folder / name).mkdir(parents=True)
        pl.DataFrame(rows).write_parquet(folder / name / "full-00000-of-00001.parquet")
    assert {r["domain"] for r in table_of(capfd, str(folder))} == {"all"}
    parts = table_of(capfd, str(folder), "--domains")
    assert {r["domain"] for r in parts} == {"all", "own", "others"}
    for shown, arguments in ((True, ["--domains"]), (False, [])):
        assert run(["evaluate", str(folder), *arguments]) == 0
        told = capfd.readouterr()
        assert ("domain" in told.out) == shown
        assert "evaluating litsearch" in told.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to evaluate"),
        (["/no/such/folder"], "no such file or folder"),
        (["{folder}"], "expected one of the layouts"),
        (["{beir}", "--rerank", "101"], "less than or equal to 100"),
        (["{beir}", "--encoder", "nonsense"], "expected weights of 'nonsense'"),
        (["{beir}", "--plot", "quality.pdf"], "expected a .png file"),
        (["{beir}", "--plot", "/no/such/folder/quality.png"], "expected a folder that exists"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(
    library_env: DataDir, beir: Path, capfd: Capture, arguments: list[str], words: str
) -> None:
    """An hour of encoding that ends in a typo of the file to draw."""
    given = [a.format(folder=beir / "qrels", beir=beir) for a in arguments]
    assert run(["evaluate", *given]) == 2
    line = capfd.readouterr().err.splitlines()[-1]
    assert line.startswith("error: ")
    assert words in line
