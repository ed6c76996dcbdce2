"""The data dictionary page, generated from the declarations."""

from collections.abc import Iterable

from pipeline.tables.declaration import Table


def data_dictionary(tables: Iterable[Table]) -> str:
    """The data dictionary page, as Markdown."""
    lines = [
        "# Data dictionary",
        "",
        "Generated from `pipeline/tables` by `make docs`; a test keeps it current.",
        "Partitioned tables lie in `data/lake/<table>/venue=…/year=…/`, others in "
        "`data/lake/<table>/`. Unknown is null or an absent row, never −1.",
    ]
    return "\n".join([*lines, *described(tables)]) + "\n"


def described(tables: Iterable[Table]) -> list[str]:
    """Lines of Markdown that tell of every column of the tables."""
    lines = []
    for t in tables:
        place = "one file per venue × year" if t.partitioned else "a single file"
        lines += ["", f"## `{t.name}`", "", t.meaning, ""]
        lines += [f"Written by asset `{t.asset}`; {place}; key: {', '.join(t.key)}.", ""]
        lines += ["| column | type | null | unit | meaning |", "|---|---|---|---|---|"]
        for name, c in t.columns.items():
            null = "yes" if c.nullable else ""
            lines.append(f"| `{name}` | {c.dtype} | {null} | {c.unit} | {c.meaning} |")
    return lines
