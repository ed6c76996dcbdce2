"""Cross-encoders against transformers and sentence-transformers, on tiny random models."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, processors

from pipeline.errors import ModelError
from pipeline.models.cross_encoder import CrossEncoder
from pipeline.models.pair_tokens import PairTokens, longest_first
from pipeline.models.reranker import PairGroup
from pipeline.models.tiny import _pieces, _tokenizer

LONG = "A long abstract about optimal transport and its many uses. " * 20
TEXTS = ["Graph neural networks for molecules", f"Proofs\nWe prove it. {LONG}", "", " Réseaux, x!"]
GROUPS = [PairGroup(q, TEXTS) for q in TEXTS]


def pair_tokenizer() -> Tokenizer:
    """The tiny tokeniser with BERT's template for pairs."""
    pieces = _pieces()
    tokenizer = _tokenizer(pieces)
    special = [(t, pieces.index(t)) for t in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=special
    )
    return tokenizer


def write_cross_encoder(folder: Path, *, family: str = "bert", num_labels: int = 1) -> Path:
    """A tiny model of `family` with random weights and its tokeniser, as the hub has them."""
    import transformers

    shape = {
        "vocab_size": len(_pieces()),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 130 if family == "xlm-roberta" else 128,
        "pad_token_id": 1 if family == "xlm-roberta" else 0,
        "num_labels": num_labels,
        "type_vocab_size": 2 if family == "bert" else 1,
        # Wide enough that a wrong type or position moves the logit visibly.
        "initializer_range": 0.3,
    }
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(family, **shape)
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    model.save_pretrained(folder, safe_serialization=True)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=pair_tokenizer(),
        pad_token="[PAD]",
        model_max_length=128,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cross_encoder(tmp_path_factory.mktemp("cross") / "bert")


def load(folder: Path, dtype: torch.dtype = torch.float32) -> CrossEncoder:
    return CrossEncoder.load(folder, folder.name, revision="0" * 8, max_tokens=128, dtype=dtype)


def reference_logits(folder: Path, groups: list[PairGroup]) -> np.ndarray:
    """Plain transformers, one pair at a time, no padding."""
    import transformers

    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    typed = model.config.model_type == "bert"
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    logits = []
    for group in groups:
        for document in group.documents:
            inputs = tokenizer(
                [group.query], [document], truncation="longest_first", max_length=128,
                return_tensors="pt", return_token_type_ids=typed,
            )  # fmt: skip
            with torch.inference_mode():
                logits.append(model(**inputs).logits[0, 0].item())
    return np.array(logits)


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "modernbert"])
def test_logits_equal_plain_transformers(tmp_path: Path, family: str) -> None:
    """A forgotten token type, mask or pooler still gives logits that look right."""
    folder = write_cross_encoder(tmp_path / family, family=family)
    scores = list(load(folder).score_groups(GROUPS))
    assert all(s.dtype == np.float32 for s in scores)
    expected = reference_logits(folder, GROUPS)
    assert expected.std() > 0.01
    np.testing.assert_allclose(np.concatenate(scores), expected, atol=1e-3)


def test_logits_equal_sentence_transformers(bert_folder: Path) -> None:
    """Scores that a user cannot reproduce with the library everybody uses."""
    from sentence_transformers import CrossEncoder as Peer

    peer = Peer(str(bert_folder), device="cpu", max_length=128, activation_fn=torch.nn.Identity())
    expected = peer.predict([(g.query, d) for g in GROUPS for d in g.documents])
    received = np.concatenate(list(load(bert_folder).score_groups(GROUPS)))
    np.testing.assert_allclose(received, expected, atol=1e-3)


def test_order_and_sizes_of_groups_survive_sorting(bert_folder: Path) -> None:
    """Batches of like length must not hand one query's scores to another."""
    teacher = load(bert_folder)
    groups = [PairGroup("graphs", TEXTS[:1]), PairGroup("robots", []), PairGroup("x", TEXTS)]
    received = list(teacher.score_groups(groups))
    assert [len(s) for s in received] == [1, 0, 4]
    for group, scores in zip(groups, received, strict=True):
        alone = [next(teacher.score_groups([PairGroup(group.query, [d])])) for d in group.documents]
        np.testing.assert_allclose(scores, np.array(alone).ravel(), atol=1e-5)


def test_bfloat16_is_another_teacher_that_agrees(bert_folder: Path) -> None:
    """Labels of two number formats differ in the third digit: they must not be one teacher's."""
    full, half = load(bert_folder), load(bert_folder, torch.bfloat16)
    received = np.concatenate(list(half.score_groups(GROUPS)))
    expected = np.concatenate(list(full.score_groups(GROUPS)))
    np.testing.assert_allclose(received, expected, atol=0.1)
    assert half.identity.teacher_id != full.identity.teacher_id


def test_a_classifier_of_several_classes_is_refused(tmp_path: Path) -> None:
    """The first logit of an entailment model would be taken for relevance."""
    folder = write_cross_encoder(tmp_path / "classes", num_labels=3)
    with pytest.raises(ModelError, match="one logit"):
        load(folder)


def test_missing_weights_and_too_long_texts_are_refused(bert_folder: Path, tmp_path: Path) -> None:
    """A folder half downloaded, or a limit beyond the positions, must say so and not crash."""
    with pytest.raises(ModelError, match="at most 128 tokens"):
        CrossEncoder.load(bert_folder, "tiny", revision="0" * 8, max_tokens=129)
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((bert_folder / name).read_bytes())
    with pytest.raises(ModelError, match="fetch the model anew"):
        load(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | {"model_type": "electra"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="fetch the model anew"):
        load(tmp_path)


@given(st.integers(0, 200), st.integers(0, 200), st.integers(4, 60))
def test_truncation_is_the_tokenizers_own(a: int, b: int, max_tokens: int) -> None:
    """A text cut elsewhere than by the reference is another text to the teacher."""
    tokenizer = TOKENIZER
    tokenizer.enable_truncation(max_tokens)
    sides = tokenizer.encode("x " * a, "y " * b).sequence_ids
    assert longest_first(a, b, max_tokens - 3) == (sides.count(0), sides.count(1))


@given(st.text(max_size=40), st.text(max_size=40))
def test_joined_ids_are_those_of_the_pair(query: str, document: str) -> None:
    """Tokenising each text once must not change what the teacher reads."""
    joined = JOINING.tokenise([PairGroup(query, [document])])[0]
    TOKENIZER.enable_truncation(32)
    whole = TOKENIZER.encode(query, document)
    assert (joined.ids.tolist(), joined.types.tolist()) == (whole.ids, whole.type_ids)


def test_a_tokeniser_that_joins_otherwise_reads_whole_pairs() -> None:
    """One that puts the document first: query, then document would not be its pairs."""
    tokenizer = pair_tokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A", pair="$B:1 $A", special_tokens=[]
    )
    tokens = PairTokens(tokenizer, 16)
    assert not tokens.joins
    pair = tokens.tokenise([PairGroup("graphs", ["nets", LONG])])
    assert pair[0].ids.tolist() == tokenizer.encode("graphs", "nets").ids
    assert len(pair[1].ids) == 16


TOKENIZER = pair_tokenizer()
JOINING = PairTokens(pair_tokenizer(), 32)
