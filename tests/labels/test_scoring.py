"""Labelling with a fake teacher that counts, and one real process killed in the middle."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.corpus.text import text_hash
from pipeline.errors import LabelError, ModelError
from pipeline.labels.scoring import Progress, one_teacher, score_pairs, unscored, with_texts
from pipeline.models.reranker import PairGroup, Scores, TeacherIdentity
from pipeline.tables import PAIR_LABELS, violations

NOTHING = PAIR_LABELS.empty()


class Teacher:
    """Scores by length, remembers what it scored, and fails where a text says so."""

    def __init__(self, name: str = "fake", *, seconds: float = 0) -> None:
        self.identity = TeacherIdentity(name, "00000000", "", "float32")
        self.scored: Counter[tuple[str, str]] = Counter()
        self._seconds = seconds
        self.groups: list[PairGroup] = []

    def score_groups(self, groups: Iterable[PairGroup]) -> Iterator[Scores]:
        for group in groups:
            time.sleep(self._seconds)
            self.groups.append(group)
            self.scored.update((group.query, d) for d in group.documents)
            yield np.array([self._score(group.query, d) for d in group.documents], np.float32)

    def _score(self, query: str, document: str) -> float:
        special = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
        return special.get(document, len(query) - len(document) / 7)


def hashed_pairs(numbers: Iterable[tuple[int, int]]) -> tuple[pl.DataFrame, dict[str, str]]:
    """Pairs of papers by number; texts of papers 10 apart are equal."""
    rows = [
        (f"p{q}", f"p{d}", "vis", 2000, f"h{q % 10}", f"h{d % 10}")
        for q, d in dict.fromkeys(numbers)
    ]
    names = ["query_id", "document_id", "venue", "year", "query_hash", "document_hash"]
    schema = {n: pl.Int32 if n == "year" else pl.String for n in names}
    texts = {f"h{i}": "x" * i for i in range(10)}
    return pl.DataFrame(rows, schema=schema, orient="row"), texts


def labels(
    teacher: Teacher, pairs: pl.DataFrame, texts: dict[str, str], **options: object
) -> pl.DataFrame:
    held = options.pop("held", NOTHING)
    assert isinstance(held, pl.DataFrame)
    return pl.concat(
        [NOTHING, *score_pairs(teacher, pairs, texts, held, text_input="title", **options)]  # type: ignore[arg-type]
    )


def test_rows_keep_the_contract_and_the_scores_their_pairs() -> None:
    """A chunk written under another order gives every pair its neighbour's score."""
    pairs, texts = hashed_pairs([(1, 2), (3, 2), (1, 5), (3, 4)])
    rows = labels(Teacher(), pairs, texts, chunk_pairs=1)
    assert violations(PAIR_LABELS, rows) == []
    received = {(r["query_id"], r["document_id"]): r["score"] for r in rows.to_dicts()}
    expected = {("p1", "p2"): 1 - 2 / 7, ("p1", "p5"): 1 - 5 / 7, ("p3", "p2"): 3 - 2 / 7}
    assert received == pytest.approx(expected | {("p3", "p4"): 3 - 4 / 7})
    assert rows["teacher_id"].unique().to_list() == ["fake/00000000/float32"]


def test_equal_texts_are_scored_once() -> None:
    """Two records of one paper cost twice and collide under the table's key."""
    teacher = Teacher()
    pairs, texts = hashed_pairs([(1, 2), (11, 2), (1, 12), (11, 12)])
    rows = labels(teacher, pairs, texts)
    assert rows.select("query_id", "document_id").rows() == [("p1", "p2")]
    assert teacher.scored.total() == 1


def test_only_the_same_teacher_on_the_same_input_spares_a_pair() -> None:
    """Labels of titles would stand in for those of abstracts, or of a better teacher."""
    pairs, texts = hashed_pairs([(1, 2), (1, 3)])
    held = labels(Teacher(), pairs[:1], texts)
    teacher = Teacher()
    assert labels(teacher, pairs, texts, held=held)["document_id"].to_list() == ["p3"]
    assert labels(Teacher("other"), pairs, texts, held=held).height == 2
    abstracts = list(score_pairs(Teacher(), pairs, texts, held, text_input="title+abstract"))
    assert pl.concat(abstracts).height == 2


def test_scores_that_are_no_numbers_are_quarantined() -> None:
    """A NaN logit must neither end a run of hours, nor be a label, nor be asked for again."""
    pairs, texts = hashed_pairs([(1, 2), (1, 3), (1, 4), (1, 5)])
    texts |= {"h2": "nan", "h3": "inf", "h4": "-inf"}
    told: list[Progress] = []
    rows = labels(Teacher(), pairs, texts, progress=told.append)
    assert rows["score"].is_null().to_list() == [True, True, True, False]
    assert (told[-1].done, told[-1].total, told[-1].quarantined) == (4, 4, 3)
    assert labels(Teacher(), pairs, texts, held=rows).is_empty()


def test_progress_counts_what_is_left_to_score() -> None:
    """A resumed run that counts all pairs promises hours where minutes are left."""
    pairs, texts = hashed_pairs([(q, d) for q in range(4) for d in range(5)])
    held = labels(Teacher(), pairs[:5], texts)
    told: list[Progress] = []
    labels(Teacher(), pairs, texts, held=held, chunk_pairs=5, progress=told.append)
    assert [(p.done, p.total) for p in told] == [(5, 15), (10, 15), (15, 15)]
    assert Progress(10, 15, 0, 4.0).rate == 2.5


def test_a_query_is_never_cut_in_two() -> None:
    """The prefix shared by a query's pairs would be computed again for each part."""
    pairs, texts = hashed_pairs([(q, d) for d in range(6) for q in (1, 2)])
    chunks = list(score_pairs(Teacher(), pairs, texts, NOTHING, text_input="title", chunk_pairs=4))
    assert [c["query_id"].unique().to_list() for c in chunks] == [["p1"], ["p2"]]


@given(
    st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25)), min_size=1, max_size=60),
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 12)), max_size=4),
)
def test_interruption_changes_nothing(
    numbers: list[tuple[int, int]], chunk: int, stops: list[tuple[int, int]]
) -> None:
    """Rows lost, doubled or under other ids after a run that was stopped and started again."""
    pairs, texts = hashed_pairs(numbers)
    expected = labels(Teacher(), pairs, texts, chunk_pairs=chunk)
    teacher, held = Teacher(), NOTHING
    for chunks_done, size in [*stops, (10_000, chunk)]:
        run = score_pairs(teacher, pairs, texts, held, text_input="title", chunk_pairs=size)
        held = pl.concat([held, *islice(run, chunks_done)])
    assert_frame_equal(held, expected, check_row_order=False)
    assert set(teacher.scored.values()) == {1}


def append_labels(folder: Path) -> None:
    """What an asset does: read what is there, append every chunk as a file of its own."""
    pairs, texts = hashed_pairs([(q, d) for q in range(10) for d in range(10)])
    held = pl.concat([NOTHING, *map(pl.read_parquet, sorted(folder.glob("*.parquet")))])
    run = score_pairs(Teacher(seconds=0.05), pairs, texts, held, text_input="title", chunk_pairs=1)
    for chunk in run:
        name = folder / f"{chunk['query_hash'][0]}.parquet"
        assert not name.exists()
        chunk.write_parquet(name.with_suffix(".partial"))
        name.with_suffix(".partial").rename(name)


def test_a_killed_process_loses_one_chunk(tmp_path: Path) -> None:
    """Labels kept in memory until the end are hours of a GPU lost to one SIGKILL."""
    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); " + (
        "from pathlib import Path; from test_scoring import append_labels; "
        f"append_labels(Path({str(tmp_path)!r}))"
    )
    run = [sys.executable, "-c", program]
    started = subprocess.Popen(run, env=os.environ | {"PYTHONPATH": os.getcwd()})
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("*.parquet"))) < 3 and time.monotonic() < deadline:
        assert started.poll() is None
        time.sleep(0.01)
    started.send_signal(signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL
    kept = {f: f.read_bytes() for f in tmp_path.glob("*.parquet")}
    assert 3 <= len(kept) < 10
    append_labels(tmp_path)
    assert all(f.read_bytes() == content for f, content in kept.items())
    rows = pl.concat(map(pl.read_parquet, sorted(tmp_path.glob("*.parquet"))))
    pairs, texts = hashed_pairs([(q, d) for q in range(10) for d in range(10)])
    assert_frame_equal(rows, labels(Teacher(), pairs, texts), check_row_order=False)


def test_texts_are_what_the_teacher_sees() -> None:
    """Labels keyed by the title alone would survive a corrected abstract."""
    papers = pl.DataFrame(
        {"paper_id": ["a", "b", "c"], "title": ["A", "B", "A"], "abstract": ["one", None, "two"]}
    )
    pairs = pl.DataFrame({"query_id": ["a", "c"], "document_id": ["b", "b"]})
    both, texts = with_texts(pairs, papers, text_input="title+abstract")
    assert both["query_hash"].to_list() == [text_hash("A", "one"), text_hash("A", "two")]
    assert texts[both["query_hash"][0]] == "A\none"
    titles, texts = with_texts(pairs, papers, text_input="title")
    assert titles["query_hash"].n_unique() == 1
    assert set(texts.values()) == {"A", "B"}
    with pytest.raises(LabelError, match="received 1 unknown, such as b"):
        with_texts(pairs, papers[:1].vstack(papers[2:]), text_input="title")
    with pytest.raises(LabelError, match="received 'abstract'"):
        with_texts(pairs, papers, text_input="abstract")


def test_labels_of_two_sources_are_refused() -> None:
    """Log-odds and cosines in one loss: the loss falls and the ranking means nothing."""
    pairs, texts = hashed_pairs([(1, 2)])
    mine, other = labels(Teacher(), pairs, texts), labels(Teacher("other"), pairs, texts)
    assert one_teacher(mine) == ("fake/00000000/float32", "title")
    with pytest.raises(LabelError, match=r"fake/00000000/float32 on title and other/0.* on title"):
        one_teacher(pl.concat([mine, other]))
    abstracts = mine.with_columns(text_input=pl.lit("title+abstract"))
    with pytest.raises(LabelError, match="on title and fake"):
        one_teacher(pl.concat([mine, abstracts]))
    with pytest.raises(LabelError, match="received none"):
        one_teacher(NOTHING)


def test_a_teacher_that_loses_a_document_is_refused() -> None:
    """One score too few would shift all that follow."""

    class Careless(Teacher):
        def score_groups(self, groups: Iterable[PairGroup]) -> Iterator[Scores]:
            return (scores[1:] for scores in super().score_groups(groups))

    pairs, texts = hashed_pairs([(1, 2), (1, 3)])
    with pytest.raises(ModelError, match="received 1 groups with 1 scores"):
        labels(Careless(), pairs, texts)
    with pytest.raises(LabelError, match="1 hashes without one"):
        labels(Teacher(), pairs, {h: t for h, t in texts.items() if h != "h3"})


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_a_text_is_called_the_last_of_its_kind_once(numbers: list[tuple[int, int]]) -> None:
    """Forgotten too early, a text is encoded twice; never forgotten, it takes others' place."""
    pairs, texts = hashed_pairs(numbers)
    teacher = Teacher()
    labels(teacher, pairs, texts, chunk_pairs=3)
    expected = {t: i for i, g in enumerate(teacher.groups) for t in (g.query, *g.documents)}
    received = [(t, i) for i, g in enumerate(teacher.groups) for t in g.last]
    assert dict(received) == expected
    assert len(received) == len(expected)


def test_nothing_to_score_is_no_work() -> None:
    """A second run on the same pairs must not load or ask the teacher for anything."""
    pairs, texts = hashed_pairs([(1, 2)])
    held = labels(Teacher(), pairs, texts)
    teacher_id = Teacher().identity.teacher_id
    assert unscored(pairs, held, text_input="title", teacher_id=teacher_id).is_empty()
    assert labels(Teacher(), pairs[:0], texts).is_empty()
