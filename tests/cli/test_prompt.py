"""`csimpact prompt`: what a person sees of the registry, and what is refused."""

import csv
import io
import json

import pytest

from pipeline.cli.main import run
from pipeline.settings import DataDir
from resources.prompt_registry import PromptRegistry
from resources.workspace import open_workspace
from tests.prompts import ENCODER, adaptation, judged, manifest, serve_prompt

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def registry(data_dir: DataDir) -> PromptRegistry:
    return PromptRegistry(data_dir.prompts)


def out_of(capfd: Capture, *arguments: str) -> str:
    assert run(arguments) == 0
    return capfd.readouterr().out


def error_of(capfd: Capture, *arguments: str) -> str:
    assert run(arguments) == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 1
    return told.err


def test_list_before_any_training(registry: PromptRegistry, capfd: Capture) -> None:
    """An empty table tells a newcomer nothing; an empty list is what a script expects."""
    assert "csimpact train" in out_of(capfd, "prompt", "list")
    assert json.loads(out_of(capfd, "prompt", "list", "--format", "json")) == []


def test_list_shows_every_decision(registry: PromptRegistry, capfd: Capture) -> None:
    """Refusals hidden, or the serving prompt not marked."""
    first, refused = judged(registry, 1, promoted=True), judged(registry, 2, promoted=False)
    kept = registry.keep(adaptation(3), manifest())
    assert run(["prompt", "list"]) == 0
    told = capfd.readouterr()
    lines = told.out.splitlines()
    header = next(line for line in lines if "prompt" in line)
    assert header.split() == [
        "prompt",
        "decision",
        "when",
        "who",
        "serves",
        "gain",
        "low",
        "queries",
    ]
    rows = {line.split()[0]: line for line in lines if line.split() and "2026" not in line[:4]}
    assert "refused" in rows[refused]
    assert "-0.020" in rows[refused]
    assert "serves" in rows[first]
    assert "serves" not in rows[refused]
    assert f"{kept} was kept and never judged" in told.err
    listed = json.loads(out_of(capfd, "prompt", "list", "--format", "json"))
    assert [row["prompt_id"] for row in listed] == [refused, first]
    assert [row["serves"] for row in listed] == [False, True]
    assert listed[0]["reason"] == "Not shown to be better than plain."
    text = out_of(capfd, "prompt", "list", "--format", "csv")
    assert len(list(csv.DictReader(io.StringIO(text, newline="")))) == 2


def test_show_has_every_number_and_reason(registry: PromptRegistry, capfd: Capture) -> None:
    """ "Why was it refused?" is the question the command exists for."""
    refused = judged(registry, 1, promoted=False)
    shown = out_of(capfd, "prompt", "show", refused[:5])
    for words in (
        f"{refused}, which does not serve", ENCODER, "by hand", "refused by gate",
        "nDCG@10 0.5800 on 1,350 test queries", "look 1", "“papers on:”", "-0.020", "-0.030",
        "vision", "Not shown to be better than plain.", "teacher check", "difference",
    ):  # fmt: skip
        assert words in shown, words
    told = json.loads(out_of(capfd, "prompt", "show", refused, "--format", "json"))
    assert told["manifest"]["prompt_id"] == refused
    assert told["decisions"][0]["verdict"]["overall"][1]["rival"] == "“papers on:”"
    text = out_of(capfd, "prompt", "show", refused, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [(row["domain"], row["rival"]) for row in rows] == [
        ("all", "plain"), ("all", "“papers on:”"), ("vision", "plain"),
    ]  # fmt: skip
    kept = registry.keep(adaptation(3), manifest())
    assert "Never judged" in out_of(capfd, "prompt", "show", kept)
    assert len(out_of(capfd, "prompt", "show", kept, "--format", "csv").splitlines()) == 1


def test_promote_and_roll_back(
    library_env: DataDir, data_dir: DataDir, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    """The journal must say who did it and why; the next search must follow."""
    monkeypatch.setenv("CSIMPACT_DATA", str(data_dir.root))
    data_dir.models.symlink_to(library_env.models)
    first, second = (serve_prompt(open_workspace(), seed) for seed in (1, 2))
    told = out_of(capfd, "prompt", "rollback", "--reason", "harms our queries")
    assert f"{second} is rolled back; prompt {first} serves" in told
    assert f"prompt {second} serves" in out_of(capfd, "prompt", "promote", second[:6])
    assert f"read with prompt {second}" in out_of(capfd, "status")
    assert json.loads(out_of(capfd, "status", "--format", "json"))["prompt"] == second
    out_of(capfd, "prompt", "rollback")
    assert "queries are plain" in out_of(capfd, "prompt", "rollback")
    assert "plain already" in error_of(capfd, "prompt", "rollback")
    decisions = open_workspace().prompts.decisions()
    assert decisions[2].reasons == ("harms our queries",)
    assert decisions[2].by != "gate"
    assert len(decisions) == 6


def test_what_is_refused_is_one_line(registry: PromptRegistry, capfd: Capture) -> None:
    """A refused prompt must not come to serve by hand; a typo must not end in a traceback."""
    refused = judged(registry, 1, promoted=False)
    assert "refused it: Not shown to be better" in error_of(capfd, "prompt", "promote", refused)
    assert "`csimpact prompt list`" in error_of(capfd, "prompt", "show", "nothing")
    (registry.root / "journal" / "000001.json").unlink()
    (registry.root / "journal" / "000002.json").write_text("{}")
    assert "from a backup" in error_of(capfd, "prompt", "list")


def test_nobody_decides_beside_another(
    registry: PromptRegistry, data_dir: DataDir, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    """A rollback during a verdict is judged against a champion that is no more."""
    monkeypatch.setattr("pipeline.cli.prompt.WAIT_S", 0)
    prompt_id = judged(registry, 1, promoted=True)
    with open_workspace(data_dir).lock("prompts"):
        assert "wait for it to end" in error_of(capfd, "prompt", "promote", prompt_id)
