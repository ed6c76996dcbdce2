"""Training a soft prompt against a frozen corpus: ours against a plain loop, in the same run.

    python -m benchmarks.training [--data DATA_DIR] [--queries 5000] [--epochs 3] [--runs 3]

DATA_DIR holds a refreshed library (titles, vectors of title + abstract); without it texts and
vectors are invented: times mean the same, measures nothing. Teacher: the vectors of title +
abstract on both sides. The measure is nDCG@10 against the teacher's top 20, on 500 queries looked
at during training and on 500 held out. The peer is what one would write first: transformers'
BertModel in float32, queries in random order, the same prompt, loss and optimiser; it runs a few
steps and is extrapolated.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer, BertModel

from benchmarks.encoding import NAME, synthetic_texts
from benchmarks.machine import machine_line
from pipeline.models.bi_encoder import MeanPooledEncoder
from pipeline.models.query_tower import QueryTower
from pipeline.training.adapters import ADAPTERS, AdapterConfig
from pipeline.training.config import LossName, TrainingConfig
from pipeline.training.forward import Adapter, EncodeQueries
from pipeline.training.loop import train
from pipeline.training.losses.listwise_kl import listwise_kl
from pipeline.training.starts import measure
from pipeline.training.targets import QuerySource
from resources.model_hub import encoder_id, find_model

ASKED = 500  # queries looked at, and as many held out
CANDIDATES = 32
RUNS: list[tuple[str, LossName]] = [
    ("soft_prompt", "corpus_kl"),
    ("prompt_with_residual", "corpus_kl"),
    ("soft_prompt", "bpr"),
]


@dataclass(frozen=True, eq=False)
class Corpus:
    """Titles, domains and unit vectors of the papers; rows to train on, look at and hold out."""

    titles: list[str]
    domains: list[str]
    vectors: NDArray[np.float32]
    training: NDArray[np.int64]
    looked_at: NDArray[np.int64]
    held_out: NDArray[np.int64]


def read_corpus(data: Path | None, documents: int, queries: int) -> Corpus:
    """A seeded sample of papers with abstracts, or invented ones."""
    if data:
        lake = data / "lake"
        papers = pl.scan_parquet(lake / "papers/**/*.parquet").filter(pl.col("abstract") != "")
        vectors = pl.scan_parquet(lake / "paper_embeddings/**/*.parquet")
        frame = (
            papers.select("paper_id", "title", "venue", "text_hash")
            .join(vectors.select("text_hash", "vector").unique("text_hash"), on="text_hash")
            .unique("text_hash")
            .sort("paper_id")
            .collect()
        )
        if frame.height < documents:
            raise SystemExit(
                f"expected {documents} papers with abstracts and vectors in {data}, received "
                f"{frame.height}; refresh the library, or ask for fewer --documents"
            )
        frame = frame.sample(documents, seed=0, shuffle=True)
        titles, domains = frame["title"].to_list(), frame["venue"].to_list()
        matrix = np.stack(frame["vector"].to_numpy())
    else:
        titles = [text[:80] for text in synthetic_texts(documents)]
        domains = ["invented"] * documents
        matrix = np.random.default_rng(0).standard_normal((documents, 384), dtype=np.float32)
        matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    rows = np.random.default_rng(1).permutation(documents)
    looked_at, held_out, rest = rows[:ASKED], rows[ASKED : 2 * ASKED], rows[2 * ASKED :]
    return Corpus(
        titles, domains, np.ascontiguousarray(matrix), rest[:queries], looked_at, held_out
    )


def source(corpus: Corpus, loss: LossName) -> QuerySource:
    """Title queries; candidates: three quarters of the teacher's top 100, the rest at random."""
    rng, rows = np.random.default_rng(2), corpus.training
    scores = corpus.vectors[rows] @ corpus.vectors.T
    near = np.argpartition(-scores, 101, axis=1)[:, :101]
    near = rng.permuted(near, axis=1)[:, : CANDIDATES * 3 // 4]
    far = rng.integers(0, len(corpus.titles), (len(rows), CANDIDATES // 4))
    candidates = np.concatenate([near, far], axis=1).astype(np.int32)
    return QuerySource(
        name="title",
        weight=1.0,
        loss=loss,
        texts=[corpus.titles[r] for r in rows],
        papers=rows.astype(np.int32),
        domains=[corpus.domains[r] for r in rows],
        candidates=candidates,
        scores=np.take_along_axis(scores, candidates, axis=1),
        teacher_vectors=corpus.vectors[rows],
    )


def ndcg_of(corpus: Corpus, rows: NDArray[np.int64]) -> Callable[[EncodeQueries], float]:
    """nDCG@10 with the teacher's top 20 as the relevant documents, mean over `rows`."""
    own = np.arange(len(rows)), rows
    teacher = corpus.vectors[rows] @ corpus.vectors.T
    teacher[own] = -np.inf
    relevant = np.zeros(teacher.shape, np.bool_)
    np.put_along_axis(relevant, np.argpartition(-teacher, 20, axis=1)[:, :20], True, axis=1)
    discount = 1 / np.log2(np.arange(2, 12))

    def validate(encode: EncodeQueries) -> float:
        scores = encode([corpus.titles[r] for r in rows]) @ corpus.vectors.T
        scores[own] = -np.inf
        best = np.argpartition(-scores, 10, axis=1)[:, :10]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        hits = np.take_along_axis(relevant, np.take_along_axis(best, order, axis=1), axis=1)
        return float((hits * discount).sum(1).mean() / discount.sum())

    return validate


def plain_seconds(folder: Path, corpus: Corpus, prompt: torch.Tensor, steps: int) -> float:
    """Seconds per step of 64 queries of the plain loop; the first step is not counted."""
    body = BertModel.from_pretrained(folder).eval().requires_grad_(False)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = prompt.detach().clone().requires_grad_()
    optimiser = torch.optim.AdamW([prompt], lr=3e-3)
    documents = torch.from_numpy(corpus.vectors)
    started = 0.0
    for step in range(steps + 1):
        if step == 1:
            started = time.perf_counter()
        rows = corpus.training[step * 64 : step * 64 + 64]
        batch = tokenizer([corpus.titles[r] for r in rows], padding=True, return_tensors="pt")
        words = body.embeddings.word_embeddings(batch["input_ids"])
        words = torch.cat([words[:, :1], prompt.expand(len(rows), -1, -1), words[:, 1:]], dim=1)
        mask = torch.nn.functional.pad(batch["attention_mask"], (len(prompt), 0), value=1)
        hidden = body(inputs_embeds=words, attention_mask=mask).last_hidden_state
        vectors = torch.nn.functional.normalize((hidden * mask[:, :, None]).sum(1), dim=1)
        keep = torch.ones(len(rows), len(documents), dtype=torch.bool)
        keep[torch.arange(len(rows)), torch.from_numpy(rows)] = False
        loss = listwise_kl(
            vectors @ documents.T,
            documents[rows] @ documents.T,
            keep,
            student_temperature=0.05,
            teacher_temperature=0.05,
        )
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([prompt], 1.0)
        optimiser.step()
    return (time.perf_counter() - started) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--queries", type=int, default=5000)
    parser.add_argument("--documents", type=int, default=10000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--runs", type=int, default=len(RUNS), help="how many of the runs")
    parser.add_argument("--plain-steps", type=int, default=8)
    parser.add_argument("--models", type=Path, default=Path("data/models"))
    args = parser.parse_args()

    folder = find_model(NAME, args.models)
    tower = QueryTower(MeanPooledEncoder.load(folder, encoder_id(NAME, args.models)))
    corpus = read_corpus(args.data, args.documents, args.queries)
    sizes = AdapterConfig(num_virtual_tokens=16)
    config = TrainingConfig(epochs=args.epochs)
    print(machine_line("torch", "transformers"))
    print(
        f"{len(corpus.training)} queries x {args.epochs} epochs, {len(corpus.titles)} papers, "
        f"{torch.get_num_threads()} threads, {'real' if args.data else 'invented'} texts"
    )
    plain = ADAPTERS["residual"](tower, sizes, rng=np.random.default_rng(0))
    held_out = ndcg_of(corpus, corpus.held_out)
    print(f"{'plain title':34} held out nDCG@10 {measure(tower, plain, held_out):.3f}")

    def run(kind: str, loss: LossName) -> tuple[Adapter, float]:
        start = ADAPTERS[kind](tower, sizes, rng=np.random.default_rng(0))
        at_start = measure(tower, start, held_out)
        look, looking = ndcg_of(corpus, corpus.looked_at), [0.0]

        def timed_look(encode: EncodeQueries) -> float:
            asked = time.perf_counter()
            dev = look(encode)
            looking[0] += time.perf_counter() - asked
            return dev

        began, cpu = time.perf_counter(), time.process_time()
        trained = train(
            tower,
            start,
            corpus.vectors,
            [source(corpus, loss)],
            config,
            validate=timed_look,
            seed=0,
        )
        wall = time.perf_counter() - began
        print(
            f"{kind + ', ' + loss:34} held out nDCG@10 {at_start:.3f} -> "
            f"{measure(tower, trained.adapter, held_out):.3f}   {wall:.0f} s, "
            f"of them looks {looking[0]:.0f} s; {time.process_time() - cpu:.0f} s of CPU",
            flush=True,
        )
        return start, wall - looking[0]

    results = [run(*asked) for asked in RUNS[: args.runs]]
    start, wall = results[0]
    prompt = next(iter(start.parameters()))
    steps = args.epochs * -(-len(corpus.training) // 64)
    seconds = steps * plain_seconds(folder, corpus, prompt, args.plain_steps)
    print(
        f"{'plain float32 loop, corpus_kl':34} {seconds:.0f} s, extrapolated from "
        f"{args.plain_steps} steps; without looks csimpact is {seconds / wall:.2f}x"
    )


if __name__ == "__main__":
    main()
