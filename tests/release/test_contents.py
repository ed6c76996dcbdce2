"""What a release holds, on which terms, and how it is described."""

import json
from datetime import date

import polars as pl
import pytest

from pipeline.release.contents import KEPT_BACK, PUBLIC
from pipeline.release.croissant import croissant
from pipeline.release.licences import Contribution, contributions, licence_of, licences_page
from pipeline.release.manifest import FileEntry, Manifest, SourceEntry, table_entries, tables_digest
from pipeline.settings import PROJECT
from pipeline.tables import TABLES


def test_every_table_is_public_or_has_a_reason_not_to_be() -> None:
    """A new table would be published, or withheld, without anybody having decided."""
    assert PUBLIC.keys() | KEPT_BACK.keys() == TABLES.keys()
    assert not PUBLIC.keys() & KEPT_BACK.keys()


def test_what_sources_gave_word_by_word_stays_at_home() -> None:
    """Raw records, doubts and judgments of named persons are not ours to publish."""
    assert {"dump_records", "quarantine", "match_review", "label_audit"} <= KEPT_BACK.keys()


def entry(table: str, *, cell: str = "venue=cvpr/year=2016/") -> FileEntry:
    place = cell if TABLES[table].partitioned else ""
    return FileEntry(path=f"{table}/{place}part.parquet", sha256="a" * 64, bytes=7, rows=2)


def manifest(*sources: str) -> Manifest:
    files = [entry(table) for table in PUBLIC]
    told = [SourceEntry.of(Contribution(source, 3, 2, 1)) for source in sources]
    return Manifest(
        name="2026-03-01.2", day=date(2026, 3, 1), previous=None, digest=tables_digest(files),
        csimpact="0.1.0", encoder_id="e", config_id="c", prompt=None,
        tables=table_entries(files), sources=told, files=files,
    )  # fmt: skip


def test_a_manifest_is_read_back() -> None:
    """What cannot be read back cannot be verified."""
    written = manifest("openalex", "my_table")
    assert Manifest.model_validate_json(written.model_dump_json()) == written
    assert written.sources[1].terms == "yours to know"


def test_the_digest_follows_the_tables_alone() -> None:
    """A digest of pages too would make a release every night, since they name the day."""
    files = [entry("papers"), entry("citations")]
    page = FileEntry(path="CHANGES.md", sha256="b" * 64, bytes=1)
    assert tables_digest([*files, page]) == tables_digest(files[::-1])
    assert tables_digest(files) != tables_digest([entry("papers", cell="venue=acl/year=1999/")])


def test_croissant_describes_every_column_of_every_public_table() -> None:
    """A dtype without a type there, or a column left out, would show on the first load."""
    document = json.loads(json.dumps(croissant(manifest("openalex", "paper_copilot"))))
    described = {
        records["name"]: [f["name"] for f in records["field"]] for records in document["recordSet"]
    }
    assert described == {table: list(TABLES[table].columns) for table in PUBLIC}
    assert document["version"] == "2026.3.1+2"
    assert document["license"][0].startswith("https://creativecommons.org/")
    assert "must not be redistributed" in document["license"][1]


def test_sources_are_those_that_contributed() -> None:
    """A source whose records are all superseded has no say, and no terms."""
    found = contributions(
        pl.DataFrame({"source": ["dblp", "openalex", "dblp"], "in_force": [True, False, True]}),
        pl.DataFrame(
            {"sources": [["dblp"], ["aan", "dblp"], []]}, schema={"sources": pl.List(pl.String)}
        ),
        pl.DataFrame({"source": ["aan", "aan"], "in_force": [True, False]}),
    )
    assert found == [Contribution("dblp", 2, 2, 0), Contribution("aan", 0, 1, 1)]


def test_terms_are_those_of_the_readme() -> None:
    """Two wordings of one licence, and the reader takes the laxer."""
    rows = [
        [cell.strip(" *") for cell in line.strip("|").split("|")]
        for line in (PROJECT / "README.md").read_text().splitlines()
        if line.startswith("| **")
    ]
    terms = {row[0]: row[3] for row in rows if len(row) == 4}
    for source in ("paper_copilot", "openalex", "semantic_scholar", "dblp", "aan"):
        licence = licence_of(source)
        assert terms[licence.name].startswith(licence.terms)
    assert terms["any table"] == licence_of("my_table").terms


@pytest.mark.parametrize("source", ["paper_copilot", "my|table<b>"])
def test_the_page_says_what_must_not_be_done(source: str) -> None:
    """The one line a reader must not miss."""
    page = licences_page([Contribution(source, 1, 1, 1)])
    assert "must not be redistributed" in page or "yours to know" in page
    assert "<b>" not in page
