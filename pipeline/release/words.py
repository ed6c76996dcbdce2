"""What changed between two releases, in words: sentences, and the page CHANGES.md.

Belongs here: wording. Not: the figures (diff.py).
"""

from collections.abc import Iterable

from pipeline.release.diff import FELT, Diff, Record, TableDiff
from pipeline.release.markdown import plain, table_lines

SHOWN_VENUE_YEARS = 40
# Said of papers, counts and scores themselves, not as rows of tables.
_TOLD = frozenset({"papers", "citation_counts", "tncsi_sp"})


def sentences(diff: Diff) -> list[str]:
    """What changed, the most important first; the first sentence stands for itself."""
    if diff.before is None:
        rows = {t.table: t.rows_after for t in diff.tables}
        return [f"The first release: {_n(rows.get('papers', 0), 'paper')}."]
    told = [
        _papers(diff),
        *map(_counts, diff.counts),
        *_scores(diff),
        _others(diff.changed_tables()),
    ]
    return [sentence for sentence in told if sentence] or ["Nothing changed."]


def _papers(diff: Diff) -> str:
    p = diff.papers
    parts = [
        (p["new"], "paper is new", "papers are new"),
        (p["gone"], "is gone", "are gone"),
        (p["retitled"], "has another title", "have another title"),
        (p["redated"], "has another date", "have another date"),
    ]
    said = _listed(f"{n:,} {one if n == 1 else many}" for n, one, many in parts if n)
    if said and not p["new"]:
        said = f"No paper is new, {said}"
    return f"{said}." if said else ""


def _counts(count: Record) -> str:
    parts = []
    if count["moved"]:
        moved = _n(count["moved"], "count")
        parts.append(f"{moved} moved, by {count['citations']:+,} citations in all")
    if count["new"]:
        parts.append(f"{_n(count['new'], 'paper')} counted for the first time")
    if count["gone"]:
        parts.append(f"{_n(count['gone'], 'paper')} counted no longer")
    return f"{count['citation_source']}: {'; '.join(parts)}." if parts else ""


def _scores(diff: Diff) -> Iterable[str]:
    s = diff.scores
    if not diff.same_rule:
        yield (
            "Scores follow another rule of pools or another encoder: "
            "those of the two releases are not comparable."
        )
        return
    parts = []
    if s["moved"]:
        parts.append(
            f"{_n(int(s['moved']), 'score')} moved, {s['felt']:,.0f} of them by more than {FELT} "
            f"(the farthest by {s['farthest']:.3f})"
        )
    if s["new"]:
        parts.append(f"{_n(int(s['new']), 'paper')} scored for the first time")
    if s["gone"]:
        parts.append(f"{_n(int(s['gone']), 'paper')} scored no longer")
    if parts:
        yield f"{'; '.join(parts)}."


def _others(changed: Iterable[TableDiff]) -> str:
    names = [f"`{t.table}` ({_rows(t)})" for t in changed if t.table not in _TOLD]
    return f"Rows also moved in {_listed(names)}." if names else ""


def _rows(t: TableDiff) -> str:
    parts = ((t.added, "new"), (t.removed, "gone"), (t.changed, "changed"))
    return ", ".join(f"{n:,} {what}" for n, what in parts if n)


def changes_page(diff: Diff) -> str:
    """CHANGES.md: the sentences, every table, the venue-years that moved most, examples."""
    since = f" since {diff.before}" if diff.before else ""
    lines = [f"# Changes in {diff.after}{since}", "", *(f"- {s}" for s in sentences(diff)), ""]
    lines += _tables(diff)
    if diff.venue_years:
        lines += _venue_years(diff)
    for name, heading in _EXAMPLES.items():
        if records := diff.examples.get(name):
            lines += ["", f"## {heading}", "", *_examples(name, records)]
    return "\n".join(lines) + "\n"


def _tables(diff: Diff) -> list[str]:
    rows = [
        [
            f"`{t.table}`",
            *(f"{n:,}" for n in (t.rows_before, t.rows_after, t.added, t.removed, t.changed)),
            ", ".join(f"{name} {n:,}" for name, n in t.columns.items()),
        ]
        for t in diff.tables
    ]
    header = ["table", "rows before", "rows now", "new", "gone", "changed", "columns that moved"]
    return ["## Rows", "", *table_lines(header, rows)]


def _venue_years(diff: Diff) -> list[str]:
    names = [n for n in diff.venue_years[0] if n not in ("venue", "year")]
    ranked = sorted(diff.venue_years, key=lambda v: -sum(abs(v[n]) for n in names))
    shown = sorted(ranked[:SHOWN_VENUE_YEARS], key=lambda v: (v["venue"], -v["year"]))
    rows = [[plain(v["venue"]), str(v["year"]), *(f"{v[n]:,}" for n in names)] for v in shown]
    header = ["venue", "year", *(n.replace("_", " ") for n in names)]
    lines = ["", "## Venue-years", "", *table_lines(header, rows)]
    if left := len(ranked) - len(shown):
        lines += ["", f"And {left:,} more, each with less: see `diff.json`."]
    return lines


_EXAMPLES = {
    "new": "New papers, the most cited first",
    "gone": "Papers that are gone",
    "retitled": "New titles",
    "counts": "Counts that moved most",
    "scores": "Scores that moved most",
}


def _examples(name: str, records: Iterable[Record]) -> list[str]:
    where = ["venue", "year", "paper"]
    more = {
        "new": ["cited_by_count"],
        "gone": [],
        "retitled": ["before", "after"],
        "counts": ["citation_source", "before", "after"],
        "scores": ["before", "after"],
    }[name]
    rows = [
        [
            plain(r["venue"]),
            str(r["year"]),
            *([] if name == "retitled" else [plain(r["title"] or r["paper_id"])]),
            *(_value(r[column]) for column in more),
        ]
        for r in records
    ]
    header = [*(where[:2] if name == "retitled" else where), *more]
    return table_lines([h.replace("_", " ") for h in header], rows)


def _value(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else plain(str(value))


def _n(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _listed(parts: Iterable[str]) -> str:
    found = list(parts)
    if len(found) < 2:
        return "".join(found)
    return f"{', '.join(found[:-1])} and {found[-1]}"
