"""Records -> papers: which record is which paper, soberly, through the ledger.

Belongs here: the order in which records are taken, and the rules for lists. Not: evidence across
sources (matching.py), parsing, storage.

Lists first, then the sources that have ids of their own, from the one whose editions are most
reliable to the least. Rows of a list find each other within their venue-year, in this order: the
normalised title, if an author is shared or one side names none; the list's own id, if half of the
authors agree, or most of the title where one side names none. Ids of some lists are mere positions,
so an id outweighs neither a known title nor other authors; surnames are common, so one shared
surname does not make two titles one work. What a list did not tell of before may still be known
from another source; everything else is another paper. A title alone joins nothing that one source
lists twice, so a workshop paper and its later main-track version stay two.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from pipeline.corpus import paper_copilot
from pipeline.corpus.ledger import Ledger
from pipeline.corpus.matching import CONFIDENCE, NOISY, Matcher, Work
from pipeline.corpus.text import normalise_title
from pipeline.tables import Cell

_SAME_TITLE = 0.5  # share of words two titles under one id must have in common
_SHARE_OF_SHORTER, _SHARE_OF_LONGER = 0.5, 0.25  # of surnames two records of one title share
_SAME_AUTHORS = 0.5  # share of surnames two records under one id must have in common

# The sources whose editions are most to be trusted come first: later ones find papers there.
PRECEDENCE = (paper_copilot.SOURCE, "dblp", "aan")
POSITIONAL = frozenset({paper_copilot.SOURCE})

RESOLVED_SCHEMA = pl.Schema(
    [
        ("record_key", pl.String()),
        ("source", pl.String()),
        ("record_venue", pl.String()),
        ("record_year", pl.Int32()),
        ("paper_id", pl.String()),
        ("method", pl.String()),
        ("confidence", pl.Float32()),
        ("in_force", pl.Boolean()),
        ("identity_hash", pl.UInt64()),
    ]
)
ORDER = (
    *("_rank", "source", "year", "venue", "list_order", "normal_title", "_nameless"),
    *("source_id", "_authors", "source_row"),
)
IDENTITY = (
    *("source", "venue", "year", "source_id", "title", "authors", "excluded_because"),
    *("doi", "arxiv_id", "dblp_key", "s2_corpus_id", "openalex_id", "acl_id", "list_order"),
)
"""Columns of a record that say which paper it is."""


def rank_of_source(source: str) -> int:
    """Place of a source in the order in which records are taken; mapped tables in the middle."""
    if source in PRECEDENCE:
        return PRECEDENCE.index(source)
    return len(PRECEDENCE) + (source in NOISY)


def resolve_records(records: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """RESOLVED_SCHEMA rows of `dump_records` of any venue-years; news are appended to `ledger`.

    Records are taken by source, oldest year first, oldest list first and by title within a list,
    those that name no authors last, so that the ids minted do not depend on the order of rows.
    Excluded records are no papers and get no id.
    """
    ranks = {s: rank_of_source(s) for s in records["source"].unique()}
    ordered = (
        records.select("record_key", "source_row", *IDENTITY)
        .with_columns(identity_hash=identity_hash())
        .filter(pl.col("excluded_because").is_null())
        .with_columns(
            normal_title=pl.col("title").map_elements(normalise_title, return_dtype=pl.String),
            _rank=pl.col("source").replace_strict(ranks, return_dtype=pl.Int32, default=0),
            _nameless=pl.col("authors").list.len() == 0,
            _authors=pl.col("authors").list.join(";"),
        )
        .sort(ORDER, descending=[c == "list_order" for c in ORDER])
    )
    rows = [*_resolve(ordered, ledger)]
    frame = pl.DataFrame(rows, schema=RESOLVED_SCHEMA, orient="row")
    # A record taken late may have joined two papers that earlier ones still had apart.
    return current_ids(frame, ledger).sort("record_key")


def resolve_again(
    records: pl.DataFrame,
    before: pl.DataFrame,
    cells: Collection[Cell],
    ledger: Ledger,
    merged: pl.DataFrame,
) -> pl.DataFrame:
    """RESOLVED_SCHEMA rows of everything, of which the records of `cells` are (re)resolved.

    `before`: what was resolved earlier; of the cells' records, only those are matched again whose
    identity moved, and every row of a list of which any row moved. `merged`: (source, source_id,
    merged_into) of ids that sources merged away.
    """
    follow_sources(ledger, merged)
    place = {"record_venue": "venue", "record_year": "year"}
    ours = before.join(
        pl.DataFrame(cells, schema={"venue": pl.String, "year": pl.Int32}, orient="row"),
        left_on=list(place), right_on=list(place.values()), how="semi",
    )  # fmt: skip
    papers = records.filter(pl.col("excluded_because").is_null())
    papers = papers.with_columns(identity_hash=identity_hash())
    same = ["record_key", "source", "venue", "year", "identity_hash"]
    unmoved = papers.join(ours.rename(place), on=same, how="semi")
    moved = papers.join(unmoved, on="record_key", how="anti")
    of_list = pl.col("source").is_in(list(POSITIONAL))
    lists = moved.filter(of_list).select("source", "venue", "year").unique()
    decided = pl.col("record_key").is_in(sorted(ledger.placed_by_people))
    again = pl.concat(
        [
            moved.filter(~of_list),
            unmoved.filter(~of_list & decided),
            papers.join(lists, on=["source", "venue", "year"], how="semi"),
        ]
    )
    fresh = resolve_records(again, ledger)
    still = unmoved.join(again, on="record_key", how="anti")
    kept = pl.concat(
        [
            before.join(ours, on="record_key", how="anti"),
            ours.join(still, on="record_key", how="semi"),
        ]
    )
    return current_ids(pl.concat([kept, fresh]), ledger).sort("record_key")


def follow_sources(ledger: Ledger, merged: pl.DataFrame) -> None:
    """Let ids that a source merged away mean what they were merged into."""
    for source, gone, into in merged.select("source", "source_id", "merged_into").iter_rows():
        old, new = f"{source}:{gone}", ledger.paper_of_key.get(f"{source}:{into}")
        if new and ledger.paper_of_key.get(old) is None:
            ledger.alias(old, new, method="source_id")


def current_ids(rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """`rows` with ids that were merged away replaced by what they are now."""
    if not ledger.merges:
        return rows
    now = {paper_id: ledger.current(paper_id) for paper_id in ledger.merges}
    return rows.with_columns(pl.col("paper_id").replace(now))


def identity_hash() -> pl.Expr:
    """Hash of what a record is matched by; an equal one need not be matched again."""
    parts = [
        pl.col(c).list.join(";") if c == "authors" else pl.col(c).cast(pl.String) for c in IDENTITY
    ]
    return pl.concat_str([part.fill_null("") for part in parts], separator="\x1f").hash()


def _resolve(ordered: pl.DataFrame, ledger: Ledger) -> Iterator[tuple[Any, ...]]:
    matcher = Matcher(ledger)
    for of_source in ordered.partition_by("source", maintain_order=True):
        works = [Work(r, r["source"] in POSITIONAL) for r in of_source.iter_rows(named=True)]
        place = _place_rows if works[0].positional else _place_works
        for work, paper_id, method in place(works, matcher):
            record = work.record
            yield (
                record["record_key"],
                record["source"],
                record["venue"],
                record["year"],
                paper_id,
                method,
                CONFIDENCE[method],
                record["list_order"] == 0,
                record["identity_hash"],
            )


Placed = Iterator[tuple[Work, str, str]]
"""(record, paper id, method)"""


def _place_works(works: Sequence[Work], matcher: Matcher) -> Placed:
    """Records that have ids of their own: first what matches exactly, then the rest."""
    rest = []
    for work in works:
        found = _place_work(work, matcher)
        if found:
            yield work, *found
        else:
            rest.append(work)
    for work in rest:
        yield work, *(_place_work(work, matcher, by_spelling=True) or _mint_work(work, matcher))


def _place_work(
    work: Work, matcher: Matcher, *, by_spelling: bool = False
) -> tuple[str, str] | None:
    """(paper id, method) of a record that has an id of its own; None if no paper is found."""
    ledger = matcher.ledger
    own = ledger.paper_of_key.get(work.handle)
    if own and _is_settled(work, own, ledger):
        return own, ledger.method_of_key.get(work.handle, "first")
    match = matcher.find(work, by_spelling=by_spelling)
    if match is None:
        return None
    paper_id = match.paper_id
    unknown = [k for k in work.ids.values() if k not in ledger.paper_of_key and k != work.handle]
    unknown += _unclaimed_titles(work, paper_id, ledger)
    unknown += _told(work, paper_id, ledger)
    learnt = () if ledger.surnames_of_paper[paper_id] else work.surnames
    if own is None:
        ledger.alias(work.handle, paper_id, also=unknown, method=match.method, surnames=learnt)
    elif unknown:
        ledger.alias(unknown[0], paper_id, also=unknown[1:], surnames=learnt)
    matcher.settle(work, paper_id)
    return paper_id, ledger.method_of_key.get(work.handle, "first")


def _mint_work(work: Work, matcher: Matcher) -> tuple[str, str]:
    ledger = matcher.ledger
    own_ids = [key for key in work.ids.values() if key not in ledger.paper_of_key]
    also = list(dict.fromkeys(key for key in own_ids if key != work.handle))
    first = work.title_key
    if not work.title or first in ledger.paper_of_key:
        names = _keys_of_authors(work.title_key, work.surnames) if work.title else []
        first = next((key for key in names if key not in ledger.paper_of_key), work.handle)
    told_by = "" if work.is_preprint else work.source
    paper_id = ledger.mint(first, work.surnames, [*also, work.handle], told_by=told_by)
    if more := _unclaimed_titles(work, paper_id, ledger):
        ledger.alias(more[0], paper_id, also=more[1:])
    matcher.settle(work, paper_id)
    return paper_id, "first"


def _is_settled(work: Work, own: str, ledger: Ledger) -> bool:
    """Whether all that the record says is known, of its paper or of others it was compared with.

    What was compared once is not compared again. Papers learn from every import; were evidence
    weighed anew each time, a rebuild would join what a refresh had left apart.
    """
    for key in work.ids.values():
        paper_id = ledger.paper_of_key.get(key)
        if paper_id is None or (paper_id != own and not ledger.weighed(paper_id, own)):
            return False
    return not _unclaimed_titles(work, own, ledger) and not _told(work, own, ledger)


def _told(work: Work, paper_id: str, ledger: Ledger) -> list[str]:
    """The key that says the source tells of the paper, if it is news; a preprint is no edition."""
    if work.is_preprint or work.source in ledger.sources_of_paper[paper_id]:
        return []
    return [f"told:{work.source}:{paper_id}"]


def _unclaimed_titles(work: Work, paper_id: str, ledger: Ledger) -> list[str]:
    """Title keys by which the paper should be found, where another paper does not have them.

    Where the bare title is another paper's, the title with each author is claimed: unclaimed, an
    author could later be minted as a third paper.
    """
    known = ledger.paper_of_key
    if not work.title or known.get(work.title_key) == paper_id:
        return []
    if work.title_key not in known:
        return [work.title_key]
    return [k for k in _keys_of_authors(work.title_key, work.surnames) if k not in known]


def _place_rows(rows: Sequence[Work], matcher: Matcher) -> Placed:
    """Rows of lists, each within its venue-year."""
    seen: dict[str, _Seen] = {}
    cell = None
    for work in rows:
        if work.cell != cell:
            seen, cell = {}, work.cell
        yield work, *_place_row(work, matcher, seen)


def _place_row(work: Work, matcher: Matcher, seen: "dict[str, _Seen]") -> tuple[str, str]:
    """(paper id, method) of a row of a list."""
    ledger, record = matcher.ledger, work.record
    paper_id = _find_or_mint(work, matcher, seen)
    if told := _told(work, paper_id, ledger):
        others = bool(ledger.sources_of_paper[paper_id])
        ledger.alias(told[0], paper_id, method="title" if others else "")
    first = ledger.told_method(work.source, paper_id) or "first"
    method = seen[paper_id].tie(record) if paper_id in seen else first
    seen.setdefault(paper_id, _Seen(record["normal_title"])).add(record)
    return paper_id, method


@dataclass
class _Seen:
    """Titles and ids a paper had so far among the records at hand.

    Methods are said of these, not of the ledger's history, so that a rebuild from the same
    records and the same ledger says the same.
    """

    first_title: str
    titles: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)

    def add(self, record: Mapping[str, Any]) -> None:
        self.titles.add(record["normal_title"])
        if record["source_id"]:
            self.ids.add(record["source_id"])

    def tie(self, record: Mapping[str, Any]) -> str:
        by_title = record["source_id"] not in self.ids and record["normal_title"] in self.titles
        return "title" if by_title else "source_id"


def _find_or_mint(work: Work, matcher: Matcher, seen: Mapping[str, _Seen]) -> str:
    ledger, record, surnames = matcher.ledger, work.record, work.surnames
    id_key, title_key = work.handle if record["source_id"] else None, work.title_key
    known = ledger.paper_of_key
    by_id = known.get(id_key) if id_key else None
    paper_id = (
        _of_same_id_and_title(record, surnames, by_id, ledger, seen)
        or _of_same_title(title_key, surnames, ledger)
        or _of_same_id(record, surnames, by_id, ledger, seen)
        or _of_another_source(work, matcher)
    )
    if paper_id is None:
        paper_id = _mint(work, [id_key] if id_key and not by_id else [], ledger)
        matcher.settle(work, paper_id)
    elif title_key not in known:
        ledger.alias(title_key, paper_id)
    elif known[title_key] != paper_id:
        _claim_authors(title_key, surnames, paper_id, ledger)
    if id_key and id_key not in known:
        ledger.alias(id_key, paper_id)
    return paper_id


def _of_another_source(work: Work, matcher: Matcher) -> str | None:
    """A paper that only other sources told of so far."""
    (venue, year), told_by = work.cell, matcher.ledger.sources_of_cell
    near = (told_by.get((venue, y), set()) for y in (year - 1, year, year + 1))
    if not work.ids and all(sources <= {work.source} for sources in near):
        return None  # nobody else told of anything there: the first load of lists is all of this
    match = matcher.find(work)
    if match is None:
        return None
    if told := _told(work, match.paper_id, matcher.ledger):
        matcher.ledger.alias(told[0], match.paper_id, method=match.method)
    matcher.settle(work, match.paper_id)
    return match.paper_id


def _mint(work: Work, also: Sequence[str], ledger: Ledger) -> str:
    title_key, surnames = work.title_key, work.surnames
    if title_key not in ledger.paper_of_key:
        return ledger.mint(title_key, surnames, also, told_by=work.source)
    # Same title, other authors: another paper, to be found again by any of its authors.
    free = [k for k in _keys_of_authors(title_key, surnames) if k not in ledger.paper_of_key]
    paper_id = ledger.mint(free[0], surnames, also, told_by=work.source)
    _claim_authors(title_key, surnames, paper_id, ledger)
    return paper_id


def _claim_authors(title_key: str, surnames: set[str], paper_id: str, ledger: Ledger) -> None:
    """Let the title with any of these authors mean this paper, unless it means one already.

    Unclaimed, an author of this record could later be minted as a third paper, and a replay of
    the ledger would send the record there.
    """
    for key in _keys_of_authors(title_key, surnames):
        if key not in ledger.paper_of_key:
            ledger.alias(key, paper_id)


def _keys_of_authors(title_key: str, surnames: set[str]) -> list[str]:
    """The title with each author, and with all of them: two works may share a surname."""
    if not surnames:
        return []
    # Marked apart: the one author of a work is not every work that has this author.
    together = f"{title_key}##{'+'.join(sorted(surnames))}"
    return [*(f"{title_key}#{name}" for name in sorted(surnames)), together]


def _of_same_id_and_title(
    record: Mapping[str, Any],
    surnames: set[str],
    by_id: str | None,
    ledger: Ledger,
    seen: Mapping[str, _Seen],
) -> str | None:
    if by_id is None or by_id not in seen or record["normal_title"] not in seen[by_id].titles:
        return None
    return by_id if _share_author(surnames, ledger.surnames_of_paper[by_id]) else None


def _of_same_title(title_key: str, surnames: set[str], ledger: Ledger) -> str | None:
    known = ledger.paper_of_key
    theirs, of_authors = ledger.surnames_of_paper, _keys_of_authors(title_key, surnames)
    if (bare := known.get(title_key)) and _share_author(surnames, theirs[bare]):
        return bare
    if of_authors and (exact := known.get(of_authors[-1])):
        return exact
    candidates = [known[k] for k in of_authors if k in known]
    return next((p for p in candidates if _share_author(surnames, theirs[p])), None)


def _of_same_id(
    record: Mapping[str, Any],
    surnames: set[str],
    by_id: str | None,
    ledger: Ledger,
    seen: Mapping[str, _Seen],
) -> str | None:
    if by_id is None:
        return None
    theirs = ledger.surnames_of_paper[by_id]
    shared = len(surnames & theirs)
    if shared and shared >= _SAME_AUTHORS * max(len(surnames), len(theirs)):
        return by_id
    before = seen[by_id].first_title if by_id in seen else ""
    left, right = set(record["normal_title"].split()), set(before.split())
    alike = len(left & right) >= _SAME_TITLE * max(len(left), len(right), 1)
    return by_id if alike and _share_author(surnames, theirs) else None


def _share_author(left: set[str], right: set[str]) -> bool:
    """Whether two author lists may be of one work: one is empty, or enough surnames are shared.

    Half of the shorter list, and a quarter of the longer: among a dozen authors one is called Wang.
    """
    shared = len(left & right)
    enough = max(
        _SHARE_OF_SHORTER * min(len(left), len(right)),
        _SHARE_OF_LONGER * max(len(left), len(right)),
    )
    return not left or not right or 0 < shared >= enough
