"""Each layout, as its publishers describe it, in a few rows; and CACM as it is."""

import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipeline.errors import InputError, UnreadableFileError, UnrecognisedFileError
from pipeline.retrieval.benchmarks.benchmark import Benchmark
from pipeline.retrieval.benchmarks.reading import holds_classifications, read_benchmarks

CACM_DOCUMENTS = """\
.I 1
.T
First
 title
.W
Its abstract
on two lines.
.A
Somebody, A.
.I 2
.T
Second title
.I 2
8
.T
A number on two lines
"""
CACM_QUERIES = ".I 1\n.W\n What is first?\n.N\n 1. Somebody\n.I 2\n.W\nNobody judged this\n"


def _lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")


def _parquet(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).write_parquet(path)


def _gains(benchmark: Benchmark) -> dict[tuple[str, str], float]:
    """Judgments by id."""
    judged = benchmark.queries.judgments
    ids, documents = benchmark.queries.query_ids, benchmark.document_ids
    return {
        (ids[q], documents[d]): g
        for q, d, g in zip(judged.query, judged.document, judged.gain, strict=True)
    }


def _pool(benchmark: Benchmark, query: int) -> set[str]:
    assert benchmark.queries.candidates is not None
    return {benchmark.document_ids[d] for d in benchmark.queries.candidates[query] if d >= 0}


def _cacm(folder: Path, qrels: str = "01 0001  0 0\n01 0028 0 0\n") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "cacm.all").write_text(CACM_DOCUMENTS.replace("\n", "\r\n"))
    (folder / "query.text").write_text(CACM_QUERIES)
    (folder / "qrels.text").write_text(qrels)
    return folder


@pytest.mark.parametrize("archived", [False, True])
def test_cacm(tmp_path: Path, archived: bool) -> None:
    """Fields run together, a broken number that overwrites another paper, unjudged queries kept."""
    path = _cacm(tmp_path / "cacm")
    if archived:
        path = tmp_path / "cacm.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            archive.add(tmp_path / "cacm", arcname="cacm")
    (benchmark,) = read_benchmarks(path)
    assert benchmark.queries.texts == ["What is first?"]
    assert benchmark.document_ids == ["1", "2", "28"]
    assert benchmark.document_texts()[0] == "First title\nIts abstract on two lines."
    assert benchmark.abstracts == ["Its abstract on two lines.", "", ""]
    assert _gains(benchmark) == {("1", "1"): 1, ("1", "28"): 1}


def test_a_damaged_cacm_is_refused(tmp_path: Path) -> None:
    """Two papers under one number, merged into one."""
    folder = _cacm(tmp_path / "cacm")
    (folder / "cacm.all").write_text(CACM_DOCUMENTS + ".I 2\n.T\nAgain\n")
    with pytest.raises(UnreadableFileError, match="received 1 again"):
        read_benchmarks(folder)
    with pytest.raises(UnreadableFileError, match="expected numbers"):
        read_benchmarks(_cacm(tmp_path / "other", "one two 0 0\n"))
    broken = tmp_path / "cacm.tar.gz"
    broken.write_bytes(b"no archive")
    with pytest.raises(UnreadableFileError, match="expected an archive"):
        read_benchmarks(broken)


def test_the_real_cacm(real_lists: Path) -> None:
    """Papers, queries or judgments lost from the collection as it is."""
    (benchmark,) = read_benchmarks(real_lists / "cacm" / "cacm.tar.gz")
    assert len(benchmark.document_ids) == 3204
    assert sum(map(bool, benchmark.abstracts)) == 1587
    assert benchmark.document_ids == [str(i) for i in range(1, 3205)]
    assert len(benchmark.queries.texts) == 52
    assert benchmark.queries.judgments.gain.size == 796


def _beir(folder: Path, qrels: str) -> Path:
    documents = [{"_id": "d1", "title": "One", "text": "About one."}]
    documents += [{"_id": "d2", "title": "", "text": "About two.", "metadata": {}}]
    _lines(folder / "corpus.jsonl", documents)
    _lines(folder / "queries.jsonl", [{"_id": "q1", "text": "one?"}, {"_id": "t1", "text": "x"}])
    (folder / "qrels").mkdir(exist_ok=True)
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + qrels)
    return folder


def test_beir(tmp_path: Path) -> None:
    """The header read as a judgment; training queries in the mean; the smaller of two gains."""
    (benchmark,) = read_benchmarks(_beir(tmp_path / "scifact", "q1\td1\t2\nq1\td2\t0\nq1\td1\t1\n"))
    assert benchmark.name == "scifact"
    assert benchmark.queries.query_ids == ["q1"]
    assert benchmark.queries.domains == ["scifact"]
    assert _gains(benchmark) == {("q1", "d1"): 2, ("q1", "d2"): 0}
    assert benchmark.document_texts() == ["One\nAbout one.", "\nAbout two."]
    assert benchmark.queries.candidates is None


def test_unknown_ids_are_refused_in_one_line(tmp_path: Path) -> None:
    """Half a corpus, whose missing papers quietly cost every system recall."""
    path = _beir(tmp_path / "half", "q1\td1\t1\nq1\td8\t1\nq9\td9\t1\n")
    with pytest.raises(InputError) as caught:
        read_benchmarks(path)
    message = str(caught.value)
    assert "2 of 3 that do not: 1 unknown queries (q9), 2 unknown documents (d8, d9)" in message
    assert "\n" not in message
    with pytest.raises(InputError, match="received none that can be used"):
        read_benchmarks(_beir(tmp_path / "empty", ""))


def test_scidocs(tmp_path: Path) -> None:
    """Tasks mixed up, a paper ranked against itself, papers without metadata taken for damage."""
    papers = {p: {"paper_id": p, "title": f"Title {p}", "abstract": None} for p in "abcd"}
    papers["a"]["abstract"] = "Abstract a"
    (tmp_path / "paper_metadata_view_cite_read.json").write_text(json.dumps(papers))
    for task, lines in {"cite": "a 0 b 1\na 0 c 0\na 0 z 1\n", "coview": "b 0 d 1\n"}.items():
        (tmp_path / task).mkdir()
        (tmp_path / task / "test.qrel").write_text(lines)
    (benchmark,) = read_benchmarks(tmp_path)
    assert benchmark.n_unknown == 1
    assert benchmark.queries.query_ids == ["cite/a", "coview/b"]
    assert benchmark.queries.domains == ["cite", "coview"]
    assert benchmark.queries.texts == ["Title a", "Title b"]
    assert _gains(benchmark) == {("cite/a", "b"): 1, ("cite/a", "c"): 0, ("coview/b", "d"): 1}
    assert (_pool(benchmark, 0), _pool(benchmark, 1)) == ({"b", "c"}, {"d"})
    assert benchmark.queries.itself.tolist() == [0, 1]
    (whole,) = read_benchmarks(tmp_path, title_only=False)
    assert whole.queries.texts[0] == "Title a\nAbstract a"


def test_query_by_example(tmp_path: Path) -> None:
    """One paper in two facets taken for one query; sentences of an abstract lost."""
    papers = [
        {"paper_id": p, "title": f"Title {p}", "abstract": ["One.", "Two."], "metadata": {}}
        for p in "123"
    ]
    _lines(tmp_path / "abstracts-csfcube-preds.jsonl", papers)
    for facet, gains in {"method": [3, 0], "result": [0, 1]}.items():
        found = {"1": {"cands": ["2", "3"], "relevance_adju": gains}}
        (tmp_path / f"test-pid2anns-csfcube-{facet}.json").write_text(json.dumps(found))
    (benchmark,) = read_benchmarks(tmp_path)
    assert benchmark.queries.query_ids == ["1_method", "1_result"]
    assert benchmark.queries.domains == ["method", "result"]
    assert _gains(benchmark)["1_method", "2"] == 3
    assert _gains(benchmark)["1_result", "3"] == 1
    assert _pool(benchmark, 0) == {"2", "3"}
    assert benchmark.queries.itself.tolist() == [0, 0]
    assert benchmark.abstracts[0] == "One. Two."
    (tmp_path / "test-pid2anns-csfcube-result.json").write_text('{"1": {"cands": ["2"]}}')
    with pytest.raises(InputError, match="as many `cands` as `relevance_adju`"):
        read_benchmarks(tmp_path)


def test_scirepeval_search(tmp_path: Path) -> None:
    """Scores beside the candidates, as the search task has them."""
    candidates = [
        {"doc_id": "a", "title": "A", "abstract": "x", "score": 2},
        {"doc_id": "b", "title": "B", "abstract": None, "score": 0},
    ]
    rows = [{"doc_id": "q", "query": "find a", "candidates": candidates}]
    _parquet(tmp_path / "search" / "evaluation-00000-of-00001.parquet", rows)
    _lines(tmp_path / "bad" / "meta.jsonl", [{"query": "find", "candidates": []}])
    with pytest.raises(InputError, match="doc_id"):
        read_benchmarks(tmp_path / "bad")
    (benchmark,) = read_benchmarks(tmp_path / "search")
    assert benchmark.queries.texts == ["find a"]
    assert _gains(benchmark) == {("q", "a"): 2, ("q", "b"): 0}
    assert benchmark.queries.itself.tolist() == [-1]


def test_scirepeval_proximity(tmp_path: Path) -> None:
    """Scores in a file of their own, and a query that is a paper."""
    paper = {"doc_id": 7, "title": "Seven", "abstract": "Of it"}
    candidates = [{"doc_id": i, "title": f"T{i}", "abstract": ""} for i in (7, 8, 9)]
    _lines(tmp_path / "meta.jsonl", [{"query": paper, "candidates": candidates}])
    _lines(
        tmp_path / "test_qrel.jsonl",
        [{"query_id": "7", "cand_id": str(i), "score": i - 8} for i in (8, 9)],
    )
    (benchmark,) = read_benchmarks(tmp_path, title_only=False)
    assert benchmark.queries.texts == ["Seven\nOf it"]
    assert _gains(benchmark) == {("7", "8"): 0, ("7", "9"): 1}
    assert benchmark.queries.itself.tolist() == [0]


def test_translation_search(tmp_path: Path) -> None:
    """Both directions in one corpus, where a text finds itself in its own language."""
    for direction, text in {"en-ru": "english", "ru-en": "русский"}.items():
        _parquet(
            tmp_path / f"corpus-{direction}" / "corpus-00000-of-00001.parquet",
            [{"_id": "d1", "title": f"to {text}", "text": "…"}],
        )
        _parquet(
            tmp_path / f"queries-{direction}" / "queries-00000-of-00001.parquet",
            [{"_id": "q1", "text": text}],
        )
        _parquet(
            tmp_path / direction / "test-00000-of-00001.parquet",
            [{"query-id": "q1", "corpus-id": "d1", "score": 1}],
        )
    first, second = read_benchmarks(tmp_path)
    assert (first.name, second.name) == (f"{tmp_path.name}/en-ru", f"{tmp_path.name}/ru-en")
    assert (first.queries.texts, second.queries.texts) == (["english"], ["русский"])
    assert _gains(second) == {("q1", "d1"): 1}


def test_litsearch(tmp_path: Path) -> None:
    """Full texts read into memory; lists of answers cut to the first."""
    questions = [
        {"query_set": s, "query": q, "specificity": 1, "quality": 2, "corpusids": ids}
        for s, q, ids in [("inline", "Who did one?", [11]), ("manual", "And two?", [11, 12])]
    ]
    _parquet(tmp_path / "query" / "full-00000-of-00001.parquet", questions)
    papers = [
        {"corpusid": i, "title": f"T{i}", "abstract": None, "citations": [1], "full_paper": "x"}
        for i in (11, 12)
    ]
    for part, paper in enumerate(papers):
        _parquet(tmp_path / "corpus_clean" / f"full-0000{part}-of-00002.parquet", [paper])
    (benchmark,) = read_benchmarks(tmp_path)
    assert benchmark.queries.domains == ["inline", "manual"]
    np.testing.assert_array_equal(benchmark.queries.judgments.n_relevant(), [1, 2])
    assert benchmark.titles == ["T11", "T12"]


def test_what_is_no_benchmark(tmp_path: Path) -> None:
    """A traceback for a wrong path, another layout or a file that breaks off."""
    with pytest.raises(InputError, match="received nothing"):
        read_benchmarks(tmp_path / "nowhere")
    with pytest.raises(UnrecognisedFileError, match="BEIR"):
        read_benchmarks(tmp_path)
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "paper_metadata_view_cite_read.json").write_text("[]")
    with pytest.raises(UnreadableFileError, match="received a list"):
        read_benchmarks(tmp_path / "list")
    path = _beir(tmp_path / "cut", "q1\td1\t1\n")
    (path / "corpus.jsonl").write_text('{"_id": "d1", "te')
    with pytest.raises(UnreadableFileError, match=r"corpus.jsonl, line 1: expected JSON"):
        read_benchmarks(path)
    _lines(path / "corpus.jsonl", [{"_id": "d1", "body": "x"}])
    with pytest.raises(InputError, match="received no text"):
        read_benchmarks(path)


def test_judgments_in_train_and_test_files_are_no_classification(tmp_path: Path) -> None:
    """A retrieval benchmark with a training split, probed for its "classes"."""
    for split in ("train", "test"):
        (tmp_path / f"{split}.jsonl").touch()
    assert holds_classifications(tmp_path)
    assert holds_classifications(tmp_path.parent)
    (tmp_path / "corpus.jsonl").touch()
    (tmp_path / "queries.jsonl").touch()
    assert not holds_classifications(tmp_path)
    assert not holds_classifications(tmp_path / "nothing")
