"""Real files of OpenAlex and Semantic Scholar: nothing lost, and what was counted apart comes out.

No text of the data is kept here, only numbers and ids. The figures marked "apart" are computed in
the test from the raw rows, by other code than the importers'.
"""

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
import yaml
from pyalex.api import invert_abstract

from pipeline.corpus import openalex_works, semantic_scholar
from pipeline.corpus.incoming import Head, Importer
from pipeline.corpus.places import Places
from pipeline.corpus.text import clean_text

SOURCES = {"S112646816": "geo", "S4306525036": "pub", "S196734849": "cs"}
OPENALEX = Places({}, {}, SOURCES, dict.fromkeys(SOURCES.values(), 1950), 2027)
FEBRUARY = "works_2026-02-26_rows_that_changed.jsonl.gz"
MARCH = "works_2026-03-01.jsonl.gz"

Read = tuple[pl.DataFrame, pl.DataFrame, int]


def read(importer: Importer, data: bytes, places: Places, name: str = "part") -> Read:
    """(records, bad rows, rows outside) of a file of which one knows nothing."""
    recognised = importer.recognise(Head(data[:65536], name))
    assert recognised is not None
    batches = list(importer.read(io.BytesIO(data), recognised, places))
    records, bad = (pl.concat(getattr(b, part) for b in batches) for part in ("records", "bad"))
    return records, bad, sum(b.n_outside for b in batches)


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        for member in archive:
            if (file := archive.extractfile(member)) is not None:
                yield member.name, file.read()


def sources_of(work: dict[str, Any]) -> list[str]:
    found = [location["source"] for location in [work["primary_location"], *work["locations"]]]
    return [source["id"].rpartition("/")[2] for source in found if source]


@pytest.mark.parametrize(("file", "n_rows", "n_kept"), [(FEBRUARY, 1163, 323), (MARCH, 3684, 678)])
def test_openalex_works(real_lists: Path, file: str, n_rows: int, n_kept: int) -> None:
    """Real works hold what no invented one does; each must be kept whole or counted outside."""
    data = gzip.decompress((real_lists / "openalex" / file).read_bytes())
    records, bad, n_outside = read(openalex_works.IMPORTER, data, OPENALEX)
    assert (records.height, bad.height, n_outside) == (n_kept, 0, n_rows - n_kept)
    raw = {row["id"]: row for row in map(orjson.loads, data.splitlines())}
    apart = {i: w for i, w in raw.items() if SOURCES.keys() & set(sources_of(w))}
    assert apart.keys() == {f"https://openalex.org/{i}" for i in records["source_id"]}
    for record in records.to_dicts():
        work = apart[f"https://openalex.org/{record['source_id']}"]
        first = next(s for s in sources_of(work) if s in SOURCES)
        assert (record["venue"], record["year"]) == (SOURCES[first], work["publication_year"])
        assert record["cited_by_count"] == work["cited_by_count"]
        assert len(record["references"]) == work["referenced_works_count"]
        people = {(a["author"]["id"], a["author"]["display_name"]) for a in work["authorships"]}
        assert len(record["authors"]) == len(people)  # some stand twice
        abstract = clean_text(invert_abstract(work["abstract_inverted_index"]) or "")
        assert (record["abstract"] or "") == abstract


def test_spot_values_of_openalex(real_lists: Path) -> None:
    """Figures read off the file by hand."""
    data = gzip.decompress((real_lists / "openalex" / MARCH).read_bytes())
    records, _, _ = read(openalex_works.IMPORTER, data, OPENALEX)
    record = records.row(by_predicate=pl.col("source_id") == "W4220790844", named=True)
    assert (record["doi"], record["cited_by_count"]) == ("10.3390/ma15072527", 25)
    assert record["publication_date"] == date(2022, 3, 30)
    assert record["author_ids"][:2] == ["A5000180362", "A5044382284"]
    assert len(record["references"]) == 40
    assert records["arxiv_id"].is_not_null().sum() == 14
    assert (records["date_precision"] == "year").sum() == 50


def test_a_part_of_the_snapshot_of_2023(real_lists: Path) -> None:
    """Two years earlier abstracts were text inside text, and keys came in another order."""
    path = real_lists / "openalex_api_recorded" / "snapshot_parts_2023.tar.gz"
    (data,) = (data for name, data in members(path) if "/works/" in name)
    places = Places({}, {}, {"S119469123": "x", "S4306400194": "arxiv"}, {"x": 1, "arxiv": 1}, 2027)
    records, bad, n_outside = read(openalex_works.IMPORTER, data, places)
    assert records.height + n_outside == 29
    assert bad.height == 0
    by_id = {record["source_id"]: record for record in records.to_dicts()}
    assert by_id["W2006761296"]["publication_date"] == date(2002, 5, 1)
    assert len(by_id["W2006761296"]["authors"]) == 5
    preprint = by_id["W3105616540"]
    assert (preprint["venue"], preprint["date_precision"]) == ("arxiv", "year")
    assert preprint["abstract"]
    assert not preprint["abstract"].startswith("{")
    sources = next(data for name, data in members(path) if "/sources/" in name)
    assert openalex_works.IMPORTER.recognise(Head(sources[:65536], "works")) is None


def test_recorded_works_of_the_api(real_lists: Path) -> None:
    """Single works as the API answers are the lines of a snapshot."""
    path = real_lists / "openalex_api_recorded" / "academic-explorer.tar.gz"
    works = [json.loads(data) for name, data in members(path) if "/works/W" in name]
    data = b"\n".join(map(orjson.dumps, works))
    records, bad, n_outside = read(openalex_works.IMPORTER, data, OPENALEX)
    assert records.height + bad.height + n_outside == len(works) == 11


def papers_of(answer: Any) -> Iterator[dict[str, Any]]:
    """The papers anywhere in an answer of the Graph API."""
    if isinstance(answer, dict) and {"paperId", "title"} <= answer.keys():
        yield answer
    for inner in answer.values() if isinstance(answer, dict) else answer:
        if isinstance(inner, dict | list):
            yield from papers_of(inner)


def test_recorded_papers_of_semantic_scholar(real_lists: Path) -> None:
    """Whoever asks the API for titles alone gets no corpus id: a reason, no crash and no guess."""
    path = real_lists / "semantic_scholar" / "s2_api_recorded.tar.gz"
    papers: list[dict[str, Any]] = []
    for name, data in members(path):
        if name.endswith("/Paper.json"):
            papers += list(papers_of(json.loads(data)))[:1]
        if name.endswith(".yaml"):
            for exchange in yaml.load(data, yaml.CSafeLoader)["interactions"]:
                answer = exchange["response"]
                papers += papers_of(json.loads(answer.get("content") or answer["body"]["string"]))
    venue = {"the philosophy of artificial intelligence": "mind"}
    places = Places(venue, {}, {}, {"mind": 1876}, 2027)
    data = b"\n".join(map(orjson.dumps, papers))
    records, bad, n_outside = read(semantic_scholar.IMPORTER, data, places)
    assert records.height + bad.height + n_outside == len(papers)
    assert set(bad["reason"]) == {"corpusid: expected a number as id, received none"}
    with_id = [p for p in papers if p.get("corpusId")]
    assert records.height + n_outside == len(with_id) > 0
    (record,) = records.to_dicts()
    assert (record["source_id"], record["year"], record["cited_by_count"]) == (
        "14636783", 1950, 10059,
    )  # fmt: skip
    assert (record["doi"], record["dblp_key"]) == (
        "10.1093/mind/lix.236.433", "journals/x/Turing50",
    )  # fmt: skip
    assert (record["publication_date"], record["date_precision"]) == (date(1950, 10, 1), "day")


def test_metadata_rows_of_s2orc(real_lists: Path) -> None:
    """A thousand rows of all sciences: outside or kept whole."""
    path = real_lists / "semantic_scholar" / "s2orc_metadata_sample.jsonl.gz"
    data = gzip.decompress(path.read_bytes())
    rows = list(map(orjson.loads, data.splitlines()))
    names = {r[key].strip().casefold() for r in rows for key in ("venue", "journal") if r[key]}
    everywhere = Places(dict.fromkeys(names, "some"), {}, {}, {"some": 1500}, 2027)
    records, bad, n_outside = read(semantic_scholar.IMPORTER, data, everywhere)
    named = [r for r in rows if r["venue"] or r["journal"]]
    assert n_outside == len(rows) - len(named)
    assert records.height + bad.height == len(named)
    assert set(bad["reason"]) <= {"year: expected 1500..2027 for some, received none"}
    raw = {r["paper_id"]: r for r in named}
    for record in records.to_dicts():
        row = raw[record["source_id"]]
        assert record["year"] == row["year"]
        assert (record["references"] or []) == row["outbound_citations"]
        assert record["arxiv_id"] == row["arxiv_id"]
        assert len(record["authors"]) == len({str(a) for a in row["authors"]})
    one = Places({"aip conference proceedings": "aip"}, {}, {}, {"aip": 1950}, 2027)
    assert read(semantic_scholar.IMPORTER, data, one)[0].height == 7
