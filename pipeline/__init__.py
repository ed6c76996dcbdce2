"""What is computed: plain Python over arrays and polars frames.

Only `definitions` and `automation` know Dagster; `query` and `cli` are the analyst's door.
"""
