"""Tables come from spreadsheets and scripts: each cell must mean what its column is mapped to."""

import csv
import io
import random
import tarfile
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpus.incoming import Head, Importer, Scope
from pipeline.corpus.mapped_table import load_mapping, mapped_importer
from pipeline.errors import InputError, UnreadableFileError
from pipeline.settings import PROJECT
from tests.importers import (
    NASTY_VALUES,
    Read,
    head_of,
    nasty_text,
    nasty_value,
    read,
    spoiled,
    spoiled_bytes,
    whole,
)

MAPPING = """
source = "mine"
format = "csv"
citation_source = "google_scholar"
[venue]
column = "Venue"
values = {"Vis &mdash; Conf. " = "vis"}
[columns]
id = "Id"
title = "Title"
year = "Year"
abstract = "Abstract"
authors = "Authors"
author_ids = "Author IDs"
affiliations = "Affiliations"
keywords = "Keywords"
doi = "DOI"
arxiv = "arXiv"
openalex_id = "OpenAlex"
scholar_cluster_id = "Cited by"
url = "Link"
cited_by_count = "Count"
publication_date = "Date"
track = "Track"
references = "References"
"""
ROW = {
    "Id": "a1",
    "Title": "On &quot;Things&quot;",
    "Year": "2011.0",
    "Venue": "VIS — Conf.",
    "Abstract": "Two\nlines, one comma.",
    "Authors": "Lovelace, Ada; Turing, Jr., Alan; Lovelace, Ada",
    "Author IDs": "1;;1",
    "Affiliations": "London;;London",
    "Keywords": "a; b; a",
    "DOI": "https://doi.org/10.1000/XYZ",
    "arXiv": "1706.03762v5",
    "OpenAlex": "https://openalex.org/W2135415614",
    "Cited by": "https://scholar.google.com/scholar?cites=123&hl=en",
    "Link": "https://example.org/1",
    "Count": "7.0",
    "Date": "2011-12-01",
    "Track": "Posters",
    "References": "a2;a3;;a2",
}


def importer(text: str = MAPPING) -> Importer:
    return mapped_importer(load_mapping(text.encode()))


def table(*rows: dict[str, Any], delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*ROW, "Unused"], delimiter=delimiter, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def one(**changes: Any) -> dict[str, Any]:
    (row,) = read(importer(), table({**ROW, **changes})).rows
    return row


def reason(**changes: Any) -> str:
    (found,) = read(importer(), table({**ROW, **changes})).reasons
    return str(found)


EXPECTED = {
    "op": "row",
    "venue": "vis",
    "year": 2011,
    "source_id": "a1",
    "title": 'On "Things"',
    "abstract": "Two lines, one comma.",
    "authors": ["Ada Lovelace", "Alan Turing Jr."],
    "author_ids": ["1", ""],
    "affiliations": ["London", ""],
    "track": "Posters",
    "keywords": ["a", "b"],
    "doi": "10.1000/xyz",
    "arxiv_id": "1706.03762",
    "openalex_id": "W2135415614",
    "url": "https://example.org/1",
    "scholar_cluster_id": "123",
    "citation_source": "google_scholar",
    "cited_by_count": 7,
    "publication_date": date(2011, 12, 1),
    "date_precision": "day",
    "references": ["a2", "a3"],
    "source_row": 0,
}


def test_a_whole_row() -> None:
    """A column read from the wrong cell would be wrong in every table downstream."""
    assert one() == EXPECTED


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-8", "\t"), ("latin-1", ";"), ("utf-16", "|")]
)
def test_dialects(encoding: str, delimiter: str) -> None:
    """A table of a German Excel is as good as any other."""
    options = f'encoding = "{encoding}"\ndelimiter = {orjson.dumps(delimiter).decode()}\n'
    content = table(
        {**ROW, "Title": "Müller", "Venue": "vis"}, delimiter=delimiter, encoding=encoding
    )
    reader = importer(options + MAPPING)
    recognised = reader.recognise(head_of(content))
    assert recognised is not None
    (row,) = read(reader, content, recognised).rows
    assert row["title"] == "Müller"


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    """The first column, mostly the id, would be missing from what Excel saves."""
    assert read(importer(), b"\xef\xbb\xbf" + table(ROW)).rows == [EXPECTED]


def test_json_lines_and_parquet_mean_the_same() -> None:
    """Lists and numbers need no separators and no parsing, but the same care."""
    lists = {
        **{k: v for k, v in ROW.items() if k != "Count"},
        "Year": 2011, "Authors": ["Lovelace, Ada", "Turing, Jr., Alan", "Lovelace, Ada"],
        "Author IDs": ["1", "", "1"], "Keywords": ["a", "b", "a"], "References": ["a2", "a3"],
        "Count": 7.0,
    }  # fmt: skip
    json = importer(MAPPING.replace('"csv"', '"jsonl"'))
    assert read(json, orjson.dumps(lists) + b"\n\n" + b"[1]\n{").rows == [EXPECTED]
    parquet, file = importer(MAPPING.replace('"csv"', '"parquet"')), io.BytesIO()
    frame = pl.DataFrame([{**lists, "Date": date(2011, 12, 1)}])
    frame.write_parquet(file)
    head = Head(file.getvalue(), "x", tuple(frame.columns))
    recognised = parquet.recognise(head)
    assert recognised is not None
    assert read(parquet, file.getvalue(), recognised).rows == [EXPECTED]


@pytest.mark.parametrize(
    ("cell", "value", "column", "expected"),
    [
        ("Count", "", "cited_by_count", None),
        ("Count", "-1", "cited_by_count", None),
        ("Date", "", "publication_date", date(2011, 7, 2)),
        ("Date", "2012", "publication_date", date(2012, 7, 2)),
        ("Date", "2012-01-01", "publication_date", date(2012, 7, 2)),
        ("Date", "2012-10", "publication_date", date(2012, 10, 15)),
        ("Date", "2012-10-09T00:00:00Z", "publication_date", date(2012, 10, 9)),
        ("Track", "", "track", "main"),
        ("Track", "VAST Workshop", "track", "workshop"),
        ("References", "", "references", None),
        ("Authors", "Ada Lovelace", "author_ids", None),
        ("Author IDs", ";;", "author_ids", None),
        ("Author IDs", "1;2", "author_ids", None),
        ("DOI", "none", "doi", None),
        (
            "Authors",
            "G&icirc;rju, Roxana;Dupont, J. P.",
            "authors",
            ["Roxana Gîrju", "J. P. Dupont"],
        ),
        ("Title", "Preface", "excluded_because", "front_matter"),
        ("Venue", "ieee vis", "venue", "vis"),
    ],
)
def test_cells(cell: str, value: str, column: str, expected: object) -> None:
    """Unknown is null, not zero; a default date is no date; ids without names are no ids."""
    assert one(**{cell: value}).get(column) == expected


def test_commas_may_separate_names() -> None:
    """The comma before Jr. would make an author of him."""
    commas = importer(MAPPING + '[separators]\nauthors = ","\n')
    content = table({**ROW, "Authors": "Ada Lovelace, Wagner Meira, Jr., Alan Turing"})
    (row,) = read(commas, content).rows
    assert row["authors"] == ["Ada Lovelace", "Wagner Meira Jr.", "Alan Turing"]


@pytest.mark.parametrize(
    ("cell", "value", "expected"),
    [
        ("Id", " ", "id: expected an id, received none"),
        ("Title", "", "expected a title, received none"),
        ("Title", "x" * 1_001, "expected a title of at most 1000 characters, received 1001"),
        ("Year", "", "year: expected one such as 2010, received ''"),
        ("Year", "1066", "year: expected 1990..2027 for vis, received 1066"),
        ("Count", "many", "cited_by_count: expected 0..10000000, received many"),
        ("Count", "99999999", "cited_by_count: expected 0..10000000, received 99999999"),
        (
            "Date",
            "2011-02-30",
            "publication_date: expected one such as 2011-12-01, received 2011-02-30",
        ),
    ],
)
def test_unusable_rows_say_why(cell: str, value: str, expected: str) -> None:
    """A reason like ValueError sends people into the code."""
    assert reason(**{cell: value}).startswith(expected)


def test_broken_rows_spoil_no_others() -> None:
    """One ragged row at the end of a million must not cost the million."""
    good = table(ROW).split(b"\r\n", 1)[1]
    header = table()
    content = b"".join(
        [header, good, b"only,three,fields\r\n", good, b"\r\n", good.replace(b"On", b"\xff"), good]
    )
    result = read(importer(), content)
    assert result.records["source_row"].to_list() == [0, 2, 4]
    assert result.reasons == [
        "expected 19 fields, received 3",
        "expected text in utf-8, received bytes that are not",
    ]
    assert result.bad["excerpt"].to_list()[0] == "only,three,fields"


def test_a_quote_left_open_is_said_to_be_open() -> None:
    """It swallows rows until somebody looks; the reader must not swallow the file."""
    unquoted = {"Id": "a1", "Title": "On Things", "Year": "2011", "Venue": "vis"}
    good = table(unquoted).split(b"\r\n", 1)[1]
    result = read(importer(), table() + b'"' + good * 5_000)
    assert 1_000 < result.records.height < 5_000
    assert "is a quote left open?" in result.reasons[0]


def test_venues_nobody_registered_are_outside() -> None:
    """Rows that vanish without a number cannot be told from rows that were lost."""
    result = read(importer(), table(ROW, {**ROW, "Venue": "Nowhere"}, {**ROW, "Venue": ""}))
    assert (result.records.height, result.n_outside) == (1, 2)


def test_a_venue_the_registry_lacks_is_named_before_reading() -> None:
    """A mapping with a slip would put a whole table outside."""
    slip = importer(MAPPING.replace('= "vis"}', '= "viz"}'))
    with pytest.raises(InputError, match=r"mapping of mine: expected venues.*'viz'"):
        read(slip, table(ROW))


PATCH = """
source = "mine"
format = "csv"
patch = true
citation_source = "openalex"
[columns]
id = "Id"
abstract = "Abstract"
cited_by_count = "Count"
"""


def test_patches_tell_only_what_they_hold() -> None:
    """A null in a patch would wipe what another file told."""
    reader = importer(PATCH)
    content = table(ROW, {"Id": "a2", "Count": "3"}, {"Id": "a3"}, {"Abstract": "x"})
    recognised = reader.recognise(head_of(content))
    assert recognised is not None
    assert recognised.by_id
    result = read(reader, content)
    assert result.rows == [
        {"op": "patch", "source_id": "a1", "abstract": "Two lines, one comma.",
         "cited_by_count": 7, "citation_source": "openalex", "source_row": 0},
        {"op": "patch", "source_id": "a2", "cited_by_count": 3, "citation_source": "openalex",
         "source_row": 1},
    ]  # fmt: skip
    assert (result.n_outside, result.reasons) == (1, ["id: expected an id, received none"])


EDGES = """
source = "mine"
format = "csv"
ids_are = "doi"
delimiter = "\\t"
[edges]
citing = "from"
cited = "to"
"""


def test_edges() -> None:
    """DOIs ignore case: an edge to 10.1/X must meet the paper 10.1/x."""
    reader = importer(EDGES)
    content = b"from\tto\n10.1000/X\thttps://doi.org/10.1000/y\n10.1000/X\t\nx\t10.1000/y\n"
    recognised = reader.recognise(head_of(content))
    assert recognised is not None
    assert (recognised.source, recognised.by_id) == ("mine", True)
    result = read(reader, content)
    assert result.edges.select("citing_id", "cited_id").rows() == [("10.1000/x", "10.1000/y")]
    assert result.reasons == [
        "cited: expected an id, received none",
        "citing: expected a DOI such as 10.1109/TVCG.2011.185, received x",
    ]


def test_a_table_is_recognised_by_its_columns_and_where_asked_its_name() -> None:
    """Two tables of one header would be read as each other."""
    content = table(ROW)
    named = importer('file_name = "mine*.csv"\nreplace = true\n' + MAPPING)
    assert named.recognise(head_of(content, "Other.csv")) is None
    recognised = named.recognise(head_of(content, "Mine-2.csv.gz"))
    assert recognised is not None
    assert recognised.scope == Scope(whole_source=True)
    for other in (b"", b"Id,Title\n1,2\n", b"{}", b"<html>", b"\x00" * 99, b'"' * 200_001):
        assert importer().recognise(head_of(other)) is None
        assert importer(MAPPING.replace('"csv"', '"jsonl"')).recognise(head_of(other)) is None


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("csv", b""),
        ("csv", b"Id,Id\n"),
        ("csv", table()[4:]),
        ("parquet", b"PAR1"),
        ("parquet", b""),
    ],
)
def test_files_that_are_no_such_table_are_refused_in_one_line(kind: str, content: bytes) -> None:
    """A missing column would make every row of a million bad."""
    reader = importer(MAPPING.replace('"csv"', f'"{kind}"'))
    known = importer().recognise(head_of(table(ROW)))
    with pytest.raises(UnreadableFileError, match="expected") as caught:
        read(reader, content, known)
    assert "\n" not in str(caught.value)


@settings(max_examples=50)
@given(st.integers(0, 2**32))
def test_every_mutated_csv_row_is_accounted_for(seed: int) -> None:
    """50 × 400 rows: one that raises would lose all the others."""
    rng = random.Random(seed)
    rows = [{**dict.fromkeys(ROW, ""), **spoiled(ROW, rng, nasty_text)} for _ in range(400)]
    assert read(importer(), table(*rows), _known()).n_rows == 400


@settings(max_examples=50)
@given(st.integers(0, 2**32))
def test_every_mutated_json_line_is_accounted_for(seed: int) -> None:
    """50 × 400 lines, of any types, some of them damaged in their bytes."""
    rng = random.Random(seed)
    lines = [_line(rng) for _ in range(400)]
    content = b"\n".join(lines)
    n_lines = sum(bool(line.strip()) for line in content.split(b"\n"))
    reader = importer(MAPPING.replace('"csv"', '"jsonl"'))
    assert read(reader, content, _known()).n_rows == n_lines


def _line(rng: random.Random) -> bytes:
    try:
        line = orjson.dumps(spoiled(ROW, rng, nasty_value))
    except TypeError:  # nested deeper than orjson writes, but not than it reads
        line = b'{"Id": ' + b"[" * 900 + b"]" * 900 + b"}"
    return spoiled_bytes(line, rng) if rng.random() < 0.1 else line


@settings(max_examples=10)
@given(st.integers(0, 2**32))
def test_parquet_columns_may_have_any_type(seed: int) -> None:
    """Numbers, dates, lists and structs stand where text was expected."""
    rng = random.Random(seed)
    kinds = (1, 1.5, float("nan"), True, "x", date(2011, 1, 1), ["x"], [1], {"a": 1}, b"x", None)
    row = {k: rng.choice((v, v, rng.choice(kinds))) for k, v in ROW.items()}
    file = io.BytesIO()
    pl.DataFrame([row] * 200).write_parquet(file)
    reader = importer(MAPPING.replace('"csv"', '"parquet"'))
    assert read(reader, file.getvalue(), _known()).n_rows == 200


@settings(max_examples=200)
@given(st.integers(0, 2**32))
def test_damaged_tables_are_refused_or_read(seed: int) -> None:
    """Any other exception would be a traceback in the log of a nightly run."""
    rng = random.Random(seed)
    file = io.BytesIO()
    pl.DataFrame([ROW] * 3).write_parquet(file)
    for kind, content in (("csv", table(ROW, ROW)), ("parquet", file.getvalue())):
        reader = importer(MAPPING.replace('"csv"', f'"{kind}"'))
        try:
            read(reader, spoiled_bytes(content, rng), _known())
        except UnreadableFileError:
            continue


def _known() -> Any:
    return importer().recognise(head_of(table(ROW)))


def example(name: str) -> Importer:
    return mapped_importer(load_mapping((PROJECT / f"docs/mappings/{name}.toml").read_bytes()))


def shipped(name: str, content: bytes, file_name: str) -> Read:
    """The table read by its example, which no other example may claim."""
    examples = sorted(p.stem for p in (PROJECT / "docs" / "mappings").glob("*.toml"))
    head = head_of(content, file_name)
    assert [e for e in examples if example(e).recognise(head)] == [name]
    result = read(example(name), content, example(name).recognise(head))
    assert result.bad.is_empty()
    assert result.n_outside == 0
    return result


def test_the_real_papers_of_vis(real_lists: Path) -> None:
    """2,752 papers and their 10,021 references (28 said twice), all to papers that are there."""
    name = "IEEE_VIS_papers_1990-2015_-_Main_dataset.csv.gz"
    records = shipped("vis", whole(real_lists / "vis" / name), name).records
    assert records.height == 2_752
    references = records["references"].explode().drop_nulls()
    assert len(references) == 10_021 - 28
    assert set(references) <= set(records["source_id"])
    first = records.row(0, named=True)
    assert first["source_id"] == first["doi"] == "10.1109/tvcg.2015.2467324"
    assert first["authors"] == ["M. Rubio-Sanchez", "L. Raya", "F. Diaz", "A. Sanchez"]
    assert (first["year"], first["track"], first["keywords"][0]) == (2015, "InfoVis", "RadViz")


def test_the_real_counts_of_vis(real_lists: Path) -> None:
    """Counts of one source under the name of the other would be compared with each other."""
    openalex = shipped(
        "vis-openalex", whole(real_lists / "vis" / "openalex_paper_df.csv.gz"), "x.csv"
    ).records
    scholar = shipped(
        "vis-scholar", whole(real_lists / "vis" / "gscholar_data.csv.gz"), "x.csv"
    ).records
    assert (openalex.height, scholar.height) == (3_240, 3_240)
    assert set(openalex["source_id"]) == set(scholar["source_id"])
    d3 = [f.filter(pl.col("doi") == "10.1109/tvcg.2011.185").row(0, named=True)
          for f in (openalex, scholar)]  # fmt: skip
    assert [(r["citation_source"], r["cited_by_count"]) for r in d3] == [
        ("openalex", 2_239), ("google_scholar", 3_597),
    ]  # fmt: skip
    assert (d3[0]["openalex_id"], d3[0]["publication_date"]) == ("W2135415614", date(2011, 12, 1))
    assert d3[1]["scholar_cluster_id"] == "14037303596366007867"


def test_the_real_benchmark_of_dblp_and_acm(real_lists: Path) -> None:
    """A gold pair whose record is outside would count as a failure of resolution."""
    with tarfile.open(real_lists / "dblp" / "DBLP-ACM_match.tar.gz") as archive:
        content = {
            Path(m.name).name: archive.extractfile(m).read()  # type: ignore[union-attr]
            for m in archive if m.isfile()
        }  # fmt: skip
    acm = shipped("acm", content["ACM.csv"], "ACM.csv").records
    dblp = shipped("dblp-acm", content["DBLP2.csv"], "DBLP2.csv").records
    assert (acm.height, dblp.height) == (2_294, 2_616)
    gold = [line.split(",") for line in content["DBLP-ACM_perfectMapping.csv"].decode().split()]
    assert len(gold) == 2_224
    cells = [
        {i: (v, y) for i, v, y in f.select("source_id", "venue", "year").iter_rows()}
        for f in (dblp, acm)
    ]
    assert sum(cells[0][d] == cells[1][a] for d, a in gold) > 2_200


def test_nasty_values_are_nasty() -> None:
    """Values that JSON cannot hold would never reach the importers."""
    assert all(orjson.dumps(value) for value in NASTY_VALUES)
