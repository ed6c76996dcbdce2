"""Answers of a search are partial and loosely typed: lists of one come as the one."""

import logging
import random
import tarfile
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpus.dblp_api import IMPORTER, MAX_BYTES
from pipeline.corpus.incoming import Recognised
from pipeline.errors import UnreadableFileError
from tests.importers import head_of, nasty_value, read, spoiled, spoiled_bytes

INFO: dict[str, Any] = {
    "authors": {"author": [{"@pid": "1/1-1", "text": "Wei Wang 0001"}, {"text": "B C"}]},
    "title": "Algorithms &amp; Data for Q&amp;A.",
    "venue": "IJCAI",
    "pages": "1-9",
    "year": "2020",
    "type": "Conference and Workshop Papers",
    "key": "conf/ijcai/WangC20",
    "doi": "10.24963/IJCAI.2020/437",
    "ee": "https://doi.org/10.24963/ijcai.2020/437",
    "url": "https://dblp.org/rec/conf/ijcai/WangC20",
}  # fmt: skip
KNOWN = Recognised("dblp", "dblp_api")


def answer(*hits: Any, total: int | None = None) -> bytes:
    counts = {"@total": str(len(hits) if total is None else total), "@sent": str(len(hits))}
    found = {"hit": list(hits)} if hits else {}
    return orjson.dumps({"result": {"query": "q", "hits": {**counts, **found}}})


def hit(**changes: Any) -> dict[str, Any]:
    return {"@score": "1", "info": {k: v for k, v in {**INFO, **changes}.items() if v is not None}}


def one(**changes: Any) -> dict[str, Any]:
    (row,) = read(IMPORTER, answer(hit(**changes))).rows
    return row


def test_a_whole_hit() -> None:
    """The same paper must read as in the dump, or it would change with every answer."""
    assert one() == {
        "op": "row",
        "venue": "ijcai",
        "year": 2020,
        "source_id": "conf/ijcai/WangC20",
        "dblp_key": "conf/ijcai/WangC20",
        "title": "Algorithms & Data for Q&A",
        "authors": ["Wei Wang", "B C"],
        "author_ids": ["Wei Wang 0001", "B C"],
        "track": "main",
        "keywords": [],
        "doi": "10.24963/ijcai.2020/437",
        "url": "https://doi.org/10.24963/ijcai.2020/437",
        "citation_source": "dblp",
        "publication_date": date(2020, 7, 2),
        "date_precision": "year",
        "source_row": 0,
    }


def test_one_author_comes_without_a_list() -> None:
    """Iterating over the object would give its keys as authors."""
    single = {"author": {"@pid": "1", "text": "Ada Lovelace"}}
    assert one(authors=single)["authors"] == ["Ada Lovelace"]
    assert one(authors={"author": "Ada Lovelace"})["authors"] == ["Ada Lovelace"]
    assert (
        one(venue=["AAAI", "IAAI"], ee=["https://x.org", "https://arxiv.org/abs/1706.03762v5"])[
            "arxiv_id"
        ]
        == "1706.03762"
    )


def test_an_answer_has_no_scope() -> None:
    """An empty answer taken for the whole of DBLP would delete it."""
    recognised = IMPORTER.recognise(head_of(answer()))
    assert recognised == KNOWN
    assert recognised.scope.whole_source is False
    assert read(IMPORTER, answer()).n_rows == 0


def test_a_cut_answer_is_used_and_said_to_be_cut(caplog: pytest.LogCaptureFixture) -> None:
    """AAAI 2018 has 1,103 papers and the API sends 1,000: silence would look like all."""
    with caplog.at_level(logging.WARNING):
        assert read(IMPORTER, answer(hit(), total=1103)).records.height == 1
    assert "1103 publications found, 1 in the file; ask for the rest with &f=1" in caplog.text


def test_editors_are_no_authors_and_volumes_no_papers() -> None:
    """The editor of a volume would get a paper called Proceedings."""
    row = one(type="Editorship", key="conf/ijcai/2020")
    assert (row["excluded_because"], row["authors"]) == ("front_matter", [])
    assert one(type="Withdrawn Items")["excluded_because"] == "withdrawn"
    assert one(authors=None)["excluded_because"] == "front_matter"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": None}, "expected a key such as"),
        ({"year": 2020}, "year: expected text, received int"),
        ({"authors": {"author": [{"@pid": "1"}]}}, "authors: expected names"),
        ({"ee": {"x": 1}}, "ee: expected text, received dict"),
    ],
)
def test_unusable_hits_say_why(changes: dict[str, Any], reason: str) -> None:
    """A reason like KeyError sends people into the code."""
    (found,) = read(IMPORTER, answer(hit(**changes))).reasons
    assert found.startswith(reason)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]",
     b'{"result": {"hits": {"hit": []}}}', b'{"result": {"hits": {"@total": "x"}}}',
     b'{"result": null}', b'{"result": {"status": {"@code": "500"}}}', b" " * (MAX_BYTES + 1)],
    ids=range(8),
)  # fmt: skip
def test_files_that_are_no_answer_are_refused_in_one_line(content: bytes) -> None:
    """An error page saved as an answer must not end in a traceback."""
    with pytest.raises(UnreadableFileError, match="DBLP answer: expected") as caught:
        read(IMPORTER, content, KNOWN)
    assert "\n" not in str(caught.value)


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_every_mutated_hit_is_accounted_for(seed: int) -> None:
    """60 × 400 hits: one that raises would lose the other 999 of its answer."""
    rng = random.Random(seed)
    hits: list[Any] = [
        {"info": spoiled(INFO, rng)} if rng.random() < 0.95 else nasty_value(rng)
        for _ in range(400)
    ]
    content = b'{"result": {"hits": {"@total": "400", "hit": [%b]}}}' % b",".join(map(_json, hits))
    assert read(IMPORTER, content, KNOWN).n_rows == 400


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # nested deeper than orjson writes, but not than it reads
        return b"[" * 900 + b"]" * 900


@settings(max_examples=300)
@given(st.integers(0, 2**32))
def test_damaged_answers_are_refused_or_read(seed: int) -> None:
    """Any other exception would be a traceback in the log of a nightly run."""
    damaged = spoiled_bytes(answer(hit(), hit(title="On Things.")), random.Random(seed))
    try:
        assert read(IMPORTER, damaged, KNOWN).n_rows <= 60
    except UnreadableFileError:
        return


def test_the_real_answers(real_lists: Path) -> None:
    """What a sample never showed: 65 answers, six of them empty, three cut at 1,000."""
    keys, n_excluded, n_empty = set(), 0, 0
    with tarfile.open(real_lists / "dblp" / "toc_api_json_AI.tar.gz") as archive:
        for member in archive:
            if not (member.isfile() and member.name.endswith(".json")):
                continue
            file = archive.extractfile(member)
            assert file is not None
            result = read(IMPORTER, file.read())
            assert result.bad.is_empty()
            assert result.n_outside == 0
            keys |= set(result.records["source_id"])
            n_excluded += result.records["excluded_because"].count()
            n_empty += result.n_rows == 0
            for row in result.rows:
                if row["source_id"] == "conf/ijcai/00010WL20":
                    sample = row
    assert (len(keys), n_excluded, n_empty) == (21_268, 100, 6)
    assert sample["authors"] == ["Feiping Nie", "Han Zhang", "Rong Wang", "Xuelong Li"]
    assert sample["author_ids"][1] == "Han Zhang 0012"
    assert sample["title"] == ("Semi-supervised Clustering via Pairwise Constrained Optimal Graph")
    assert (sample["venue"], sample["year"], sample["doi"]) == (
        "ijcai", 2020, "10.24963/ijcai.2020/437",
    )  # fmt: skip
