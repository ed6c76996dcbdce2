"""The analyst's door: the library's answers as polars frames. Reads, never writes a table."""

from pipeline.query.library import Library

__all__ = ["Library"]
