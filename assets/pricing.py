"""What labelling would cost, for both inputs, before anybody pays: pairs, tokens, work, minutes.

Belongs here: which pairs are still to be scored, how long their texts are, how fast this machine
scores. Not: the arithmetic (pipeline/labels/pricing.py). Nothing is written.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets.library import Documents, read_comparable
from pipeline.labels.candidate_rule import MINERS
from pipeline.labels.labelling_rule import LabellingRule
from pipeline.labels.pricing import BodyCost, Teacher, price_labels
from pipeline.labels.scoring import TEXT_INPUTS, score_pairs, unscored, with_texts
from pipeline.labels.splits import SPLITS
from pipeline.models.bi_encoder import MAX_TOKENS, load_tokenizer, most_tokens, read_config
from pipeline.models.cross_encoder import CrossEncoder
from pipeline.models.late_interaction import LateInteraction
from pipeline.models.qwen3_template import PairTokeniser, Template
from pipeline.staleness import stale_cells
from pipeline.tables import PAIR_LABELS
from resources.known_models import KNOWN_MODELS
from resources.model_hub import LATE_INTERACTION, find_model
from resources.workspace import Workspace

SAMPLE_QUERIES, SAMPLE_DOCUMENTS = 6, 16
"""What is scored to see how fast: some seconds of two cores; the first query warms up."""


@dataclass(frozen=True)
class Quote:
    """The price of labelling.

    table: a row per input: `text_input, pairs, unique_texts, tokens, tokens_unshared, tflop,
    minutes`. mined: whether pairs are those that lie in the library; otherwise none are mined yet
    of today's papers, and random pairs of the rule's number stand in: at most as many.
    """

    table: pl.DataFrame
    mined: bool


@dataclass(frozen=True)
class _Shape:
    """A teacher as its price needs it; `count`: tokens of texts, without what all pairs have."""

    kind: Teacher
    body: BodyCost
    fixed_tokens: tuple[int, int, int]
    count: Callable[[list[str]], list[int]]


def quote_labels(workspace: Workspace) -> Quote:
    """What labelling today's pairs by the profile's teacher would take on this machine.

    Raises:
        NotFoundError: no paper has a vector.
        ModelError: the teacher cannot be loaded.
    """
    documents = read_comparable(workspace)
    mined = _mined_pairs(workspace, documents)
    pairs = _stand_in(documents.papers, workspace.labelling) if mined is None else mined
    shape, held = _shape(workspace), workspace.lake.read_all("pair_labels")
    teacher_id = workspace.teacher.identity.teacher_id
    workspace.report("scoring a sample of pairs")
    rate = _flops_per_second(workspace, shape, documents, pairs)
    rows = []
    for text_input in TEXT_INPUTS:
        workspace.report(f"counting tokens of {text_input}")
        hashed, texts = with_texts(pairs, documents.papers, text_input=text_input)
        todo = unscored(hashed, held, text_input=text_input, teacher_id=teacher_id)
        rows.append(_price(todo, texts, shape, text_input, rate))
    table = pl.concat(rows).with_columns(minutes=pl.col("seconds") / 60).drop("seconds")
    return Quote(table, mined is not None)


def _mined_pairs(workspace: Workspace, documents: Documents) -> pl.DataFrame | None:
    """The pairs that lie in the library, if a labelling would not mine others first."""
    states, world = workspace.states(), workspace.world(register=False)
    if not states["title_pairs"] or stale_cells("title_pairs", states, world):
        return None
    pairs = workspace.lake.read_all("title_pairs")
    for side in ("query_id", "document_id"):
        known = documents.papers.select(pl.col("paper_id").alias(side))
        pairs = pairs.join(known, on=side, how="semi", maintain_order="left")
    return pairs


def _stand_in(papers: pl.DataFrame, rule: LabellingRule) -> pl.DataFrame:
    """Random pairs, as many per query as the rule's miners propose at most."""
    rng = np.random.default_rng(rule.seed)
    queries, documents = [], []
    for split in SPLITS:
        quotas = rule.learn if split == "train" else rule.judge
        n_documents = min(sum(quotas.quota(m) for m in MINERS), papers.height)
        chosen = rng.choice(papers.height, min(rule.number(split), papers.height), replace=False)
        queries.append(np.repeat(chosen, n_documents))
        documents.append(rng.integers(0, papers.height, chosen.size * n_documents))
    asked, found = (papers[np.concatenate(rows)] for rows in (queries, documents))
    return asked.select("venue", "year", query_id="paper_id").with_columns(
        document_id=found["paper_id"]
    )


def _shape(workspace: Workspace) -> _Shape:
    profile = workspace.profile
    name = profile.reranker.removeprefix(LATE_INTERACTION)
    folder, known = find_model(name, workspace.data.models), KNOWN_MODELS.get(name)
    config = read_config(folder)
    body = BodyCost.of(config)
    if isinstance(workspace.teacher, LateInteraction | CrossEncoder):
        late = isinstance(workspace.teacher, LateInteraction)
        kind: Teacher = "late_interaction" if late else "cross_encoder"
        fixed = (1, 0, 1) if late else (1, 1, 1)
        own = known.max_tokens if known else MAX_TOKENS
        limit = own if late else most_tokens(config)
        tokenizer = load_tokenizer(folder, limit)
        special = sum(fixed) if late else 2

        def count(texts: list[str]) -> list[int]:
            return [len(e.ids) - special for e in tokenizer.encode_batch_fast(texts)]

        return _Shape(kind, body, fixed, count)
    template = Template(instruction=profile.reranker_instruction or Template().instruction)
    tokens = PairTokeniser(load_tokenizer(folder, template.max_document_tokens), template)
    before, behind = len(tokens.queries([""])[0]), len(tokens.documents([""])[0])

    def count_documents(texts: list[str]) -> list[int]:
        return [len(ids) - behind for ids in tokens.documents(texts)]

    return _Shape("decoder", body, (len(tokens.start), before, behind), count_documents)


def _flops_per_second(
    workspace: Workspace, shape: _Shape, documents: Documents, pairs: pl.DataFrame
) -> float:
    """Of the teacher on this machine, on the profile's input: a few queries, timed."""
    text_input = workspace.profile.text_input
    chosen = pairs["query_id"].unique(maintain_order=True).head(SAMPLE_QUERIES)
    sample = pairs.filter(pl.col("query_id").is_in(chosen.implode()))
    sample = sample.group_by("query_id", maintain_order=True).head(SAMPLE_DOCUMENTS)
    hashed, texts = with_texts(sample, documents.papers, text_input=text_input)
    first = pl.col("query_id") == pl.lit(chosen[0] if chosen.len() else "")
    seconds, timed = 0.0, hashed.filter(~first)
    for part in (hashed.filter(first), timed):
        started = time.perf_counter()
        for _ in score_pairs(
            workspace.teacher, part, texts, PAIR_LABELS.empty(), text_input=text_input
        ):
            pass
        seconds = time.perf_counter() - started
    if timed.is_empty():
        return float("inf")
    todo = timed.unique(["query_hash", "document_hash"])
    return float(_price(todo, texts, shape, text_input, 1.0)["seconds"][0] / seconds)


def _price(
    todo: pl.DataFrame, texts: Mapping[str, str], shape: _Shape, text_input: str, rate: float
) -> pl.DataFrame:
    """One row of the price; `rate`: operations per second."""
    needed = pl.concat([todo["query_hash"], todo["document_hash"]]).unique().to_list()
    counts: dict[str, int] = {}
    for start in range(0, len(needed), 1024):  # bounds the memory of the encodings
        part = needed[start : start + 1024]
        counts |= zip(part, shape.count([texts[h] for h in part]), strict=True)
    return price_labels(
        todo,
        counts,
        shape.body,
        text_input=text_input,
        teacher=shape.kind,
        flops_per_second=rate,
        fixed_tokens=shape.fixed_tokens,
    )
