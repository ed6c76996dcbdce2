"""Labelling: ours against sentence-transformers' `CrossEncoder`, same pairs, same device, same run.

    python -m benchmarks.labelling [FOLDER_OF_DUMPS] [--queries 16] [--documents 16] [--rounds 3]

Cross-encoders are MiniLM-L6-shaped with random weights, cut at 256 tokens. Rounds alternate, so
that a busy machine slows both; the best of each counts. The roofline is the run's operations over
the peak of a large matrix product measured in the same run. Late interaction is timed beside them.
The Qwen3-shaped comparison needs a GPU and is not measured without one.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import transformers
from sentence_transformers import CrossEncoder as Peer

from benchmarks.encoding import real_texts, synthetic_texts
from benchmarks.machine import machine_line
from pipeline.labels.pricing import BodyCost
from pipeline.models.bi_encoder import fastest_dtype
from pipeline.models.cross_encoder import CrossEncoder
from pipeline.models.late_interaction import LateInteraction
from pipeline.models.reranker import PairGroup
from resources.model_hub import find_model

MAX_TOKENS = 256


def write_cross_encoder(encoder: Path, folder: Path) -> dict[str, object]:
    """A random cross-encoder of the encoder's shape and tokeniser; its config."""
    torch.manual_seed(0)
    config = transformers.BertConfig.from_pretrained(encoder, num_labels=1)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(encoder / "tokenizer.json"),
        pad_token="[PAD]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    ).save_pretrained(folder)
    return config.to_dict()


def peak(device: str, dtype: torch.dtype, size: int = 2048) -> float:
    """FLOP/s of a square matrix product."""
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(6):
        started = time.perf_counter()
        (a @ b)[0, 0].item()  # waits for the device
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / min(seconds)


def best_of(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of the best round of each; rounds alternate, the first is a warm-up."""
    best = dict.fromkeys(runs, float("inf"))
    for turn in range(rounds + 1):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            if turn:
                best[name] = min(best[name], time.perf_counter() - started)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--queries", type=int, default=16)
    parser.add_argument("--documents", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", type=Path, default=Path("data/models"))
    args = parser.parse_args()
    torch.set_grad_enabled(False)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    count = args.queries * args.documents
    texts = real_texts(args.folder, count) if args.folder else synthetic_texts(count)
    encoder = find_model("all-MiniLM-L6-v2", args.models)
    print(machine_line("torch", "transformers", "sentence-transformers", "tokenizers"))
    with tempfile.TemporaryDirectory() as name:
        config = write_cross_encoder(encoder, Path(name))
        for text_input in ("title", "title+abstract"):
            seen = [t.split("\n")[0][:200] for t in texts] if text_input == "title" else texts
            rng = random.Random(0)
            groups = [PairGroup(q, rng.sample(seen, args.documents)) for q in seen[: args.queries]]
            compare(text_input, groups, Path(name), encoder, config, device, args.rounds)
    if device == "cpu":
        print("Qwen3-0.6B-shaped reranker on a GPU: not measured (no GPU here)")


def compare(
    text_input: str,
    groups: list[PairGroup],
    folder: Path,
    encoder: Path,
    config: dict[str, object],
    device: str,
    rounds: int,
) -> None:
    fast = fastest_dtype() if device == "cpu" else torch.bfloat16
    pairs = [(g.query, d) for g in groups for d in g.documents]
    runs: dict[str, Callable[[], object]] = {}
    for dtype in dict.fromkeys((fast, torch.float32)):
        ours = CrossEncoder.load(
            folder, "random", revision="", max_tokens=MAX_TOKENS, dtype=dtype, device=device
        )
        peer = Peer(
            str(folder),
            device=device,
            max_length=MAX_TOKENS,
            activation_fn=torch.nn.Identity(),
            model_kwargs={"dtype": dtype},
        )
        runs[f"csimpact, {dtype}"] = lambda m=ours: list(m.score_groups(groups))
        runs[f"sentence-transformers, {dtype}"] = lambda m=peer: m.predict(pairs)
    # A store of nothing: every round encodes its texts anew.
    late = LateInteraction.load(encoder, "minilm", revision="", store_bytes=0)
    runs["late interaction"] = lambda: list(late.score_groups(groups))
    best = best_of(runs, rounds)
    lengths = np.array([len(p.ids) for p in ours._tokens.tokenise(groups)], dtype=np.float64)
    body = BodyCost.of(config)
    flop = lengths.sum() * body.per_token + (lengths**2).sum() * body.per_attended
    print(f"\n{text_input}: {len(pairs)} pairs, mean {lengths.mean():.0f} tokens, on {device}")
    fastest = best[f"csimpact, {fast}"]
    for name, seconds in best.items():
        dtype = torch.bfloat16 if "bfloat16" in name else torch.float32
        share = "" if name.startswith("late") else f"{flop / seconds / peak(device, dtype):7.0%}"
        print(
            f"{name:40} {len(pairs) / seconds:8.1f} pairs/s   csimpact in {fast} is "
            f"{seconds / fastest:5.2f}x   of roofline {share or 'other operations'}"
        )


if __name__ == "__main__":
    main()
