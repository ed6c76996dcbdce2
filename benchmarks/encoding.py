"""Document encoding: ours against sentence-transformers' `encode`, same texts, same run.

    python -m benchmarks.encoding [FOLDER_OF_DUMPS] [--texts 512] [--rounds 3]

FOLDER_OF_DUMPS holds Paper Copilot lists (`**/*.json.gz`); without it texts are synthetic.
Both cut texts at 128 tokens. Rounds alternate, so that a busy machine slows both; the best round
of each counts. The peer runs at its default batch size and at others, the best of which is its
best. The bare products of the layers' shapes give the floor: nothing that multiplies by the same
matrices can be faster.
"""

import argparse
import gzip
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import torch
from sentence_transformers import SentenceTransformer

from benchmarks.machine import machine_line
from pipeline.corpus.text import document_text
from pipeline.models.bi_encoder import MAX_TOKENS, MeanPooledEncoder, fastest_dtype
from pipeline.models.encoding import Vectors
from resources.model_hub import encoder_id, find_model

NAME = "all-MiniLM-L6-v2"
PEER_BATCHES = (32, 8, 128)  # 32 is the peer's default


def real_texts(folder: Path, count: int) -> list[str]:
    """A seeded sample over all lists of the folder."""
    records = [r for f in sorted(folder.rglob("*.json.gz")) for r in _records(f) if r.get("title")]
    sample = random.Random(0).sample(records, min(count, len(records)))
    return [document_text(r["title"], r.get("abstract")) for r in sample]


def synthetic_texts(count: int) -> list[str]:
    """Texts of made-up words, lengths spread like abstracts."""
    rng = random.Random(0)
    words = ["".join(rng.choices("aeioulnrst", k=rng.randint(2, 9))) for _ in range(5000)]
    return [" ".join(rng.choices(words, k=rng.randint(20, 200))) for _ in range(count)]


def _records(path: Path) -> list[dict[str, str]]:
    return orjson.loads(gzip.decompress(path.read_bytes()))


def timed(encode: Callable[[], Vectors]) -> tuple[float, Vectors]:
    started = time.perf_counter()
    vectors = encode()
    return time.perf_counter() - started, vectors


def products_floor(dtype: torch.dtype, tokens: int = 4096) -> tuple[float, float]:
    """(GFLOP/s, tokens/s) of one MiniLM's bare matrix products, attention left out."""
    shapes = [(384, 1152), (384, 384), (384, 1536), (1536, 384)] * 6
    operands = [(torch.randn(tokens, a).to(dtype), torch.randn(b, a).to(dtype)) for a, b in shapes]
    seconds = []
    with torch.inference_mode():
        for _ in range(5):
            started = time.perf_counter()
            for x, weight in operands:
                torch.nn.functional.linear(x, weight)
            seconds.append(time.perf_counter() - started)
    flop = sum(2 * tokens * a * b for a, b in shapes)
    return flop / min(seconds) / 1e9, tokens / min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", type=Path, default=Path("data/models"))
    args = parser.parse_args()

    texts = real_texts(args.folder, args.texts) if args.folder else synthetic_texts(args.texts)
    folder = find_model(NAME, args.models)
    ours = MeanPooledEncoder.load(folder, encoder_id(NAME, args.models))
    peer = SentenceTransformer(str(folder), device="cpu")
    peer.max_seq_length = MAX_TOKENS
    runs: dict[str, Callable[[], Vectors]] = {
        "csimpact": lambda: ours.encode_documents(texts),
        **{
            f"sentence-transformers, batch {b}": lambda b=b: peer.encode(
                texts, batch_size=b, normalize_embeddings=True
            )
            for b in PEER_BATCHES
        },
    }
    ours.encode_documents(texts[:32])
    peer.encode(texts[:32])
    results = [{name: timed(run) for name, run in runs.items()} for _ in range(args.rounds)]
    best = {name: min(r[name][0] for r in results) for name in runs}
    report(texts, ours, best, {name: results[0][name][1] for name in runs})


def report(
    texts: list[str],
    ours: MeanPooledEncoder,
    best: dict[str, float],
    vectors: dict[str, Vectors],
) -> None:
    lengths = np.array([len(t) for t in ours.tokenise(texts)])
    dtype = fastest_dtype()
    gflops, tokens_per_s = products_floor(dtype)
    print(machine_line("torch", "transformers", "sentence-transformers", "tokenizers"))
    print(f"texts     {len(texts)}, mean {lengths.mean():.0f} tokens, limit {MAX_TOKENS}")
    print(f"floor     {gflops:.0f} GFLOP/s in {dtype}, {tokens_per_s / lengths.mean():.0f} texts/s")
    for name, seconds in best.items():
        cosine = (vectors["csimpact"] * vectors[name]).sum(axis=1).min()
        print(
            f"{name:34} {len(texts) / seconds:7.1f} texts/s   csimpact is "
            f"{seconds / best['csimpact']:.2f}x   min cosine to it {cosine:.5f}"
        )


if __name__ == "__main__":
    main()
