"""Semantic Scholar's files: each told apart by what stands in it, each row read as it is meant."""

import io
from datetime import date
from typing import Any

import orjson
import pytest

from pipeline.corpus.incoming import Batch, Head, Recognised
from pipeline.corpus.places import Places
from pipeline.corpus.semantic_scholar import IMPORTER

PLACES = Places(
    by_name={
        "international conference on learning representations": "iclr",
        "ieee workshop/winter conference on applications of computer vision": "wacv",
    },
    by_dblp_stream={"conf/iclr": "iclr", "conf/nips": "nips"},
    by_openalex_source={},
    first_year={"iclr": 2013, "nips": 1987, "wacv": 1992},
    last_year=2027,
)
PAPER: dict[str, Any] = {
    "corpusid": 13756489,
    "externalids": {
        "ACL": "D10-1001", "DBLP": "conf/nips/VaswaniSPUJGKP17", "ArXiv": "1706.03762v5",
        "MAG": "1", "CorpusId": "13756489", "PubMed": None, "DOI": "10.5555/AbC",
    },
    "url": "https://www.semanticscholar.org/paper/204e",
    "title": "Attention  is All you Need",
    "authors": [
        {"authorId": "40348417", "name": "Ashish Vaswani"},
        {"authorId": "1", "name": "Wei Wang"},
        {"authorId": "2", "name": "Wei Wang"},
        {"authorId": "1", "name": "Wei Wang"},
        {"authorId": None, "name": "N. Shazeer"},
    ],
    "venue": "Neural Information Processing Systems",
    "publicationvenueid": "d9720b90",
    "year": 2017,
    "referencecount": 42,
    "citationcount": 100000,
    "influentialcitationcount": 17000,
    "isopenaccess": False,
    "s2fieldsofstudy": [{"category": "Computer Science", "source": "s2-fos-model"}],
    "publicationtypes": ["JournalArticle"],
    "publicationdate": "2017-06-12",
    "journal": {"pages": "5998-6008"},
}  # fmt: skip
GRAPH = {
    "paperId": "204e", "corpusId": 5, "externalIds": {"DBLP": "conf/iclr/X", "CorpusId": 5},
    "title": "On Things", "abstract": "We study.", "authors": [{"authorId": "9", "name": "A B"}],
    "venue": "", "year": 2018, "citationCount": 3, "publicationDate": None,
}  # fmt: skip
S2ORC = {
    "paper_id": "77499681", "title": "On Fractures", "abstract": None, "year": 2016,
    "authors": [{"first": "Chul Hyun", "middle": ["X."], "last": "Park", "suffix": "Jr."}],
    "venue": None, "journal": "International Conference on Learning Representations",
    "doi": "10.4055/J.2016", "arxiv_id": "1501.07418", "acl_id": None,
    "has_outbound_citations": True, "outbound_citations": ["71492442", "8323353"],
    "has_inbound_citations": True, "inbound_citations": ["1"], "s2_url": "https://s2/77499681",
}  # fmt: skip
CITATION = {
    "citationid": 901, "citingcorpusid": 5, "citedcorpusid": 7, "isinfluential": True,
    "contexts": None, "intents": [["background"], None, ["methodology", "background"]],
}  # fmt: skip


def told(head: Head) -> Recognised:
    recognised = IMPORTER.recognise(head)
    assert recognised is not None
    return recognised


def read(*rows: object, name: str = "part.jsonl") -> Batch:
    data = b"\n".join(orjson.dumps(row) for row in rows)
    (batch,) = IMPORTER.read(io.BytesIO(data), told(Head(data, name)), PLACES)
    return batch


def record(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What the one record has values in."""
    batch = read(row | changes)
    assert batch.bad.height == 0, batch.bad["reason"].to_list()
    return {k: v for k, v in batch.records.row(0, named=True).items() if v is not None}


def reason(row: dict[str, Any], **changes: Any) -> str:
    batch = read(row | changes)
    assert batch.records.height == batch.edges.height == batch.n_outside == 0
    return str(batch.bad["reason"].item())


def test_a_whole_paper() -> None:
    """A column read from the wrong field would be wrong in every table downstream."""
    assert record(PAPER) == {
        "op": "row",
        "venue": "nips",
        "year": 2017,
        "source_id": "13756489",
        "title": "Attention is All you Need",
        "authors": ["Ashish Vaswani", "Wei Wang", "Wei Wang", "N. Shazeer"],
        "author_ids": ["40348417", "1", "2", ""],
        "track": "main",
        "keywords": [],
        "doi": "10.5555/abc",
        "arxiv_id": "1706.03762",
        "dblp_key": "conf/nips/VaswaniSPUJGKP17",
        "s2_corpus_id": "13756489",
        "acl_id": "D10-1001",
        "url": "https://www.semanticscholar.org/paper/204e",
        "citation_source": "semantic_scholar",
        "cited_by_count": 100000,
        "publication_date": date(2017, 6, 12),
        "date_precision": "day",
        "source_row": 0,
    }


def test_an_object_of_the_graph_api() -> None:
    """The API writes the same fields in another case, and the id may stand in two places."""
    expected = {
        "op": "row",
        "venue": "iclr",
        "year": 2018,
        "source_id": "5",
        "title": "On Things",
        "abstract": "We study.",
        "authors": ["A B"],
        "author_ids": ["9"],
        "track": "main",
        "keywords": [],
        "dblp_key": "conf/iclr/X",
        "s2_corpus_id": "5",
        "citation_source": "semantic_scholar",
        "cited_by_count": 3,
        "publication_date": date(2018, 7, 2),
        "date_precision": "year",
        "source_row": 0,
    }
    assert record(GRAPH) == expected
    assert record({k: v for k, v in GRAPH.items() if k != "corpusId"}) == expected
    assert reason(GRAPH, corpusId=None, externalIds=None).startswith("corpusid: expected")


def test_a_metadata_row_of_s2orc() -> None:
    """S2ORC's own citing papers are a fraction: taken for a count they would belittle papers."""
    assert record(S2ORC) == {
        "op": "row",
        "venue": "iclr",
        "year": 2016,
        "source_id": "77499681",
        "title": "On Fractures",
        "authors": ["Chul Hyun X. Park Jr."],
        "track": "main",
        "keywords": [],
        "doi": "10.4055/j.2016",
        "arxiv_id": "1501.07418",
        "s2_corpus_id": "77499681",
        "url": "https://s2/77499681",
        "citation_source": "semantic_scholar",
        "publication_date": date(2016, 7, 2),
        "date_precision": "year",
        "references": ["71492442", "8323353"],
        "source_row": 0,
    }
    # Without a parsed PDF the list is empty because nobody looked.
    assert "references" not in record(S2ORC, has_outbound_citations=False, outbound_citations=[])


def test_the_venue_of_a_paper() -> None:
    """Preprints and strangers must not be taken for papers of a venue, nor papers be missed."""
    name = "International Conference on Learning Representations"
    arxiv = {"DBLP": "journals/corr/abs-1706-03762"}
    batch = read(
        PAPER | {"externalids": arxiv, "venue": name.upper()},  # by name, in any case
        PAPER | {"externalids": None, "venue": "arXiv.org"},
        PAPER | {"externalids": arxiv, "venue": None},
        PAPER | {"venue": name},  # DBLP's key says NeurIPS
        PAPER | {"year": None},
        PAPER | {"year": 1950},
    )
    assert batch.records["venue"].to_list() == ["iclr", "nips"]
    assert batch.n_outside == 2
    assert batch.bad["reason"].to_list() == [
        "year: expected 1987..2027 for nips, received none",
        "year: expected 1987..2027 for nips, received 1950",
    ]


def test_workshops_are_told_from_the_main_track() -> None:
    """DBLP files workshop papers under the conference; WACV is a workshop in name only."""
    assert record(PAPER, venue="NIPS Workshop on Things")["track"] == "workshop"
    wacv = "IEEE Workshop/Winter Conference on Applications of Computer Vision"
    assert record(PAPER, externalids={}, venue=wacv)["track"] == "main"


def test_dates_nobody_knew() -> None:
    """1 January is what sources fill in: taken for real it would move a paper by half a year."""
    dates = {d: record(PAPER, publicationdate=d) for d in ("2017-01-01", None, "2016-12-31")}
    assert {d: (r["publication_date"], r["date_precision"]) for d, r in dates.items()} == {
        "2017-01-01": (date(2017, 7, 2), "year"),
        None: (date(2017, 7, 2), "year"),
        "2016-12-31": (date(2016, 12, 31), "day"),
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"corpusid": None}, "corpusid: expected a number as id, received none"),
        ({"corpusid": -4}, "corpusid: expected a number as id, received -4"),
        ({"title": "..."}, "expected a title, received none"),
        ({"title": ["a"]}, "title: expected text, received list"),
        ({"title": "x" * 1001}, "expected a title of at most 1000 characters, received 1001"),
        ({"authors": "Ada"}, "authors: expected a list, received str"),
        ({"authors": [{}, 0]}, "authors: expected a list of objects, received int"),
        ({"citationcount": 1.5}, "citationcount: expected a whole number, received float"),
        ({"citationcount": True}, "citationcount: expected a whole number, received bool"),
        ({"citationcount": -1}, "citationcount: expected 0..10000000, received -1"),
        (
            {"publicationdate": "2017-02-30"},
            "publicationdate: expected a day such as 2024-06-21, received 2017-02-30",
        ),
        (
            {"publicationdate": "0001-02-03"},
            "publicationdate: expected a day of 1800..2199, received 0001-02-03",
        ),
        ({"externalids": []}, "externalids: expected an object, received list"),
    ],
)
def test_bad_rows_have_a_reason(changes: dict[str, Any], expected: str) -> None:
    """A person decides by the reason whether the dump or the reader is at fault."""
    assert reason(PAPER, **changes) == expected


def test_prefaces_are_kept_and_marked() -> None:
    """A preface in a pool of papers has no citations and makes everybody else look good."""
    assert record(PAPER, title="Preface", authors=[])["excluded_because"] == "front_matter"


def test_abstracts_patch_papers() -> None:
    """An abstract placed anywhere but by its id, or emptying other columns, would be no patch."""
    batch = read(
        {"corpusid": 5, "openaccessinfo": {"license": None}, "abstract": "We  study."},
        {"corpusid": 6, "openaccessinfo": None, "abstract": None},
        {"corpusid": 7, "openaccessinfo": None, "abstract": 3},
    )
    assert [{k: v for k, v in r.items() if v is not None} for r in batch.records.to_dicts()] == [
        {"op": "patch", "source_id": "5", "abstract": "We study.", "source_row": 0}
    ]
    assert batch.n_outside == 1
    assert batch.bad["reason"].to_list() == ["abstract: expected text, received int"]


def test_citations_become_edges() -> None:
    """Intents come as lists of lists, a list or null; whom nobody knows is no edge and no fault."""
    batch = read(
        CITATION,
        CITATION | {"intents": None, "isinfluential": None, "citationid": None},
        CITATION | {"intents": ["background"]},
        CITATION | {"citedcorpusid": None},
        CITATION | {"intents": [["background"], [3]]},
        CITATION | {"citingcorpusid": None},
    )
    assert batch.edges.drop("source_row").rows() == [
        ("row", "5", "7", ["background", "methodology"], True, "901"),
        ("row", "5", "7", None, None, None),
        ("row", "5", "7", ["background"], True, "901"),
    ]
    assert batch.n_outside == 1
    assert batch.bad["reason"].to_list() == [
        "intents: expected texts, received int",
        "citingcorpusid: expected a number as id, received none",
    ]


def test_deletions() -> None:
    """Of abstracts only the text goes: deleting the paper would take its count and score along."""
    rows = [{"corpusid": 5}, {"corpusid": "x"}]
    papers = read(*rows, name="papers-delete-00.jsonl")
    assert papers.records.select("op", "source_id", "abstract").rows() == [("delete", "5", None)]
    assert papers.bad.height == 1
    abstracts = read(*rows, name="Abstracts-delete-00.jsonl")
    assert abstracts.records.select("op", "source_id", "abstract").rows() == [("patch", "5", "")]
    by_number = read({"citationid": 901}, {"citationid": None}, {"citationid": 902})
    ends = ("op", "citing_id", "cited_id", "edge_id")
    assert by_number.edges.select(ends).rows() == [
        ("delete", None, None, "901"),
        ("delete", None, None, "902"),
    ]
    assert by_number.bad["reason"].to_list() == [
        "expected citationid, or citingcorpusid and citedcorpusid, received neither"
    ]
    by_ends = read({"citingcorpusid": 5, "citedcorpusid": 7}, name="citations-delete.jsonl")
    assert by_ends.edges.select(ends).rows() == [("delete", "5", "7", None)]


@pytest.mark.parametrize(
    ("row", "name", "kind", "by_id"),
    [
        (PAPER, "abstracts-deleted-citations", "papers", False),
        (GRAPH, "x", "graph_papers", False),
        ({"paperId": "a", "title": "b"}, "x", "graph_papers", False),
        (S2ORC, "x", "s2orc", False),
        ({"corpusid": 1, "openaccessinfo": {}, "abstract": "b"}, "papers", "abstracts", True),
        (CITATION, "delete", "citations", True),
        ({"citingcorpusid": 5, "citedcorpusid": 7}, "my-pairs", "citations", True),
        ({"citingcorpusid": 5, "citedcorpusid": 7}, "x-delete", "citations_deleted", True),
        ({"citationid": 5}, "x", "citations_deleted", True),
        ({"corpusid": 1}, "papers_delete", "papers_deleted", True),
        ({"corpusid": 1}, "abstracts_delete", "abstracts_deleted", True),
    ],
)
def test_each_file_is_told_by_its_rows(row: Any, name: str, kind: str, by_id: bool) -> None:
    """The name may settle what the rows leave open; trusted for more, a renamed file deletes."""
    data = b'{"corpusid": 1, "tit\n' + orjson.dumps(row) + b"\n" + orjson.dumps(row)[:30]
    recognised = told(Head(data.ljust(65536), name))
    assert (recognised.source, recognised.kind, recognised.by_id) == (
        "semantic_scholar",
        kind,
        by_id,
    )


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'{"corpusid": 1}\n', "tldrs"),
        (b'{"corpusid": 1}\n', "papers-or-abstracts"),
        (b'{"corpusid": 1, "vector": "[0.1]"}\n', "embeddings-papers"),
        (b'[{"title": "A", "authors": []}]', "papers"),
        (b'{"id": "https://openalex.org/W1", "title": "A"}', "papers"),
        (b"", "papers"),
        (b"\x1f\x8b\x00\xff", "papers"),
    ],
)
def test_other_files_are_left_to_others(data: bytes, name: str) -> None:
    """A stranger's file read as deletions would empty the library."""
    assert IMPORTER.recognise(Head(data, name)) is None
