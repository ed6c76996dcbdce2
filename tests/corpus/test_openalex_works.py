"""OpenAlex works in every form of file: placed, dated and worded as the source means them."""

import io
from datetime import date
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyalex.api import invert_abstract

from pipeline.corpus.incoming import Batch, Head, Recognised, Scope
from pipeline.corpus.openalex_records import abstract_text
from pipeline.corpus.openalex_works import IMPORTER
from pipeline.corpus.places import Places
from pipeline.corpus.rows import BadRowError
from pipeline.errors import InputError, UnreadableFileError

PLACES = Places(
    by_name={"iclr": "iclr", "workshop on applications of computer vision": "wacv"},
    by_dblp_stream={},
    by_openalex_source={"S1": "iclr", "S2": "iclr", "S3": "wacv"},
    first_year={"iclr": 2013, "wacv": 1992},
    last_year=2027,
)


def at(source: str | None, name: str = "ICLR", page: str | None = None) -> dict[str, Any]:
    there = {"id": f"https://openalex.org/{source}", "display_name": name} if source else None
    return {"source": there, "landing_page_url": page}


WORK: dict[str, Any] = {
    "id": "https://openalex.org/W2741809807",
    "doi": "https://doi.org/10.7717/PeerJ.4375",
    "title": "The state  of &amp; OA",
    "publication_year": 2018,
    "publication_date": "2018-02-13",
    "type": "article",
    "primary_location": at("S9", "A journal", "https://doi.org/10.7717/peerj.4375"),
    "locations": [at("S9"), at(None, page="http://arxiv.org/abs/1802.00001v2"), at("S1")],
    "authorships": [
        {
            "author": {"id": "https://openalex.org/A51", "display_name": "Heather Piwowar"},
            "institutions": [{"display_name": "Impactstory"}, {"display_name": "NESCent"}],
            "raw_affiliation_strings": ["Impactstory, Sanford, NC, USA"],
        },
        {
            "author": {"id": None, "display_name": None},
            "raw_author_name": "Jason Priem",
            "institutions": [],
            "raw_affiliation_strings": ["Impactstory, Sanford, NC, USA"],
        },
        {"author": {"id": "https://openalex.org/A53", "display_name": "V. Larivière"}},
    ],
    "cited_by_count": 1094,
    "is_retracted": False,
    "is_paratext": False,
    "referenced_works": ["https://openalex.org/W11", "https://openalex.org/W12"],
    "abstract_inverted_index": {"open": [1, 3], "We": [0], "and": [2], "closed": [9]},
}
CRAWL = {
    "csimpact": "openalex_crawl", "venue": "iclr", "year": 2018, "observed_on": "2026-11-21",
    "complete": True, "n_works": 2,
}  # fmt: skip
POLL = {"csimpact": "openalex_poll", "observed_on": "2026-11-22"}


def lines(*rows: object) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def told(head: Head) -> Recognised:
    recognised = IMPORTER.recognise(head)
    assert recognised is not None
    return recognised


def read(*rows: object) -> Batch:
    data = lines(*rows)
    (batch,) = IMPORTER.read(io.BytesIO(data), told(Head(data, "x")), PLACES)
    return batch


def values(batch: Batch) -> list[dict[str, Any]]:
    """What the records have values in."""
    assert batch.bad.height == 0, batch.bad["reason"].to_list()
    return [{k: v for k, v in r.items() if v is not None} for r in batch.records.to_dicts()]


def record(**changes: Any) -> dict[str, Any]:
    (row,) = values(read(WORK | changes))
    return row


def reason(**changes: Any) -> str:
    batch = read(WORK | changes)
    assert batch.records.height == batch.n_outside == 0
    return str(batch.bad["reason"].item())


MEANT = {
    "op": "row",
    "venue": "iclr",
    "year": 2018,
    "source_id": "W2741809807",
    "title": "The state of & OA",
    "abstract": "We open and open closed",
    "authors": ["Heather Piwowar", "Jason Priem", "V. Larivière"],
    "author_ids": ["A51", "", "A53"],
    "affiliations": ["Impactstory; NESCent", "Impactstory, Sanford, NC, USA", ""],
    "track": "main",
    "keywords": [],
    "doi": "10.7717/peerj.4375",
    "arxiv_id": "1802.00001",
    "openalex_id": "W2741809807",
    "url": "https://doi.org/10.7717/peerj.4375",
    "citation_source": "openalex",
    "cited_by_count": 1094,
    "publication_date": date(2018, 2, 13),
    "date_precision": "day",
    "is_retracted": False,
    "references": ["W11", "W12"],
    "source_row": 0,
}


def test_a_whole_work() -> None:
    """A column read from the wrong field would be wrong in every table downstream."""
    assert record() == MEANT


def test_the_place_of_a_work() -> None:
    """A paper is found through any location; a stranger counts, but is no fault."""
    elsewhere = {"locations": [], "primary_location": at("S9")}
    batch = read(
        WORK | {"primary_location": at("S2"), "locations": None},
        WORK | {"primary_location": at("S3"), "locations": [at("S1")]},  # the primary one decides
        WORK | elsewhere,
        WORK | elsewhere | {"primary_location": None},
        WORK | {"publication_year": 2012},
        WORK | {"publication_year": None},
    )
    assert batch.records["venue"].to_list() == ["iclr", "wacv"]
    assert batch.n_outside == 2
    assert batch.bad["reason"].to_list() == [
        "publication_year: expected 2013..2027 for iclr, received 2012",
        "publication_year: expected 2013..2027 for iclr, received none",
    ]


def test_workshops_are_told_by_where_a_work_appeared() -> None:
    """Of several locations only the one in the venue tells: the journal's name is its own."""
    tracks = [
        record(primary_location=at("S9", "Workshop reports"))["track"],
        record(locations=[at("S1", "ICLR Workshops")])["track"],
        record(locations=[at("S1") | {"raw_source_name": "ICLR 2018 workshop"}])["track"],
        record(locations=[at("S3", "IEEE Workshop on Applications of Computer Vision")])["track"],
    ]
    assert tracks == ["main", "workshop", "workshop", "main"]


def test_default_dates_and_missing_ones() -> None:
    """One work in seven is dated 1 January because nobody knew: no paper appears that day."""
    dates = {
        given: (row["publication_date"], row["date_precision"])
        for given in ("2018-01-01", None, "2017-12-31", "2018-02-13T10:00:00")
        for row in [record(publication_date=given)]
    }
    assert dates == {
        "2018-01-01": (date(2018, 7, 2), "year"),
        None: (date(2018, 7, 2), "year"),
        "2017-12-31": (date(2017, 12, 31), "day"),
        "2018-02-13T10:00:00": (date(2018, 2, 13), "day"),
    }


def test_what_is_no_paper() -> None:
    """Paratext in a pool has no citations and makes everybody else look good."""
    reasons = [
        record(is_paratext=True, title=None),
        record(type="paratext"),
        record(title="Front Matter"),
        record(title="Untitled", authorships=[]),
    ]
    assert [r["excluded_because"] for r in reasons] == [*["front_matter"] * 3, "placeholder"]


def test_the_arxiv_id_stands_in_several_places() -> None:
    """Without it the preprint and the paper stay two papers with half the citations each."""
    nowhere = {"locations": [at("S1")], "doi": None}
    found = [
        record(**nowhere, ids={"arxiv": "https://arxiv.org/abs/cs/0112017"}),
        record(**nowhere | {"doi": "https://doi.org/10.48550/arXiv.1706.03762"}),
        record(**nowhere, ids={"doi": "https://doi.org/10.48550/arxiv.1706.03762"}),
    ]
    assert [(r["arxiv_id"], r.get("doi")) for r in found] == [
        ("cs/0112017", None),
        ("1706.03762", "10.48550/arxiv.1706.03762"),
        ("1706.03762", "10.48550/arxiv.1706.03762"),
    ]
    assert "arxiv_id" not in record(**nowhere)


def test_unknown_references_are_not_none() -> None:
    """Absent references read as an empty list would say that a paper cites nothing."""
    assert "references" not in record(referenced_works=None)
    assert record(referenced_works=[])["references"] == []
    assert reason(referenced_works=["10.1/a"]).startswith("referenced_works: expected work ids")


@given(st.lists(st.text(min_size=1, max_size=3), max_size=30))
def test_abstracts_equal_those_of_pyalex(words: list[str]) -> None:
    """Words out of order would change the vector of the paper, and with it its pool."""
    index: dict[str, list[int]] = {}
    for position, word in enumerate(words):
        index.setdefault(word, []).append(position)
    assert abstract_text(index) == invert_abstract(index) == " ".join(words)
    assert abstract_text({"IndexLength": len(words), "InvertedIndex": index}) == " ".join(words)


def test_abstracts_with_impossible_positions() -> None:
    """A list laid out by position would take all memory for one number."""
    assert abstract_text({"far": [2**63 - 1], "We": [0], "too": [0]}) == "We too far"
    assert abstract_text({}) == abstract_text({"none": []}) == ""
    for wrong in ({"We": [-1]}, {"We": [0.5]}, {"We": 0}, {"We": [True]}, {"We": [[0]]}, [], 3):
        with pytest.raises(BadRowError, match="abstract_inverted_index: expected"):
            abstract_text(wrong)


def test_nested_fields_may_come_as_json_text() -> None:
    """The snapshots of 2023 and many Parquet conversions pack nested fields into text."""
    packed = {
        key: orjson.dumps(WORK[key]).decode()
        for key in ("primary_location", "locations", "authorships", "abstract_inverted_index")
    }
    assert record(**packed) == MEANT
    assert reason(authorships="[{") == (
        "authorships: expected JSON, received text that is none: "
        "unexpected end of data: line 1 column 3 (char 2)"
    )


def as_table(nested: bool) -> pa.Table:
    rows = [
        WORK | {"abstract_inverted_index": orjson.dumps(WORK["abstract_inverted_index"]).decode()},
        WORK | {"locations": [at("S9")], "abstract_inverted_index": None},
        WORK | {"id": None, "abstract_inverted_index": None},
    ]
    if not nested:
        rows = [
            {k: orjson.dumps(v).decode() if isinstance(v, dict | list) else v for k, v in r.items()}
            for r in rows
        ]
    return pa.Table.from_pylist(rows)


def parquet(table: pa.Table) -> tuple[bytes, Recognised]:
    file = io.BytesIO()
    pq.write_table(table, file)
    data = file.getvalue()
    return data, told(Head(data[:65536], "part_000", tuple(table.column_names)))


@pytest.mark.parametrize("nested", [True, False])
def test_the_snapshot_as_parquet(nested: bool) -> None:
    """The same work must read the same from either form of the snapshot."""
    table = as_table(nested)
    days = pa.array([date(2018, 2, 13)] * 3)
    for column in (table["publication_date"], days):  # as text and as a date
        at_index = table.column_names.index("publication_date")
        dated = table.set_column(at_index, "publication_date", column)
        data, recognised = parquet(dated.append_column("fwci", pa.array([1.0, 2.0, 3.0])))
        (batch,) = IMPORTER.read(io.BytesIO(data), recognised, PLACES)
        assert {k: v for k, v in batch.records.row(0, named=True).items() if v is not None} == MEANT
        assert (batch.records.height, batch.n_outside) == (1, 1)
        assert batch.bad.select("source_row", "reason").rows() == [
            (2, "id: expected an OpenAlex work id, received None")
        ]


def test_abstracts_as_a_parquet_map() -> None:
    """Maps come back as lists of pairs unless asked otherwise."""
    index = pa.array(
        [list(WORK["abstract_inverted_index"].items()), None, None],
        pa.map_(pa.string(), pa.list_(pa.int32())),
    )
    table = as_table(nested=True).drop_columns("abstract_inverted_index")
    data, recognised = parquet(table.append_column("abstract_inverted_index", index))
    (batch,) = IMPORTER.read(io.BytesIO(data), recognised, PLACES)
    assert batch.records["abstract"].to_list() == [MEANT["abstract"]]


def test_parquet_values_that_python_cannot_hold() -> None:
    """One impossible day must cost its row, not the two thousand it is read with."""
    days = pa.array([0, 2**31 - 1, 0], pa.int32()).cast(pa.date32())
    table = as_table(nested=True).drop_columns("publication_date")
    data, recognised = parquet(table.append_column("publication_date", days))
    (batch,) = IMPORTER.read(io.BytesIO(data), recognised, PLACES)
    assert batch.records["publication_date"].to_list() == [date(1970, 7, 2)]
    assert batch.bad["source_row"].to_list() == [1, 2]
    assert batch.bad["reason"][0].startswith("expected readable values, received: ")


def test_damaged_parquet_is_refused_in_one_line() -> None:
    """A traceback of Arrow's tells nobody what to do."""
    data, recognised = parquet(as_table(nested=True))
    for broken in (data[:-9], data[:4] + b"\xff" * 200 + data[204:]):
        with pytest.raises(UnreadableFileError, match="expected readable Parquet"):
            list(IMPORTER.read(io.BytesIO(broken), recognised, PLACES))


def test_a_crawl_places_all_its_works() -> None:
    """The crawler asked for a venue-year: works that call themselves otherwise belong there too."""
    stranger = {
        "id": "https://openalex.org/W55", "title": "Another", "publication_year": 1999,
        "locations": [], "primary_location": at("S9", "Some journal"), "cited_by_count": 4,
    }  # fmt: skip
    data = lines(CRAWL, WORK, stranger)
    recognised = told(Head(data, "x"))
    assert (recognised.kind, recognised.observed_on) == ("crawl", "2026-11-21")
    assert recognised.scope == Scope(cell=("iclr", 2018))
    batch = read(CRAWL, WORK, stranger)
    assert values(batch)[0] == MEANT | {"source_row": 1}
    assert batch.records.select("venue", "year", "publication_date", "source_row").rows()[1] == (
        "iclr", 2018, date(2018, 7, 2), 2,
    )  # fmt: skip
    part = lines(CRAWL | {"complete": False}, WORK)
    assert told(Head(part, "x")).scope == Scope()


@pytest.mark.parametrize("n_works", [1, 3])
def test_a_crawl_of_another_length_is_refused(n_works: int) -> None:
    """A crawl cut off at a line's end would delete every work after the cut."""
    with pytest.raises(InputError, match=f"expected the {n_works} works .* received 2"):
        read(CRAWL | {"n_works": n_works}, WORK, WORK | {"title": None})


@pytest.mark.parametrize("header", [{"venue": "unheard"}, {"year": 2012}, {"year": 2028}])
def test_a_crawl_of_no_registered_cell_is_refused(header: dict[str, Any]) -> None:
    """Rows of a cell that does not exist would have no partition to lie in."""
    with pytest.raises(InputError, match="expected a registered venue and a year it has"):
        read(CRAWL | header | {"n_works": 1}, WORK)


@pytest.mark.parametrize(
    "header",
    [
        CRAWL | {"n_works": "2"},
        CRAWL | {"complete": None},
        CRAWL | {"observed_on": "yesterday"},
        CRAWL | {"csimpact": "openalex_dance"},
        POLL | {"observed_on": None},
    ],
)
def test_a_header_that_lacks_something_is_refused(header: dict[str, Any]) -> None:
    """Read as a snapshot, a crawl would scatter over venues and delete nothing."""
    with pytest.raises(InputError, match="first line: expected the header"):
        IMPORTER.recognise(Head(lines(header, WORK), "x"))


def test_a_poll_tells_what_changed() -> None:
    """Each kind of news must do its own thing and nothing else to the stored row."""
    address = "https://openalex.org/W77"
    outside = {"primary_location": at("S9"), "locations": [], "authorships": [], "doi": None}
    batch = read(
        POLL,
        {"id": address, "cited_by_count": 12, "counts_only": True},
        {"id": address, "deleted": True},
        {"id": address, "merged_into": "https://openalex.org/W88"},
        WORK,
        WORK | outside | {"publication_date": None},
    )
    patch = {
        key: MEANT[key]
        for key in (
            "source_id", "openalex_id", "title", "abstract", "citation_source",
            "cited_by_count", "is_retracted", "references",
        )
    }  # fmt: skip
    count = {"cited_by_count": 12, "citation_source": "openalex"}
    assert values(batch) == [
        {"op": "patch", "source_id": "W77", **count, "source_row": 1},
        {"op": "delete", "source_id": "W77", "source_row": 2},
        {"op": "merge", "source_id": "W77", "merged_into": "W88", "source_row": 3},
        MEANT | {"source_row": 4},
        patch | {"op": "patch", "source_row": 5},
    ]
    recognised = told(Head(lines(POLL), "x"))
    assert (recognised.kind, recognised.scope, recognised.observed_on) == (
        "poll", Scope(), "2026-11-22",
    )  # fmt: skip


def test_a_poll_of_nonsense() -> None:
    """A work merged into itself would vanish."""
    address = "https://openalex.org/W77"
    batch = read(
        POLL,
        {"id": address, "merged_into": address},
        {"id": address, "merged_into": "A5"},
        {"id": address, "counts_only": True},
        {"id": address, "cited_by_count": 3},
        {"deleted": True},
    )
    assert batch.bad["reason"].to_list() == [
        "merged_into: expected another work, received W77 itself",
        "merged_into: expected an OpenAlex work id, received 'A5'",
        "cited_by_count: expected a whole number, received none",
        "expected a title, received none",
        "id: expected an OpenAlex work id, received None",
    ]


def test_works_longer_than_the_beginning_are_recognised() -> None:
    """Works of large collaborations are longer than what an importer sees of a file."""
    crowd = WORK | {"authorships": WORK["authorships"] * 1000}
    for order in (crowd, dict(reversed(crowd.items()))):  # the id first, the id beyond the cut
        assert told(Head(lines(order)[:65536], "x")).kind == "works"


@pytest.mark.parametrize(
    ("data", "columns"),
    [
        (b'{"id": "https://openalex.org/S1", "display_name": "ICLR"}\n', ()),
        (b'{"id": "https://openalex.org/W1"}\n', ()),
        (b'{"corpusid": 1, "title": "A"}\n', ()),
        (b"<dblp>", ()),
        (b"", ()),
        (b"PAR1", ("id", "publication_year", "title")),
        (b"PAR1", ("authorships", "id")),
    ],
)
def test_other_files_are_left_to_others(data: bytes, columns: tuple[str, ...]) -> None:
    """OpenAlex hands out authors and sources in the same shape of file."""
    assert IMPORTER.recognise(Head(data, "works", columns)) is None
