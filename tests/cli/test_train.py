"""`csimpact train`: its price, its words, and what is refused; trainings are tested elsewhere."""

import polars as pl
import pytest

from assets.pricing import quote_labels
from pipeline.cli.main import run
from pipeline.labels.labelling_rule import LabellingRule
from pipeline.run_job import RunReport
from pipeline.settings import DataDir
from pipeline.train import TrainReport
from pipeline.training.presets import PRESETS
from resources.workspace import Workspace, open_workspace
from tests.cli.conftest import QUERIES
from tests.prompts import judged

Capture = pytest.CaptureFixture[str]


def test_the_help_names_every_preset(capfd: Capture) -> None:
    """The list in the help is written by hand, lest it import what is heavy."""
    assert run(["train", "--help"]) == 0
    shown = capfd.readouterr().out
    assert all(f"    {name} " in shown for name in PRESETS)


def test_the_price_before_any_pair_is_mined(library_env: DataDir, capfd: Capture) -> None:
    """A dry run that mines, writes, or says nothing of what it will take."""
    before = sorted(library_env.lake.rglob("*"))
    assert run(["train", "--dry-run", "--queries", "20"]) == 0
    told = capfd.readouterr().out
    for words in (
        "late-interaction/tiny", "title+abstract", "minutes", "none are mined yet",
        "preset minilm", "own_vector by corpus_kl", "3 development queries", "9 test queries",
    ):  # fmt: skip
        assert words in told, words
    assert sorted(library_env.lake.rglob("*")) == before


def test_only_what_is_not_labelled_is_priced(labelled: DataDir) -> None:
    """Labels paid before are priced again, or those of the other input are taken for paid."""
    workspace = open_workspace(labelled)
    workspace.labelling = LabellingRule(queries=QUERIES)
    quote = quote_labels(workspace)
    prices = {row["text_input"]: row for row in quote.table.iter_rows(named=True)}
    pairs = workspace.lake.read_all("title_pairs")
    assert quote.mined
    assert prices["title+abstract"]["pairs"] == prices["title+abstract"]["minutes"] == 0
    assert 0 < prices["title"]["pairs"] <= pairs.height
    assert 0 < prices["title"]["minutes"] < 1
    assert prices["title"]["tokens"] > 0
    workspace.labelling = LabellingRule(queries=QUERIES + 1)
    assert not quote_labels(workspace).mined


def test_late_interaction_is_priced_by_hand(labelled: DataDir) -> None:
    """Every text once with its two special tokens, whatever the number of its pairs."""
    workspace = open_workspace(labelled)
    workspace.labelling = LabellingRule(queries=QUERIES)
    (row,) = quote_labels(workspace).table.filter(text_input="title").to_dicts()
    pairs = workspace.lake.read_all("title_pairs")
    papers = workspace.lake.read_all("papers")
    wanted = pl.concat([pairs["query_id"], pairs["document_id"]]).implode()
    titles = papers.filter(pl.col("paper_id").is_in(wanted))["title"].unique().to_list()
    assert row["unique_texts"] == len(titles)
    assert row["tokens"] == sum(len(ids) for ids in workspace.encoder.tokenise(titles))


@pytest.mark.parametrize(
    ("variable", "arguments", "words"),
    [
        ("", ["--preset", "nonsense"], "expected a preset of minilm, qwen3-bpr"),
        ("minilm", ["--preset", "qwen3-bpr"], "CSIMPACT_PROFILE says minilm"),
        ("", ["--queries", "0"], "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_trained_is_one_line(
    library_env: DataDir,
    monkeypatch: pytest.MonkeyPatch,
    capfd: Capture,
    variable: str,
    arguments: list[str],
    words: str,
) -> None:
    """An evening of labelling under another profile than the preset is made for."""
    monkeypatch.setenv("CSIMPACT_PROFILE", variable)
    assert run(["train", *arguments]) == 2
    line = capfd.readouterr().err
    assert words in line
    assert line.count("\n") == 1


@pytest.mark.parametrize("promoted", [True, False])
def test_the_report_says_what_serves(
    data_dir: DataDir, monkeypatch: pytest.MonkeyPatch, capfd: Capture, *, promoted: bool
) -> None:
    """A refusal that reads as success, or a verdict without its reasons."""
    seen: list[tuple[int, str]] = []

    def train(workspace: Workspace, preset: str = "") -> TrainReport:
        seen.append((workspace.labelling.queries, preset))
        judged(workspace.prompts, 1, promoted=promoted, encoder_id=workspace.encoder_id)
        run = RunReport("run1", {"pair_labels": {"pairs_scored": 1234.0}})
        return TrainReport(workspace.prompts.decisions()[-1], run)

    monkeypatch.setattr("pipeline.train.train", train)
    assert run(["train", "--queries", "500"]) == 0
    told = capfd.readouterr().out
    assert seen == [(500, "minilm")]
    assert "1,234 pairs labelled" in told
    assert "teacher check" in told
    assert ("Better than plain." if promoted else "Not shown to be better") in told
    (prompt_id,) = {d.prompt_id for d in open_workspace().prompts.decisions()}
    assert f"now: {f'prompt {prompt_id}' if promoted else 'plain queries'}" in told
    assert "Run run1" in told
