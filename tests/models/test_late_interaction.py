"""Token-level late interaction: the formula by hand, its encoder, its memory."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.models.late_interaction import LateInteraction, max_sim
from pipeline.models.reranker import PairGroup

TEXTS = [
    "Graph neural networks for molecules",
    "Proofs\nWe prove it. " + "A long abstract about optimal transport and its many uses. " * 20,
    "Robot grasping with tactile sensors\nTouch tells a robot what it cannot see.",
    "Graph networks; and molecules!",
    "x",
]
GROUPS = [PairGroup(TEXTS[0], TEXTS), PairGroup(TEXTS[2], TEXTS[:2]), PairGroup(TEXTS[4], [])]


@pytest.fixture
def teacher(tiny_folder: Path) -> LateInteraction:
    return LateInteraction.load(tiny_folder, "tiny", revision="0" * 8, dtype=torch.float32)


def test_max_sim_by_hand() -> None:
    """Maxima taken over the wrong side still look like cosines."""
    query = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    documents = [torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.8, 0.6], [-1.0, 0.0]])]
    # First: query tokens reach 1 and 0.6, the document's token 1. Second: query tokens reach 0.8
    # and 0.96, document tokens 0.8, 0.96 and -0.6.
    expected = [(0.8 + 1.0) / 2, (0.88 + 1.16 / 3) / 2]
    np.testing.assert_allclose(max_sim(query, documents).numpy(), expected, rtol=1e-6)


def test_scores_equal_a_plain_loop(teacher: LateInteraction, tiny_folder: Path) -> None:
    """Segments cut one token off, or special tokens left in, move every score a little."""
    from transformers import BertModel, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(tiny_folder / "tokenizer.json"), pad_token="[PAD]"
    )
    model = BertModel.from_pretrained(tiny_folder, add_pooling_layer=False).eval()

    def states(text: str) -> torch.Tensor:
        ids = tokenizer(text, truncation=True, max_length=128, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            hidden = model(ids).last_hidden_state[0, 1:-1]
        return torch.nn.functional.normalize(hidden, dim=1)

    for group, scores in zip(GROUPS, teacher.score_groups(GROUPS), strict=True):
        assert scores.dtype == np.float32
        cosines = [states(group.query) @ states(d).T for d in group.documents]
        expected = [float(c.amax(1).mean() + c.amax(0).mean()) / 2 for c in cosines]
        np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_a_score_does_not_depend_on_its_company(teacher: LateInteraction) -> None:
    """A resumed run cuts other chunks: its labels must equal those of a run never stopped."""
    together = np.concatenate(list(teacher.score_groups(GROUPS)))
    alone = [
        next(teacher.score_groups([PairGroup(g.query, [d])]))[0]
        for g in GROUPS
        for d in g.documents
    ]
    np.testing.assert_allclose(together, alone, atol=2e-6)


def test_each_text_is_encoded_once(teacher: LateInteraction) -> None:
    """A document is a candidate of many queries: encoding it for each pair is most of the cost."""
    list(teacher.score_groups(GROUPS))
    list(teacher.score_groups(GROUPS))
    assert teacher.encoded == len(TEXTS)
    assert teacher.kept_bytes == sum(s.nbytes for s in teacher._states.values()) > 0


def test_the_store_stays_within_its_budget(tiny_folder: Path) -> None:
    """Token states of a whole library are fifty times its vectors and fill the memory."""
    small = LateInteraction.load(
        tiny_folder, "tiny", revision="0" * 8, dtype=torch.float32, store_bytes=10_000
    )
    full = LateInteraction.load(tiny_folder, "tiny", revision="0" * 8, dtype=torch.float32)
    for group in GROUPS:
        received, expected = next(small.score_groups([group])), next(full.score_groups([group]))
        np.testing.assert_array_equal(received, expected)
        assert small.kept_bytes <= 10_000
    assert small.encoded > full.encoded == len(TEXTS)


def test_what_no_later_group_holds_leaves_first(tiny_folder: Path) -> None:
    """Half of all candidates are met once: kept, they push out those that are met again."""
    texts = [f"paper {word} on graphs" for word in ("one", "two", "three", "four")]
    first = PairGroup(texts[0], texts[1:3], last=[texts[0], texts[2]])
    second = PairGroup(texts[3], texts[1:2], last=[texts[3], texts[1]])

    def teacher(store_bytes: int) -> LateInteraction:
        return LateInteraction.load(
            tiny_folder, "tiny", revision="0" * 8, dtype=torch.float32, store_bytes=store_bytes
        )

    wide = teacher(1 << 30)
    next(wide.score_groups([PairGroup(texts[1], [])]))
    narrow = teacher(wide.kept_bytes)  # room for one text
    for group in (first, second):
        next(narrow.score_groups([group]))
    assert narrow.encoded == 4
    assert narrow.kept_bytes == 0


def test_a_text_without_tokens_has_no_score(teacher: LateInteraction) -> None:
    """An empty title scored 0 would be a label; it must be quarantined."""
    empty_document, empty_query = teacher.score_groups(
        [PairGroup("graphs", ["", "graphs"]), PairGroup("", ["graphs"])]
    )
    assert np.isnan(empty_document).tolist() == [True, False]
    assert np.isnan(empty_query).all()


def test_bfloat16_states_agree(teacher: LateInteraction, tiny_folder: Path) -> None:
    """Machines with bf16 products must rank as the others do."""
    half = LateInteraction.load(tiny_folder, "tiny", revision="0" * 8, dtype=torch.bfloat16)
    received = np.concatenate(list(half.score_groups(GROUPS)))
    expected = np.concatenate(list(teacher.score_groups(GROUPS)))
    np.testing.assert_allclose(received, expected, atol=5e-3)
    assert half.identity.teacher_id != teacher.identity.teacher_id


def test_another_token_limit_is_another_teacher(tiny_folder: Path) -> None:
    """Scores of texts cut at 64 and at 128 tokens must not meet under one id."""
    ids = {
        LateInteraction.load(
            tiny_folder, "tiny", revision="0" * 8, max_tokens=n
        ).identity.teacher_id
        for n in (64, 128)
    }
    assert len(ids) == 2


def test_memory_that_runs_out_halves_the_batch(
    teacher: LateInteraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that does not fit must not end a run of hours."""
    expected = list(teacher.score_groups(GROUPS))
    fresh = LateInteraction(teacher.identity, teacher._tokenizer, teacher._body)
    whole = fresh._token_states

    def small_only(batch: list[object]) -> list[torch.Tensor]:
        if len(batch) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(batch)  # type: ignore[arg-type]

    monkeypatch.setattr(fresh, "_token_states", small_only)
    for received, scores in zip(fresh.score_groups(GROUPS), expected, strict=True):
        np.testing.assert_allclose(received, scores, atol=2e-6)
