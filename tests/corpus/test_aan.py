"""The Anthology Network is old and mended by hand: every paper and every edge must arrive."""

import random
from collections import Counter
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpus.aan import IMPORTER
from pipeline.corpus.incoming import Recognised, Scope
from tests.importers import head_of, nasty_text, read, spoiled, spoiled_bytes, whole

FIELDS = {
    "id": "D10-1008",
    "author": "Goyal, Amit; Daum&eacute; III, Hal; King, Jr., Martin",
    "title": "Producing Plot Units",
    "venue": "EMNLP",
    "year": "2010",
}
PAPERS = Recognised("aan", "aan_papers", Scope(whole_source=True))
CITATIONS = Recognised("aan", "aan_citations", by_id=True)


def block(**changes: str | None) -> str:
    fields = {**FIELDS, **changes}
    return "".join(f"{n} = {{{v}}}\n" for n, v in fields.items() if v is not None) + "\n"


def one(**changes: str | None) -> dict[str, object]:
    (row,) = read(IMPORTER, block(**changes).encode("cp1252"), PAPERS).rows
    return row


def test_a_whole_block() -> None:
    """A column read from the wrong field would be wrong in every table downstream."""
    assert IMPORTER.recognise(head_of(block().encode())) == PAPERS
    assert one() == {
        "op": "row",
        "venue": "emnlp",
        "year": 2010,
        "source_id": "D10-1008",
        "acl_id": "D10-1008",
        "title": "Producing Plot Units",
        "authors": ["Amit Goyal", "Hal Daumé III", "Martin King Jr."],
        "track": "main",
        "keywords": [],
        "citation_source": "aan",
        "publication_date": date(2010, 7, 2),
        "date_precision": "year",
        "source_row": 0,
    }


@pytest.mark.parametrize(
    ("paper_id", "venue", "slug", "track"),
    [
        ("P06-1001", "International Conference On Computational Linguistics And Annual Meeting Of "
         "The Association For Computational Linguistics", "acl", "main"),
        ("P10-2001", "Proceedings of the ACL 2010 Conference Short Papers", "acl", "short"),
        ("C10-2001", "COLING - POSTERS", "coling", "poster"),
        ("J93-2003", "Computational Linguistics", "cl", "main"),
        ("W02-1001", "Conference On Empirical Methods In Natural Language Processing",
         "emnlp", "main"),
        ("W97-1001", "Workshop On Computational Natural Language Learning CoNLL", "conll", "main"),
        ("H05-1001", "Human Language Technology Conference And Empirical Methods In Natural "
         "Language Processing", "emnlp", "main"),
        ("A00-2001", "Applied Natural Language Processing Conference And Meeting Of The North "
         "American Association For Computational Linguistics", "naacl", "main"),
        ("L08-1001", "LREC", "aclanthology", "main"),
        ("W08-0301", "Proceedings of the Third Workshop on Statistical Machine Translation",
         "aclanthology", "workshop"),
    ],
)  # fmt: skip
def test_venues_by_letter_then_name_then_the_catch_all(
    paper_id: str, venue: str, slug: str, track: str
) -> None:
    """423 spellings of venues: a third of the papers, and half the edges, would be outside."""
    year = ("19" if paper_id[1] == "9" else "20") + paper_id[1:3]
    row = one(id=paper_id, venue=venue, year=year)
    assert (row["venue"], row["track"]) == (slug, track)


def test_letters_behind_an_id_are_the_networks_own() -> None:
    """J79-1036a in the Anthology would be another paper, J79-1036, or none."""
    row = one(id="J79-1036a", year="1979")
    assert row["source_id"] == "J79-1036a"
    assert "acl_id" not in row


def test_three_encodings_in_one_file() -> None:
    """Read as Latin-1 throughout, quotes become control characters and accents pairs."""
    content = b"".join(
        block(title="T").encode().replace(b"{T}", b"{" + title + b"}")
        for title in (b"Roget\x92s", b"Cr\xe9ole", "Müller’s".encode())
    )
    titles = read(IMPORTER, content, PAPERS).records["title"].to_list()
    assert titles == ["Roget’s", "Créole", "Müller’s"]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (block(year=None), "expected id, author, title, venue and year; missing: year"),
        (block(id="10-1008"), "id: expected one such as D10-1001, received 10-1008"),
        (block(year="2O10"), "year: expected one such as 2010, received '2O10'"),
        (block(title=" "), "expected a title, received none"),
        (block(year="1899"), "year: expected 1996..2027 for emnlp, received 1899"),
        (block().replace("\n\n", "\nyear = {2010}\n\n"), "year: expected once, received twice"),
        (block().replace("title = {", "title {"), "expected `name = {value}`, received title {Pro"),
        ("x = {1}\n" * 200 + "\n", "expected a block of five lines, received over 100"),
        ("x" * 70_000, "expected lines of at most 64 KiB, received a longer one"),
    ],
)
def test_unusable_blocks_say_why_and_spoil_no_other(broken: str, reason: str) -> None:
    """A block that swallows its neighbour loses a paper without a trace."""
    result = read(IMPORTER, (block() + broken + "\n" + block(id="D10-1009")).encode(), PAPERS)
    assert result.records["source_id"].to_list() == ["D10-1008", "D10-1009"]
    (found,) = result.reasons
    assert found.startswith(reason)


def test_edges_keep_self_loops_and_both_spellings() -> None:
    """Odd citations are judged later; dropped here they could not even be counted."""
    content = b"C08-3004 , A00-1002\nP11-1001 , P11-1001\nA00-1002 ==> C08-3004\n\nnonsense\n"
    assert IMPORTER.recognise(head_of(content)) == CITATIONS
    result = read(IMPORTER, content)
    assert result.edges.select("op", "citing_id", "cited_id", "source_row").rows() == [
        ("row", "C08-3004", "A00-1002", 0),
        ("row", "P11-1001", "P11-1001", 1),
        ("row", "A00-1002", "C08-3004", 2),
    ]
    assert result.reasons == ["expected two ids such as `C08-3004 , A00-1002`"]


@pytest.mark.parametrize("content", [b"", b"id,x\n1,2\n", b"{}", b"id = {}\n", b"D10-1001,3\n"])
def test_other_files_are_left_to_other_importers(content: bytes) -> None:
    """An importer that claims too much hides the one that could read the file."""
    assert IMPORTER.recognise(head_of(content)) is None


@settings(max_examples=50)
@given(st.integers(0, 2**32))
def test_every_mutated_block_is_accounted_for(seed: int) -> None:
    """50 × 400 blocks: one that raises would lose all the others."""
    rng = random.Random(seed)
    blocks = []
    for _ in range(400):
        row = spoiled(FIELDS, rng, lambda r: nasty_text(r).replace("\n", " "))
        lines = [f"{name} = {{{value}}}" for name, value in row.items()]
        rng.shuffle(lines)
        blocks.append("\n".join(["x = {}", *lines]) if rng.random() < 0.5 else "\n".join(lines))
    # Shuffled lines may bring `id` to the middle of a block, which then counts as two.
    n_blocks = sum(bool(b.strip()) + _ids_inside(b) for b in blocks)
    assert read(IMPORTER, "\n\n".join(blocks).encode(), PAPERS).n_rows == n_blocks


def _ids_inside(text: str) -> int:
    return sum(line.startswith("id = ") for line in text.split("\n")[1:])


@settings(max_examples=50)
@given(st.integers(0, 2**32))
def test_every_damaged_line_is_accounted_for(seed: int) -> None:
    """50 × 400 edges, damaged in their bytes: each line is an edge or a reason."""
    rng = random.Random(seed)
    lines = [b"C08-3004 , A00-1002" for _ in range(400)]
    content = b"\n".join(spoiled_bytes(x, rng) if rng.random() < 0.5 else x for x in lines)
    n_lines = sum(bool(line.strip()) for line in content.split(b"\n"))
    assert read(IMPORTER, content, CITATIONS).n_rows == n_lines


def test_the_real_network(real_lists: Path) -> None:
    """18,041 papers and 94,973 edges, 82,937 of them between papers that are there."""
    papers = read(IMPORTER, whole(real_lists / "aan" / "acl-metadata.txt.gz"))
    edges = read(IMPORTER, whole(real_lists / "aan" / "acl.txt.gz")).edges
    assert (papers.records.height, papers.n_rows) == (18_041, 18_041)
    assert Counter(papers.records["venue"]) == {
        "aclanthology": 7_927, "acl": 3_413, "coling": 2_725, "emnlp": 1_127, "naacl": 982,
        "eacl": 715, "cl": 699, "conll": 453,
    }  # fmt: skip
    assert edges.height == 94_973
    year = papers.records.select("source_id", "year")
    inside = edges.join(year, left_on="citing_id", right_on="source_id").join(
        year, left_on="cited_id", right_on="source_id", suffix="_cited"
    )
    assert inside.height == 82_937
    assert edges.filter(pl.col("citing_id") == pl.col("cited_id")).height == 42
    assert inside.filter(pl.col("year") < pl.col("year_cited")).height == 45
    titles = dict(papers.records.select("source_id", "title").iter_rows())
    assert titles["D10-1005"].startswith("Holistic Sentiment Analysis Across Languages: ")
    assert not any("\x80" <= c <= "\x9f" for title in titles.values() for c in title)
