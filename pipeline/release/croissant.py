"""The release as MLCommons Croissant 1.1 describes datasets: files, and records with typed fields.

Belongs here: the document (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html). Not:
validating it (resources/release_check.py). Columns and keys come from pipeline/tables.

A partitioned table is a FileSet, whose files only the manifest names one by one with their hashes;
a table of one file is a FileObject with its hash.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from pipeline.release.licences import Licence, licence_of
from pipeline.release.manifest import FileEntry, Manifest
from pipeline.release.names import parse_name
from pipeline.tables import TABLES, Column, Table

CROISSANT = "croissant.json"
PARQUET = "application/x-parquet"

_TYPES: Mapping[type[pl.DataType], str] = {
    pl.String: "sc:Text",
    pl.Boolean: "sc:Boolean",
    pl.Date: "sc:Date",
    pl.Int32: "cr:Int32",
    pl.UInt64: "cr:UInt64",
    pl.Float32: "cr:Float32",
    pl.Float64: "cr:Float64",
}

_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "conformsTo": "dct:conformsTo",
    **{
        name: f"cr:{name}"
        for name in (
            *("arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract"),
            *("field", "fileObject", "fileProperty", "fileSet", "format", "includes", "isArray"),
            *("isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet"),
            *("references", "regex", "repeated", "replace", "samplingRate", "separator"),
            *("source", "subField", "transform"),
        )
    },
}


def croissant(manifest: Manifest) -> dict[str, Any]:
    """The document of a release whose tables `manifest` lists."""
    name = parse_name(manifest.name)
    assert name is not None  # it was made from one
    tables = [TABLES[table] for table in manifest.tables]
    single = {file.table: file for file in manifest.files if file.rows is not None}
    licences = [licence_of(source.source) for source in manifest.sources]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": "csimpact",
        "description": (
            "Computer-science papers with topic- and time-normalised impact (TNCSI_SP), "
            f"release {name}: {manifest.rows('papers'):,} papers."
        ),
        "url": "https://arxiv.org/abs/2402.12928",
        "version": name.version,
        "datePublished": str(manifest.day),
        "license": list(dict.fromkeys(_address(licence) for licence in licences)),
        "citeAs": f"@misc{{csimpact, title = {{csimpact, release {name}}}, "
        f"year = {{{manifest.day.year}}}}}",
        "distribution": [_files(table, single[table.name]) for table in tables],
        "recordSet": [_records(table) for table in tables],
    }


def _address(licence: Licence) -> str:
    return licence.url or f"{licence.name}: {licence.terms}. {licence.notice}"


def _files(table: Table, one: FileEntry) -> dict[str, Any]:
    common = {"@id": f"{table.name}-files", "encodingFormat": PARQUET}
    if table.partitioned:
        return {
            "@type": "cr:FileSet",
            **common,
            "name": f"{table.name}-files",
            "description": f"{table.name}, one file per venue and year.",
            "includes": f"{table.name}/venue=*/year=*/part.parquet",
        }
    return {
        "@type": "cr:FileObject",
        **common,
        "name": f"{table.name}-files",
        "description": f"{table.name}, one file.",
        "contentUrl": one.path,
        "contentSize": f"{one.bytes} B",
        "sha256": one.sha256,
    }


def _records(table: Table) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": table.meaning,
        "key": [{"@id": f"{table.name}/{column}"} for column in table.key],
        "field": [_field(table, name, column) for name, column in table.columns.items()],
    }


def _field(table: Table, name: str, column: Column) -> dict[str, Any]:
    source = "fileSet" if table.partitioned else "fileObject"
    unit = f" [{column.unit}]" if column.unit else ""
    return {
        "@type": "cr:Field",
        "@id": f"{table.name}/{name}",
        "name": name,
        "description": f"{column.meaning}{unit}",
        **_data_type(column),
        "source": {source: {"@id": f"{table.name}-files"}, "extract": {"column": name}},
    }


def _data_type(column: Column) -> dict[str, Any]:
    dtype = column.dtype
    if isinstance(dtype, pl.List):
        return {"dataType": _TYPES[_class(dtype.inner)], "isArray": True, "arrayShape": "-1"}
    return {"dataType": _TYPES[_class(dtype)]}


def _class(dtype: Any) -> type[pl.DataType]:
    return dtype if isinstance(dtype, type) else type(dtype)
