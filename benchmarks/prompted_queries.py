"""What a soft prompt costs: per query served, and per batch trained.

    python -m benchmarks.prompted_queries [--models DIR] [--threads N]

Served on one thread, as search does, at batch 1 and 64: the prompted against the plain query, on
all-MiniLM-L6-v2 and on a decoder of Qwen3's shape with random weights. Trained: forward and
backward of 64 queries. Milliseconds are of CPU time, over all threads. Targets: at most 2× on the
bidirectional encoder, 1.1× on the decoder.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.machine import machine_line
from pipeline.models import tiny_qwen3
from pipeline.models.adaptation import Adaptation
from pipeline.models.bi_encoder import MeanPooledEncoder, fastest_dtype
from pipeline.models.prompted import PromptedEncoder
from pipeline.models.query_tower import QueryTower, TowerEncoder
from pipeline.models.qwen3_encoder import Qwen3Encoder
from resources.model_hub import find_model

TOKENS = 16
WORDS = ["graph", "learning", "retrieval", "language", "model", "neural", "network", "papers"]
DECODER = {"HIDDEN": 512, "LAYERS": 8, "HEADS": 8, "KEY_VALUE_HEADS": 4, "HEAD": 64, "INNER": 1536}


def main() -> None:
    """Prints milliseconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, default=Path("data/models"))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    print(machine_line("torch"), "·", fastest_dtype())
    rng = np.random.default_rng(0)
    titles = [" ".join(rng.choice(WORDS, size=rng.integers(5, 13))) for _ in range(64)]
    minilm = MeanPooledEncoder.load(find_model("all-MiniLM-L6-v2", given.models), "minilm")
    with tempfile.TemporaryDirectory() as folder:
        decoder = write_decoder(Path(folder))
    for name, encoder in (("MiniLM", minilm), ("decoder", decoder)):
        serve(name, encoder, titles, rng)
    torch.set_num_threads(given.threads)
    train(minilm, titles, rng)


def serve(name: str, encoder: TowerEncoder, titles: list[str], rng: np.random.Generator) -> None:
    torch.set_num_threads(1)
    tower = QueryTower(encoder)
    prompt = tower.random_prompt(TOKENS, rng=rng)
    gate = torch.ones(tower.num_layers)
    kinds = {
        "plain": encoder,
        "prompt": PromptedEncoder(encoder, Adaptation(prompt=prompt)),
        "gated prompt": PromptedEncoder(encoder, Adaptation(prompt=prompt, gate=gate)),
    }
    for texts in (titles[:1], titles):
        seconds = best([partial(e.encode_queries, texts) for e in kinds.values()], rounds=10)
        for kind, taken in zip(kinds, seconds, strict=True):
            ratio = f"{taken / seconds[0]:.2f}×"
            print(f"{name:8} batch {len(texts):2} {kind:13} {taken * 1e3:7.1f} ms {ratio}")


def train(encoder: MeanPooledEncoder, titles: list[str], rng: np.random.Generator) -> None:
    tower = QueryTower(encoder)
    batch, target = tower.tokenise(titles), torch.randn(64, tower.dim)
    prompt = tower.random_prompt(TOKENS, rng=rng).requires_grad_()
    gate = torch.full((tower.num_layers,), 0.1, requires_grad=True)
    kinds = {"prompt": Adaptation(prompt=prompt), "gated": Adaptation(prompt=prompt, gate=gate)}

    def step(adaptation: Adaptation) -> None:
        (tower.forward(batch, adaptation) * target).sum().backward()

    seconds = best([partial(step, a) for a in kinds.values()], rounds=5)
    for kind, taken in zip(kinds, seconds, strict=True):
        print(f"MiniLM   train 64 {kind:13} {taken * 1e3:7.1f} ms, forward and backward")


def best(runs: list[Callable[[], object]], *, rounds: int) -> list[float]:
    """Least CPU seconds of each, the runs taking turns so that a busy spell hits all of them."""
    seconds = np.full((rounds, len(runs)), np.inf)
    for row in seconds:
        for i, run in enumerate(runs):
            started = time.process_time()
            run()
            row[i] = time.process_time() - started
    return [float(s) for s in seconds.min(0)]


def write_decoder(folder: Path) -> Qwen3Encoder:
    """A decoder of a 25th of Qwen3-Embedding-0.6B's size: large enough for products to count."""
    for name, value in DECODER.items():
        setattr(tiny_qwen3, name, value)
    tiny_qwen3.write_tiny_qwen3(folder, seed=0)
    assert json.loads((folder / "config.json").read_text())["hidden_size"] == DECODER["HIDDEN"]
    return Qwen3Encoder.load(folder, "decoder", device="cpu")


if __name__ == "__main__":
    main()
