"""Whatever stands in a dump, an importer ends with every row in one place and a reason for the bad.

Each example applies every pair of some drawn mutations to a sound row, so that faults meet each
other; together the importers are fed more than 20,000 mutated rows.
"""

import io
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import product
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.corpus import openalex_works, semantic_scholar
from pipeline.corpus.incoming import (
    BAD_ROW_SCHEMA,
    EDGE_SCHEMA,
    RECORD_SCHEMA,
    Batch,
    Importer,
    Recognised,
)
from pipeline.corpus.places import Places
from pipeline.tables import DUMP_RECORDS

PLACES = Places(
    by_name={"iclr": "iclr"},
    by_dblp_stream={"conf/iclr": "iclr"},
    by_openalex_source={"S11": "iclr"},
    first_year={"iclr": 2013},
    last_year=2027,
)
PAPER: dict[str, Any] = {
    "corpusid": 5,
    "externalids": {"ACL": "D1", "DBLP": "conf/iclr/X", "ArXiv": "1706.03762", "DOI": "10.1/a"},
    "url": "https://s2/5",
    "title": "On Things",
    "abstract": "We study.",
    "authors": [{"authorId": "1", "name": "A B"}, {"authorId": None, "name": "C"}],
    "venue": "ICLR",
    "year": 2018,
    "citationcount": 3,
    "publicationdate": "2018-05-07",
}
GRAPH = {
    "paperId": "a",
    "corpusId": 5,
    "externalIds": {"CorpusId": 5},
    "title": "On Things",
    "venue": "ICLR",
    "year": 2018,
    "citationCount": 3,
}
S2ORC = {
    "paper_id": "5",
    "title": "On Things",
    "authors": [{"first": "A", "middle": ["B"], "last": "C", "suffix": ""}],
    "year": 2018,
    "venue": None,
    "journal": "ICLR",
    "doi": "10.1000/a",
    "has_outbound_citations": True,
    "outbound_citations": ["6", "7"],
}
CITATION = {
    "citationid": 9,
    "citingcorpusid": 5,
    "citedcorpusid": 7,
    "isinfluential": True,
    "intents": [["background"], None],
}
PLACE = {
    "source": {"id": "https://openalex.org/S11", "display_name": "ICLR"},
    "landing_page_url": "http://arxiv.org/abs/1802.00001",
}
WORK = {
    "id": "https://openalex.org/W27",
    "doi": "https://doi.org/10.7717/a",
    "ids": {"doi": "https://doi.org/10.7717/a"},
    "title": "On Things",
    "publication_year": 2018,
    "publication_date": "2018-02-13",
    "primary_location": PLACE,
    "locations": [PLACE],
    "authorships": [
        {
            "author": {"id": "https://openalex.org/A5", "display_name": "A B"},
            "institutions": [{"display_name": "C"}],
            "raw_affiliation_strings": ["D"],
        }
    ],
    "cited_by_count": 10,
    "is_retracted": False,
    "is_paratext": False,
    "referenced_works": ["https://openalex.org/W11"],
    "abstract_inverted_index": {"We": [0], "study": [1]},
}
ADDRESS = "https://openalex.org/W27"
POLLED = {"id": ADDRESS, "deleted": False, "merged_into": ADDRESS + "1", "counts_only": True}
COUNT = {"id": ADDRESS, "cited_by_count": 12, "counts_only": True}

DEEP: Any = []
for _ in range(400):
    DEEP = [DEEP]
VALUES = (
    None, True, False, 0, -1, 7, 2**31, 2**63, 10**30, 1.5, -0.0, 1e308,
    float("nan"), float("inf"), "", " ", "5", "-5", "٣", "x" * 3000, "\x00\x1b\x7f", "\ud800",
    "é\u0301\u202e", "𝔘", "2018-13-45", "0000-00-00", "https://openalex.org/W99", "[", '{"a": [0]}',
    [], {}, [None], [[]], [{}], ["a"], [0, "a", None], {"": None}, {"a": {"b": [1]}},
    {"We": [10**12, 0, 0], "go": [-1]}, {"w": [2**62]}, DEEP,
)  # fmt: skip
RAW = (
    lambda line: line[: len(line) // 2],
    lambda line: line + b"}",
    lambda line: line.replace(b"o", b"\xff", 1),
    lambda line: b"\xef\xbb\xbf" + line,
    lambda line: line.replace(b"{", b"{\x00", 1),
    lambda line: b"[" + line + b"]",
    lambda line: b"[" * 100_000,
    lambda line: line.replace(b":", b":1e", 1),
)

Mutation = tuple[int, int]


def paths(value: Any, stem: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of everything in a row."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*stem, key)
        if isinstance(inner, dict | list):
            yield from paths(inner, (*stem, key))


def mutate(row: Any, mutation: Mutation) -> None:
    """Drops, repeats, wraps or replaces one thing, somewhere in the row."""
    where, what = mutation
    places = list(paths(row))
    if not places:
        return
    *stem, last = places[where % len(places)]
    parent = row
    for key in stem:
        parent = parent[key]
    match what % (len(VALUES) + 4):
        case 0:
            del parent[last]
        case 1:
            parent[last] = [parent[last]]
        case 2:
            parent[last] = {"value": parent[last]}
        case 3:
            parent[last] = str(parent[last])
        case n:
            parent[last] = deepcopy(VALUES[n - 4])


def mutated(row: Any, mutations: list[Mutation]) -> list[Any]:
    rows = []
    for pair in product(mutations, repeat=2):
        rows.append(deepcopy(row))
        for mutation in pair:
            mutate(rows[-1], mutation)
    return rows


def as_lines(rows: list[Any]) -> bytes:
    lines = [json.dumps(row).encode() for row in rows]
    return b"\n".join(lines + [spoil(lines[0]) for spoil in RAW]) + b"\n"


def check(batches: list[Batch], n_rows: int) -> None:
    """Every row is in one place, every frame as declared, every reason made of words."""
    records, edges, bad = (
        pl.concat(getattr(b, name) for b in batches) for name in ("records", "edges", "bad")
    )
    assert (records.schema, edges.schema, bad.schema) == (
        RECORD_SCHEMA, EDGE_SCHEMA, BAD_ROW_SCHEMA,
    )  # fmt: skip
    assert records.height + edges.height + bad.height + sum(b.n_outside for b in batches) == n_rows
    numbers = [*records["source_row"], *edges["source_row"], *bad["source_row"]]
    assert len(set(numbers)) == len(numbers)
    assert bad["reason"].str.contains(r"expected [a-zA-Z0-9].*, received \S").all()
    assert bad["excerpt"].str.len_chars().is_between(1, 300).all()
    rows = records.filter(op="row")
    for name, column in DUMP_RECORDS.columns.items():
        if name in rows.columns and not column.nullable:
            assert rows[name].null_count() == 0, name
    assert records["source_id"].null_count() == 0
    lengths = rows.select(pl.col("authors", "author_ids", "affiliations").list.len())
    assert (lengths["authors"] == lengths["author_ids"].fill_null(lengths["authors"])).all()
    assert (lengths["authors"] == lengths["affiliations"].fill_null(lengths["authors"])).all()


def openalex(form: str) -> Recognised:
    n_rows = {"cell": ("iclr", 2018), "n_works": 12 * 12 + len(RAW)} if form == "crawl" else {}
    return Recognised("openalex", form, options={"form": form} | n_rows)


def s2(kind: str) -> Recognised:
    return Recognised("semantic_scholar", kind)


CASES: dict[str, tuple[Importer, Recognised, Any, bytes]] = {
    "papers": (semantic_scholar.IMPORTER, s2("papers"), PAPER, b""),
    "graph": (semantic_scholar.IMPORTER, s2("graph_papers"), GRAPH, b""),
    "s2orc": (semantic_scholar.IMPORTER, s2("s2orc"), S2ORC, b""),
    "abstracts": (semantic_scholar.IMPORTER, s2("abstracts"), PAPER, b""),
    "citations": (semantic_scholar.IMPORTER, s2("citations"), CITATION, b""),
    "deleted edges": (semantic_scholar.IMPORTER, s2("citations_deleted"), CITATION, b""),
    "deleted papers": (semantic_scholar.IMPORTER, s2("papers_deleted"), PAPER, b""),
    "deleted abstracts": (semantic_scholar.IMPORTER, s2("abstracts_deleted"), PAPER, b""),
    "snapshot": (openalex_works.IMPORTER, openalex("lines"), WORK, b""),
    "crawl": (openalex_works.IMPORTER, openalex("crawl"), WORK, b"{}\n"),
    "poll of works": (openalex_works.IMPORTER, openalex("poll"), WORK, b"{}\n"),
    "poll of counts": (openalex_works.IMPORTER, openalex("poll"), COUNT, b"{}\n"),
    "poll of fates": (openalex_works.IMPORTER, openalex("poll"), POLLED, b"{}\n"),
}
MUTATIONS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=12, max_size=12)
IN_BULK: Callable[..., Any] = settings(
    max_examples=12, suppress_health_check=[HealthCheck.too_slow], deadline=None
)


@pytest.mark.parametrize("case", CASES)
@IN_BULK
@given(mutations=MUTATIONS)
def test_every_mutated_row_is_accounted_for(case: str, mutations: list[Mutation]) -> None:
    """One row that crashes an importer would cost the other two hundred million."""
    importer, recognised, row, header = CASES[case]
    rows = mutated(row, mutations)
    file = io.BytesIO(header + as_lines(rows))
    check(list(importer.read(file, recognised, PLACES)), len(rows) + len(RAW))


@IN_BULK
@given(mutations=MUTATIONS)
def test_every_mutated_row_of_parquet_is_accounted_for(mutations: list[Mutation]) -> None:
    """Parquet fixes the types of columns, but not what stands in text that should be JSON."""
    rows = mutated(WORK, mutations)
    table = pa.table(
        {
            key: [None if row.get(key) is None else as_parquet_text(row[key]) for row in rows]
            for key in WORK
            if not isinstance(WORK[key], int)
        }
        | {
            "publication_year": pa.array([2018 + i % 3 for i in range(len(rows))], pa.int16()),
            "cited_by_count": pa.array([i - 1 for i in range(len(rows))], pa.int64()),
        }
    )
    file = io.BytesIO()
    pq.write_table(table, file)
    check(list(openalex_works.IMPORTER.read(file, openalex("parquet"), PLACES)), len(rows))


def as_parquet_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode(errors="replace").decode()
