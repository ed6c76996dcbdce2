"""Labelling: ours against sentence-transformers' `CrossEncoder`, same pairs, same device, same run.

    python -m benchmarks.labelling [FOLDER_OF_DUMPS] [--queries 12] [--documents 16] [--rounds 2]

FOLDER_OF_DUMPS holds Paper Copilot lists (`**/*.json.gz`); without it texts are invented.
Cross-encoders have all-MiniLM-L6-v2's shape, decoders that of Qwen3-Reranker-0.6B: 28 layers on a
GPU, 4 of the same width on a CPU. Weights are random. The peer runs in its default number format
and in ours. Rounds alternate, so that a busy machine slows both; the best of each counts.

A system's share of the roofline is what it computes per second, padding and its own repetitions
not counted as work, over the rate of a large matrix product measured in the same run. A decoder
of ours reads a query once for its group; the peer reads every pair whole.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
import transformers

from benchmarks.encoding import real_texts, synthetic_texts
from benchmarks.machine import machine_line
from benchmarks.qwen3_models import SIZES, load_peer, whole_pairs, write_decoder
from pipeline.labels.pricing import BodyCost, Teacher, price_labels
from pipeline.models.bi_encoder import fastest_dtype
from pipeline.models.cross_encoder import CrossEncoder
from pipeline.models.late_interaction import LateInteraction
from pipeline.models.qwen3_reranker import Qwen3Reranker
from pipeline.models.reranker import PairGroup, Reranker
from resources.model_hub import find_model

MAX_TOKENS, DECODER_TOKENS = 256, 1024
CPU_LAYERS, CPU_DECODER, GPU_DECODER = 4, (2, 32), (64, 64)  # the last two: queries, documents


@dataclass(frozen=True)
class System:
    """Something to time: its run, its number format, operations of a run, whether it is a peer."""

    run: Callable[[], object]
    dtype: torch.dtype
    flop: float
    peer: bool = False


def main() -> None:
    """Prints a table for each kind of teacher and input."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--queries", type=int, default=12)
    parser.add_argument("--documents", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--models", type=Path, default=Path("data/models"))
    args = parser.parse_args()
    torch.set_grad_enabled(False)
    transformers.utils.logging.disable_progress_bar()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = GPU_DECODER if device == "cuda" else CPU_DECODER
    texts = read_texts(args.folder, max(args.queries * args.documents, size[0] * 4, size[1]))
    titles = titles_of(texts)
    encoder = find_model("all-MiniLM-L6-v2", args.models)
    print(machine_line("torch", "transformers", "sentence-transformers", "tokenizers"))
    for text_input, seen in {"title": titles, "title+abstract": texts}.items():
        groups = groups_of(seen, args.queries, args.documents)
        print(f"\n{text_input}: {args.queries} queries x {args.documents} documents, on {device}")
        report(cross_encoders(groups, encoder, device), groups, args.rounds, device)
        report(late_interaction(groups, encoder), groups, args.rounds, "cpu")
    layers = SIZES["num_hidden_layers"] if device == "cuda" else CPU_LAYERS
    print(f"\ntitle: {size[0]} queries x {size[1]} documents, Qwen3-0.6B-shaped decoder of", end="")
    print(f" {layers} layers, on {device}")
    groups = groups_of(titles, *size)
    report(decoders(groups, titles, layers, device), groups, args.rounds, device)
    if device == "cpu":
        print("Qwen3-0.6B-shaped decoder of 28 layers on a GPU: not measured: no CUDA device")


def read_texts(folder: Path | None, count: int) -> list[str]:
    """`count` texts, real ones where there is a folder."""
    texts = real_texts(folder, count) if folder else synthetic_texts(count)
    if len(texts) < count:
        raise SystemExit(
            f"expected lists (**/*.json.gz) with {count} titles in {folder}, received {len(texts)};"
            " name another folder, or none for invented texts"
        )
    return texts


def titles_of(texts: Sequence[str]) -> list[str]:
    """First lines; of texts that are one line, six to fourteen words."""
    rng = random.Random(0)
    return [
        t.split("\n")[0] if "\n" in t else " ".join(t.split()[: rng.randint(6, 14)]) for t in texts
    ]


def groups_of(texts: Sequence[str], queries: int, documents: int) -> list[PairGroup]:
    """Each of the first texts with a seeded sample."""
    rng = random.Random(0)
    return [PairGroup(text, rng.sample(list(texts), documents)) for text in texts[:queries]]


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


def cross_encoders(groups: list[PairGroup], encoder: Path, device: str) -> dict[str, System]:
    """Ours and the peer's in the peer's default format and in our fastest."""
    systems = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = write_cross_encoder(encoder, folder)
        pairs = [(g.query, d) for g in groups for d in g.documents]
        for dtype in (None, _fastest(device)):
            peer = load_peer(folder, device, MAX_TOKENS, dtype)
            used = next(peer.model.parameters()).dtype
            ours = CrossEncoder.load(
                folder, "random", revision="", max_tokens=MAX_TOKENS, dtype=used, device=device
            )
            lengths = np.array([len(p.ids) for p in ours._tokens.tokenise(groups)], np.float64)
            body = BodyCost.of(config)
            flop = lengths.sum() * body.per_token + (lengths**2).sum() * body.per_attended
            systems |= both(ours, groups, peer, pairs, used, (flop, flop))
    return systems


def late_interaction(groups: list[PairGroup], encoder: Path) -> dict[str, System]:
    """The default teacher; a store of nothing, so that every round encodes its texts anew."""
    late = LateInteraction.load(encoder, "minilm", revision="", store_bytes=0)
    texts = list(dict.fromkeys(t for g in groups for t in (g.query, *g.documents)))
    tokens = [len(e.ids) for e in late._tokenizer.encode_batch_fast(texts)]
    config = transformers.BertConfig.from_pretrained(encoder).to_dict()
    lengths = dict(zip(texts, tokens, strict=True))
    flop = operations(groups, lengths, lengths, config, "late_interaction")
    system = System(lambda: list(late.score_groups(groups)), late._body.dtype, flop)
    return {"late interaction": system}


def decoders(
    groups: list[PairGroup], titles: Sequence[str], layers: int, device: str
) -> dict[str, System]:
    """Ours and the peer's, in the peer's default format and in our fastest where they differ."""
    systems = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = write_decoder(folder, titles, layers)
        pairs = whole_pairs(groups)
        for dtype in (None, _fastest(device)):
            peer = load_peer(folder, device, DECODER_TOKENS, dtype)
            used = next(peer.model.parameters()).dtype
            ours = Qwen3Reranker.load(folder, "random", revision="", dtype=used, device=device)
            reader = ours._tokens
            q = {g.query: len(reader.queries([g.query])[0]) for g in groups}
            d = {t: len(reader.documents([t])[0]) for g in groups for t in g.documents}
            start = len(reader.start)
            shared = operations(groups, q, d, config, "decoder", start)
            whole = operations(groups, q, d, config, "cross_encoder", start) / 2
            # A causal model attends to half of the tokens, but multiplies all of them.
            body = BodyCost.of(config)
            whole += sum(
                (start + q[g.query] + d[t]) * body.per_token / 2
                for g in groups
                for t in g.documents
            )
            systems |= both(ours, groups, peer, pairs, used, (shared, whole))
    return systems


def both(
    ours: Reranker,
    groups: list[PairGroup],
    peer: object,
    pairs: list[tuple[str, str]],
    dtype: torch.dtype,
    flop: tuple[float, float],
) -> dict[str, System]:
    """Our and the peer's run over the same pairs."""
    return {
        f"csimpact, {_short(dtype)}": System(
            lambda: list(ours.score_groups(groups)), dtype, flop[0]
        ),
        f"sentence-transformers, {_short(dtype)}": System(
            lambda: peer.predict(pairs), dtype, flop[1], peer=True
        ),
    }


def operations(
    groups: list[PairGroup],
    queries: Mapping[str, int],
    documents: Mapping[str, int],
    config: Mapping[str, object],
    teacher: Teacher,
    start: int = 0,
) -> float:
    """Floating-point operations of scoring the groups, given the tokens of every text."""
    late = teacher == "late_interaction"  # there a text is one text on both sides
    side = ("", "") if late else ("q ", "d ")
    rows = [(side[0] + g.query, side[1] + d) for g in groups for d in g.documents]
    tokens = {side[0] + t: n for t, n in queries.items()}
    tokens |= {side[1] + t: n for t, n in documents.items()}
    frame = pl.DataFrame(rows, schema=["query_hash", "document_hash"], orient="row")
    price = price_labels(
        frame,
        tokens,
        BodyCost.of(config),
        text_input="",
        teacher=teacher,
        flops_per_second=1,
        fixed_tokens=(start, 0, 0),
    )
    return float(price["tflop"].item()) * 1e12


def report(
    systems: Mapping[str, System], groups: Sequence[PairGroup], rounds: int, device: str
) -> None:
    """One line per system."""
    pairs = sum(len(g.documents) for g in groups)
    best = best_of({name: system.run for name, system in systems.items()}, rounds)
    peaks = {dtype: peak(device, dtype) for dtype in {s.dtype for s in systems.values()}}
    for name, system in systems.items():
        rate = pairs / best[name]
        share = system.flop / best[name] / peaks[system.dtype]
        peers = [(other, p.dtype) for other, p in systems.items() if p.peer and not system.peer]
        against = [
            f"{best[other] / best[name]:.2f}x the peer in {_short(dtype)}"
            + (" (its default)" if i == 0 else "")
            for i, (other, dtype) in enumerate(peers)
        ]
        print(
            f"{name:32} {rate:9.1f} pairs/s   {system.flop / pairs / 1e9:7.2f} GFLOP/pair   "
            f"{share:4.0%} of {peaks[system.dtype] / 1e12:.2f} TFLOP/s" + "   " + ", ".join(against)
        )


def best_of(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of the best round of each; rounds alternate, the first is a warm-up."""
    best = dict.fromkeys(runs, float("inf"))
    for turn in range(rounds + 1):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            if turn:
                best[name] = min(best[name], time.perf_counter() - started)
    return best


def peak(device: str, dtype: torch.dtype) -> float:
    """FLOP/s of a square matrix product."""
    size = 8192 if device == "cuda" else 2048
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(6):
        started = time.perf_counter()
        (a @ b)[0, 0].item()  # waits for the device
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / min(seconds)


def _fastest(device: str) -> torch.dtype:
    return fastest_dtype() if device == "cpu" else torch.bfloat16


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


if __name__ == "__main__":
    main()
