"""One pool, drawn: what a paper's citations were measured against."""
