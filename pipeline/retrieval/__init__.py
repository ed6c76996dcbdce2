"""Exact neighbours and search."""
