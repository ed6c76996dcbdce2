"""Serving: the vectors that training saw, documents untouched, shared work done once."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.models.adaptation import Adaptation
from pipeline.models.bi_encoder import MeanPooledEncoder
from pipeline.models.prompted import PromptedEncoder
from pipeline.models.query_tower import QueryTower, TowerEncoder
from pipeline.models.qwen3_encoder import Qwen3Encoder
from pipeline.models.tiny_qwen3 import write_tiny_qwen3

QUERIES = ["Graph neural networks for molecules", "x", "Robot grasping " * 9]
TEXT = "find papers on the same topic as"


@pytest.fixture(scope="module", params=["bert", "qwen3"])
def encoder(
    request: pytest.FixtureRequest,
    tiny: MeanPooledEncoder,
    tmp_path_factory: pytest.TempPathFactory,
) -> TowerEncoder:
    if request.param == "bert":
        return tiny
    folder: Path = tmp_path_factory.mktemp("models") / "qwen3"
    write_tiny_qwen3(folder, seed=0)
    return Qwen3Encoder.load(folder, "qwen3", dtype=torch.float32, device="cpu")


def trained(tower: QueryTower, *, gated: bool) -> Adaptation:
    prompt = tower.random_prompt(6, rng=np.random.default_rng(0)).requires_grad_()
    gate = torch.ones(tower.num_layers, requires_grad=True) if gated else None
    return Adaptation(prompt=prompt, gate=gate)


@pytest.mark.parametrize("gated", [False, True])
def test_serves_the_vectors_that_were_trained(encoder: TowerEncoder, gated: bool) -> None:
    """A prompt judged with one forward pass and served with another was not judged."""
    tower = QueryTower(encoder)
    adaptation = trained(tower, gated=gated)
    expected = tower.forward(tower.tokenise(QUERIES, prompted=not gated), adaptation)
    served = PromptedEncoder(encoder, adaptation).encode_queries(QUERIES)
    np.testing.assert_allclose(served, expected.detach().numpy(), atol=1e-6)
    alone = [PromptedEncoder(encoder, adaptation).encode_queries([q])[0] for q in QUERIES]
    np.testing.assert_allclose(served, np.array(alone), atol=2e-6)


def test_documents_stay_the_frozen_encoders(encoder: TowerEncoder) -> None:
    """Stored vectors are shared by all prompts: one that moved documents would void them."""
    served = PromptedEncoder(encoder, trained(QueryTower(encoder), gated=False))
    assert served.encoder_id == encoder.encoder_id
    assert np.array_equal(served.encode_documents(QUERIES), encoder.encode_documents(QUERIES))


def test_words_before_the_query_reproduce_the_instruction(encoder: TowerEncoder) -> None:
    """Adapters that start from an instruction are served with it, or start from another place."""
    served = PromptedEncoder(encoder, Adaptation(), instruction=TEXT).encode_queries(QUERIES)
    np.testing.assert_allclose(served, encoder.encode_queries(QUERIES, TEXT), atol=1e-6)


def test_later_training_does_not_move_what_serves(encoder: TowerEncoder) -> None:
    """Tensors are shared with an optimiser unless they are copied."""
    adaptation = trained(QueryTower(encoder), gated=False)
    served = PromptedEncoder(encoder, adaptation)
    before = served.encode_queries(QUERIES)
    with torch.no_grad():
        assert adaptation.prompt is not None
        adaptation.prompt.add_(1)
    assert np.array_equal(served.encode_queries(QUERIES), before)
    assert not np.allclose(PromptedEncoder(encoder, adaptation).encode_queries(QUERIES), before)


def test_a_decoder_reads_its_prompt_once(encoder: TowerEncoder) -> None:
    """Prompt tokens in every query's sequence are the cost that the cache is there to save."""
    if not isinstance(encoder, Qwen3Encoder):
        pytest.skip("a bidirectional body reads the prompt with every query")
    served = PromptedEncoder(encoder, trained(QueryTower(encoder), gated=False))
    widths: list[int] = []
    body, run = encoder._body, encoder._body.states

    def watched(words: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        widths.append(words.shape[1])
        return run(words, *args, **kwargs)  # type: ignore[arg-type]

    body.states = watched  # type: ignore[method-assign, assignment]
    try:
        served.encode_queries(["x"])
    finally:
        del body.states  # type: ignore[method-assign]
    assert widths == [len(served.tokenise(["x"])[0])]


def test_a_stored_prompt_goes_to_where_the_encoder_is(tmp_path: Path) -> None:
    """Files are read to the CPU: on a GPU machine the champion would end every search."""
    write_tiny_qwen3(tmp_path, seed=0)
    body = Qwen3Encoder.load(tmp_path, "qwen3", dtype=torch.float32, device="cpu")
    there = Qwen3Encoder.load(tmp_path, "qwen3", dtype=torch.float32, device="meta")
    tower = QueryTower(body)
    prompt = trained(tower, gated=False).prompt
    residual = (torch.zeros(4, tower.dim), torch.zeros(tower.dim, 4))
    adaptation = Adaptation(prompt=prompt, residual=residual)
    served = PromptedEncoder(there, adaptation)  # reads the prompt, on the device or not at all
    vectors = served._tower.read(served.tokenise(QUERIES), served._prepared)
    assert vectors.device.type == "meta"
    assert vectors.shape == (len(QUERIES), tower.dim)
