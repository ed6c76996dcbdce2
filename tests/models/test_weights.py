"""Reading weights: shards, and each way in which a folder can be incomplete."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pipeline.errors import ModelError
from pipeline.models.weights import read_rows, read_weights


def write_shards(folder: Path) -> None:
    save_file({"a": torch.ones(2, 3)}, folder / "one.safetensors")
    save_file({"b": torch.arange(6.0).view(3, 2)}, folder / "two.safetensors")
    index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_shards_are_one_model(tmp_path: Path) -> None:
    """The larger models come in pieces only."""
    write_shards(tmp_path)
    weights = read_weights(tmp_path, dtype=torch.bfloat16, skip=("missing",))
    assert {n: w.dtype for n, w in weights.items()} == {"a": torch.bfloat16, "b": torch.bfloat16}
    assert set(read_weights(tmp_path, dtype=torch.float32, skip=("a",))) == {"b"}


def test_rows_are_read_without_the_matrix(tmp_path: Path) -> None:
    """A head of 151,000 rows is not loaded for two of them; the first name there is counts."""
    write_shards(tmp_path)
    assert read_rows(tmp_path, ("head", "b"), [2, 0]).tolist() == [[4, 5], [0, 1]]
    with pytest.raises(ModelError, match="expected one of head"):
        read_rows(tmp_path, ("head",), [0])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("shard", r"received all but two\.safetensors"),
        ("outside", r"received all but \.\./one\.safetensors"),
        ("index", "readable weights"),
        ("cut", "readable weights"),
        ("pickle", r"received pytorch_model\.bin; use a model published as safetensors"),
        ("empty", "received neither; fetch"),
    ],
)
def test_incomplete_folders_are_named(tmp_path: Path, damage: str, message: str) -> None:
    """An interrupted download must end in one line that says which file to fetch."""
    folder = tmp_path / "model"
    folder.mkdir()
    write_shards(folder)
    index = folder / "model.safetensors.index.json"
    if damage == "shard":
        (folder / "two.safetensors").unlink()
    elif damage == "outside":
        (folder / "one.safetensors").rename(tmp_path / "one.safetensors")
        index.write_text(index.read_text().replace('"one.', '"../one.'))
    elif damage == "index":
        index.write_text(index.read_text()[:20])
    elif damage == "cut":
        (folder / "two.safetensors").write_bytes((folder / "two.safetensors").read_bytes()[:-9])
    else:
        for path in folder.iterdir():
            path.unlink()
        if damage == "pickle":
            (folder / "pytorch_model.bin").write_bytes(b"not read")
    with pytest.raises(ModelError, match=message) as caught:
        read_weights(folder, dtype=torch.float32)
    assert "\n" not in str(caught.value)
