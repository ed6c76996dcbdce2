"""Importers are measured by the truth beside these files: row by row, it must be the files'."""

import gzip
import html.entities
import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from lxml import etree

from pipeline.corpus.text import clean_text
from pipeline.simulation.literature import Literature, simulate_literature
from pipeline.simulation.sightings import Sighting, sightings
from pipeline.simulation.sources import RECORD_SCHEMA, Truth, write_sources
from pipeline.venues import load_venues

DAY = date(2026, 1, 1)
S2 = "semantic_scholar"


@pytest.fixture(scope="module")
def literature() -> Literature:
    return simulate_literature(n_papers=1200)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sources")


@pytest.fixture(scope="module")
def truth(literature: Literature, folder: Path) -> Truth:
    return write_sources(literature, folder, day=DAY)


@pytest.fixture(scope="module")
def seen(literature: Literature) -> list[Sighting]:
    return list(sightings(literature))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def of(truth: Truth, source: str) -> list[dict[str, Any]]:
    return truth.records.filter(source=source).rows(named=True)


def bytes_of(folder: Path) -> dict[str, bytes]:
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths}


class DblpEntities(etree.Resolver):
    """A DTD with nothing but the letters of Latin-1, as in DBLP's."""

    def resolve(self, url: str, public_id: str, context: Any) -> Any:
        named = html.entities.codepoint2name.items()
        letters = [f'<!ENTITY {n} "&#{c};">' for c, n in named if 0xC0 <= c <= 0xFF]
        return self.resolve_string("\n".join(letters), context)


@pytest.fixture(scope="module")
def dblp(folder: Path, truth: Truth) -> list[Any]:
    parser = etree.XMLParser(load_dtd=True, no_network=True, resolve_entities=True)
    parser.resolvers.add(DblpEntities())
    return list(
        etree.fromstring(gzip.decompress((folder / "dblp/dblp.xml.gz").read_bytes()), parser)
    )


def text_of(element: Any, tag: str) -> str | None:
    found = element.find(tag)
    return None if found is None else "".join(found.itertext())


def test_truth_has_a_row_per_sighting(truth: Truth, seen: list[Sighting]) -> None:
    """A row without truth, or truth without a row, would blame the importer for nothing."""
    assert truth.records.schema == RECORD_SCHEMA
    rows = [(r["source"], r["work"], r["year"], r["form"]) for r in truth.records.rows(named=True)]
    assert rows == [(s.source, s.work, s.year, s.form) for s in seen]
    place = truth.records.select("file", "source_row")
    assert not place.is_duplicated().any()
    for (_,), part in truth.records.group_by("file"):
        assert part["source_row"].sort().to_list() == list(range(part.height))


def test_files_are_the_same_bytes_every_time(
    literature: Literature, truth: Truth, folder: Path, tmp_path: Path
) -> None:
    """A clock in the gzip header would make every registered file look new."""
    again = write_sources(literature, tmp_path / "again", day=DAY)
    assert bytes_of(tmp_path / "again") == bytes_of(folder)
    assert again.records.equals(truth.records)
    write_sources(literature, tmp_path / "other", day=DAY, seed=1)
    assert bytes_of(tmp_path / "other") != bytes_of(folder)


def test_gzip_headers_tell_no_time(folder: Path, truth: Truth) -> None:
    """Bytes 4 to 7 of a gzip file are its time; flag 8 would add a name."""
    files = bytes_of(folder)
    assert set(truth.records["file"]) <= set(files)
    assert not [name for name in files if name.endswith(".partial")]
    for name, data in files.items():
        assert data[:2] == b"\x1f\x8b", name
        assert data[3] == 0
        assert data[4:8] == bytes(4)


def test_lists_are_as_written(truth: Truth, folder: Path, seen: list[Sighting]) -> None:
    """A list must read like those of `write_lists`, ids as numbers or absent included."""
    listed = [s for s in seen if s.source == "paper_copilot"]
    for row, s in zip(of(truth, "paper_copilot"), listed, strict=True):
        assert row["file"] == (f"paper_copilot/2026-01-01/{s.venue}/{s.venue}{s.year}.json.gz")
    cells = {row["file"] for row in of(truth, "paper_copilot")}
    content = {f: json.loads(gzip.decompress((folder / f).read_bytes())) for f in cells}
    for row, s in zip(of(truth, "paper_copilot"), listed, strict=True):
        fields = content[row["file"]][row["source_row"]]
        assert fields["title"] == s.title
        assert fields["author"] == "; ".join(s.authors)
        assert fields.get("id") == row["source_id"]
        assert (fields["status"] == "Workshop") == (row["form"] == "workshop")
        assert fields["gs_citation"] == (-1 if s.cited_by_count is None else s.cited_by_count)


def test_openalex_works_are_as_written(truth: Truth, folder: Path, seen: list[Sighting]) -> None:
    """Works must lie at sources the registry knows, else no importer finds their venue."""
    sources = {s: v.slug for v in load_venues() for s in v.openalex_sources}
    works = lines(folder / "openalex/works.jsonl.gz")
    rows = zip(of(truth, "openalex"), works, strict=True)
    for (row, work), s in zip(rows, (s for s in seen if s.source == "openalex"), strict=True):
        assert work["id"] == f"https://openalex.org/{row['source_id']}"
        assert (work["title"], work["publication_year"]) == (s.title, row["year"])
        assert [a["raw_author_name"] for a in work["authorships"]] == list(s.authors)
        at = {p["source"]["id"].rpartition("/")[2] for p in work["locations"]}
        assert {sources[place] for place in at & sources.keys()} == {row["venue"]} - {None}
        assert (work["abstract_inverted_index"] is not None) == row["has_abstract"]
        cited = [r.rpartition("/")[2] for r in work["referenced_works"]]
        assert cited == (row["references"] or [])
        if row["form"] == "preprint":
            assert work["doi"] == f"https://doi.org/10.48550/arxiv.{s.arxiv_id}"
            assert work["primary_location"]["landing_page_url"].endswith(s.arxiv_id or "-")
    assert sum(row["venue"] is None for row in of(truth, "openalex")) > 3


def test_semantic_scholar_rows_are_as_written(
    truth: Truth, folder: Path, seen: list[Sighting]
) -> None:
    """A venue that nobody registered, with no DBLP key beside it, would place a row nowhere."""
    venues = load_venues()
    names = {v.s2_venue or v.name: v.slug for v in venues}
    streams = {stream: v.slug for v in venues for stream in v.dblp_streams}
    papers = lines(folder / S2 / "papers.jsonl.gz")
    rows = zip(of(truth, S2), papers, strict=True)
    for (row, paper), s in zip(rows, (s for s in seen if s.source == S2), strict=True):
        assert str(paper["corpusid"]) == row["source_id"] == paper["externalids"]["CorpusId"]
        assert (paper["title"], paper["year"]) == (s.title, row["year"])
        assert [a["name"] for a in paper["authors"]] == list(s.authors)
        key = paper["externalids"]["DBLP"] or ""
        told = names.get(paper["venue"]) or streams.get(key.rpartition("/")[0])
        assert told == row["venue"]
        assert paper["citationcount"] == row["cited_by_count"]
    nameless = [p for p in papers if not p["venue"]]
    assert len(nameless) > 20
    repeated = Counter(p["corpusid"] for p in papers)
    assert set(repeated.values()) == {1, 2}
    abstracts = {a["corpusid"]: a["abstract"] for a in lines(folder / S2 / "abstracts.jsonl.gz")}
    told = {int(r["source_id"]) for r in of(truth, S2) if r["has_abstract"]}
    assert set(abstracts) == told
    assert all(abstracts.values())


def test_citations_are_the_edges_written(
    truth: Truth, folder: Path, literature: Literature
) -> None:
    """The truth of edges must be neither more nor less than the files say."""
    rows = lines(folder / S2 / "citations.jsonl.gz")
    known = [
        (str(r["citingcorpusid"]), str(r["citedcorpusid"])) for r in rows if r["citedcorpusid"]
    ]
    of_s2 = truth.citations.filter(source=S2)
    assert sorted(known) == of_s2.select("citing_id", "cited_id").sort(pl.all()).rows()
    assert len(known) < len(rows)
    assert {type(r["intents"]) for r in rows} == {list, type(None)}
    assert any(None in r["intents"] for r in rows if r["intents"])
    edges = set(literature.references.rows())
    assert set(truth.citations.select("citing_work", "cited_work").iter_rows()) <= edges
    assert set(truth.citations["source"]) == {"openalex", S2}
    of_openalex = truth.citations.filter(source="openalex").height
    works = lines(folder / "openalex/works.jsonl.gz")
    assert of_openalex == sum(len(w["referenced_works"]) for w in works)


def test_dblp_records_are_as_written(truth: Truth, dblp: list[Any], seen: list[Sighting]) -> None:
    """Entities, crossrefs and links must be those of DBLP, or an importer learns another format."""
    streams = {stream: v.slug for v in load_venues() for stream in v.dblp_streams}
    of_dblp = [s for s in seen if s.source == "dblp"]
    keys = {element.get("key") for element in dblp}
    for row, element, s in zip(of(truth, "dblp"), dblp, of_dblp, strict=True):
        assert element.get("key") == row["source_id"]
        assert element.get("mdate") == "2026-01-01"
        assert clean_text(text_of(element, "title") or "").rstrip(".") == clean_text(
            s.title
        ).rstrip(".")
        assert [a.text for a in element.findall("author")] == list(s.authors)
        assert text_of(element, "year") == str(row["year"])
        link = text_of(element, "ee") or ""
        assert link.removeprefix("https://doi.org/") == s.doi if s.doi else "doi.org" not in link
        assert streams.get(s.key.rpartition("/")[0]) == row["venue"]
        if element.tag == "inproceedings":
            assert text_of(element, "crossref") in keys
    assert {e.tag for e in dblp} == {"inproceedings", "article", "proceedings"}


def test_dblp_is_ascii_with_entities(folder: Path, truth: Truth) -> None:
    """Raw letters would let an importer pass that cannot read entities."""
    data = gzip.decompress((folder / "dblp/dblp.xml.gz").read_bytes())
    assert data.startswith(b'<?xml version="1.0" encoding="ISO-8859-1"?>\n<!DOCTYPE dblp SYSTEM')
    assert data.isascii()
    for sample in (b"&uuml;", b"&#345;", b" 0001</author>", b"<i>via</i>", b"&oslash;"):
        assert sample in data, sample


def test_coverage_counts_works(truth: Truth) -> None:
    """Counting records would take duplicates for coverage."""
    assert not truth.coverage.select("source", "venue", "year").is_duplicated().any()
    for cell in truth.coverage.filter(source=S2).rows(named=True):
        place = (cell["venue"], cell["year"])
        rows = [r for r in of(truth, S2) if (r["venue"], r["year"]) == place]
        papers = [r for r in rows if r["form"] != "front_matter"]
        assert cell["n_works"] == len({r["work"] for r in papers})
        assert cell["n_with_abstract"] == len({r["work"] for r in papers if r["has_abstract"]})
        with_references = {r["work"] for r in papers if r["references"] is not None}
        assert cell["n_with_references"] == len(with_references)
    total = truth.coverage.filter(source=S2).sum()
    assert 0 < total["n_with_references"].item() < total["n_works"].item()


@pytest.mark.slow
def test_two_hundred_thousand_records_in_a_minute(tmp_path: Path) -> None:
    """The benchmark of resolution writes them before it measures anything."""
    from time import perf_counter

    literature = simulate_literature(n_papers=60_000)
    begun = perf_counter()
    truth = write_sources(literature, tmp_path, day=DAY)
    assert perf_counter() - begun < 60
    assert truth.records.height > 200_000
