"""OpenAlex works in files -> batches: the snapshot, our own crawls, our own polls.

Belongs here: telling the files apart, and where a work of each belongs. Not: what a work means
(openalex_records.py), nor how crawls are made.

Four forms:
- snapshot, JSON lines of works (https://docs.openalex.org/download-all-data);
- snapshot, Parquet with the same fields as columns, nested or as JSON text;
- crawl, after a header `{"csimpact": "openalex_crawl", "venue": "iclr", "year": 2018,
  "observed_on": "2026-11-21", "complete": true, "n_works": 123}`: the works of that venue-year,
  whatever source and year they name themselves;
- poll, after a header `{"csimpact": "openalex_poll", "observed_on": "2026-11-22"}`: works that
  changed, whole, as `{"id": …, "cited_by_count": 12, "counts_only": true}`,
  `{"id": …, "deleted": true}` or `{"id": …, "merged_into": …}`.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.corpus import openalex_records as works
from pipeline.corpus.incoming import Batch, Head, Importer, Recognised, Scope
from pipeline.corpus.json_lines import Understand, batch_of, first_objects, read_batches
from pipeline.corpus.places import Places
from pipeline.corpus.rows import BadRowError, Row, cell_of, shown, text, truth
from pipeline.errors import InputError, UnreadableFileError
from pipeline.tables import Cell

SOURCE = "openalex"

_CRAWL = ("venue", "year", "observed_on", "complete", "n_works")
_ROWS_AT_A_TIME = 2_000
# Two of them in a row, and it is a work even if its id stands beyond the beginning of the file.
_TELLING = {"authorships", "abstract_inverted_index", "referenced_works", "primary_location"}


class OpenAlexWorks:
    """The importer of every file of OpenAlex works."""

    def recognise(self, head: Head) -> Recognised | None:
        """Which form this is. Raises InputError for a header of ours that lacks something."""
        if head.columns:
            is_works = {"id", "publication_year"} < set(head.columns) and any(
                name in head.columns for name in _TELLING
            )
            return Recognised(SOURCE, "works", options={"form": "parquet"}) if is_works else None
        rows = first_objects(head.data)
        if rows and str(rows[0].get("csimpact")).startswith("openalex_"):
            return _ours(rows[0])
        if 2 * sum(map(_is_work, rows)) <= len(rows):
            return None
        return Recognised(SOURCE, "works", options={"form": "lines"})

    def read(self, file: BinaryIO, recognised: Recognised, places: Places) -> Iterator[Batch]:
        """See Importer."""
        match recognised.options["form"]:
            case "parquet":
                yield from _parquet_batches(file, partial(_snapshot_row, places=places))
            case "lines":
                yield from read_batches(file, partial(_snapshot_row, places=places))
            case "poll":
                file.readline()
                yield from read_batches(file, partial(_poll_row, places=places), first=1)
            case _:
                yield from _crawl_batches(file, recognised.options, places)


IMPORTER: Importer = OpenAlexWorks()


def _is_work(row: Row) -> bool:
    address = row.get("id")
    named = isinstance(address, str) and address.startswith(f"{works.ADDRESS}W")
    return len(_TELLING & row.keys()) >= (1 if named else 2)


def _ours(header: Row) -> Recognised:
    """What the header of a crawl or poll tells."""
    form, day = header["csimpact"], _iso_day(header.get("observed_on"))
    expected: dict[str, type] = {"observed_on": str}
    if form != "openalex_poll":
        expected |= {"venue": str, "year": int, "complete": bool, "n_works": int}
    wrong = [key for key, kind in expected.items() if type(header.get(key)) is not kind]
    if form not in ("openalex_crawl", "openalex_poll") or wrong or not day:
        raise InputError(
            f"first line: expected the header of an openalex_crawl (with {', '.join(_CRAWL)}) or "
            f"an openalex_poll (with observed_on), received {shown(header):.200}; "
            "fetch the file again"
        )
    if form == "openalex_poll":
        return Recognised(SOURCE, "poll", observed_on=day, options={"form": "poll"})
    cell = (header["venue"], header["year"])
    scope = Scope(cell=cell if header["complete"] else None)
    options = {"form": "crawl", "cell": cell, "n_works": header["n_works"]}
    return Recognised(SOURCE, "crawl", scope, day, options=options)


def _snapshot_row(row: Row, places: Places) -> dict[str, Any] | None:
    """The record of a work, None if it appeared in no registered source."""
    works.work_id(row)  # nothing is sound without
    work = works.unpacked(row)
    if (found := works.place(work, places)) is None:
        return None
    venue, location = found
    cell = cell_of(work, "publication_year", venue, places)
    return works.record(work, cell, location, places)


def _crawled_row(row: Row, cell: Cell, places: Places) -> dict[str, Any]:
    work = works.unpacked(row)
    return works.record(work, cell, works.location_at(work, cell[0], places), places)


def _poll_row(row: Row, places: Places) -> dict[str, Any]:
    work_id = works.work_id(row)
    if truth(row, "deleted"):
        return {"op": "delete", "source_id": work_id}
    if text(row, "merged_into"):
        merged_into = works.work_id(row, "merged_into")
        if merged_into == work_id:
            raise BadRowError(f"merged_into: expected another work, received {work_id} itself")
        return {"op": "merge", "source_id": work_id, "merged_into": merged_into}
    if truth(row, "counts_only"):
        return works.count_patch(row)
    return _snapshot_row(row, places) or works.patch(works.unpacked(row))


def _crawl_batches(file: BinaryIO, options: Mapping[str, Any], places: Places) -> Iterator[Batch]:
    (venue, year), expected = options["cell"], options["n_works"]
    if venue not in places.first_year or places.cell(venue, year) is None:
        raise InputError(
            f"first line: expected a registered venue and a year it has, received {venue} {year}; "
            "add the venue to venues.toml or crawl again"
        )
    file.readline()
    received = 0
    row = partial(_crawled_row, cell=(venue, year), places=places)
    for batch in read_batches(file, row, first=1):
        received += batch.records.height + batch.bad.height
        yield batch
    if received != expected:
        raise InputError(
            f"crawl of {venue} {year}: expected the {expected} works its first line tells of, "
            f"received {received}; the file is truncated or joined of two: crawl again"
        )


def _parquet_batches(file: BinaryIO, understand: Understand) -> Iterator[Batch]:
    number = 0
    try:
        parquet = pq.ParquetFile(file)
        columns = [name for name in parquet.schema_arrow.names if name in works.FIELDS]
        for batch in parquet.iter_batches(_ROWS_AT_A_TIME, columns=columns):
            rows = enumerate(_python_rows(batch), number)
            yield batch_of(rows, _parquet_row, understand)
            number += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFileError(
            f"row {number}: expected readable Parquet, received: {error}; "
            "the file is truncated or damaged, fetch it again"
        ) from error


def _python_rows(batch: pa.RecordBatch) -> list[Any]:
    """The rows of a batch, or in the place of one that has no Python value, why."""
    try:
        return list(batch.to_pylist(maps_as_pydicts="lossy"))
    except (ValueError, OverflowError) as error:  # text that is no UTF-8, a day of the year 20000
        if batch.num_rows == 1:
            return [f"expected readable values, received: {error}"]
        return [row for i in range(batch.num_rows) for row in _python_rows(batch.slice(i, 1))]


def _parquet_row(row: Any) -> Row:
    if isinstance(row, str):
        raise BadRowError(row)
    day = row.get("publication_date")
    return {**row, "publication_date": day.isoformat()} if isinstance(day, date) else row


def _iso_day(text: object) -> str:
    """The day a text names, empty if it names none."""
    try:
        return date.fromisoformat(str(text)).isoformat()
    except ValueError:
        return ""
