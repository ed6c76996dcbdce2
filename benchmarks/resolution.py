"""Who is who: 200,000 invented records of four sources, and again after one in a hundred moved.

    python -m benchmarks.resolution [--papers 57500] [--gold DBLP-ACM_match.tar.gz]

The floor is normalising titles and surnames of the same records once, nothing more. Targets: all
at once in at most 60 s, again in at most 5 s with the ledger read from disk; precision at least
0.999 and recall at least 0.98 over pairs of records, and on the gold matches of DBLP-ACM, which
nobody here made, F1 of at least 0.985.
"""

import argparse
import resource
import tarfile
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.machine import machine_line
from pipeline.corpus.agreement import Agreement, agreement_by_case, pairwise_agreement
from pipeline.corpus.ledger import Ledger
from pipeline.corpus.places import Places
from pipeline.corpus.resolution import (
    IDENTITY,
    POSITIONAL,
    RESOLVED_SCHEMA,
    resolve_again,
    resolve_records,
)
from pipeline.corpus.text import clean_text, normalise_title, surname
from pipeline.settings import PROJECT
from pipeline.simulation.literature import simulate_literature
from pipeline.simulation.sightings import Sighting, sightings
from pipeline.tables import DUMP_RECORDS
from pipeline.venues import load_venues
from resources.collector import rare_collections
from resources.ledger_store import LedgerStore
from resources.source_files import recognise
from resources.source_store import SourceStore

COLUMNS = ("record_key", "source_row", *IDENTITY)
SCHEMA = {name: DUMP_RECORDS.schema[name] for name in COLUMNS}
NO_MERGED_IDS = pl.DataFrame(
    schema={"source": pl.String, "source_id": pl.String, "merged_into": pl.String}
)
MOVED_EVERY = 100  # each so many-th record is new, retitled or without its DOI the second time
PAPERS_OF_RECORD = ("paper", "workshop", "preprint")
MAPPINGS = {"DBLP2.csv": "dblp-acm.toml", "ACM.csv": "acm.toml"}
TODAY = date(2026, 1, 1)


def invented(n_papers: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Records of `n_papers` papers as four sources see them, and the truth about each."""
    seen = sightings(simulate_literature(n_papers=n_papers, seed=3), seed=3)
    placed = [s for s in seen if s.venue]  # what is of no registered venue is no record
    rows = {row["record_key"]: row for row in (_record(s, k) for k, s in enumerate(placed))}
    truth = [(r["record_key"], placed[r["source_row"]]) for r in rows.values()]
    return (
        pl.DataFrame(list(rows.values()), schema=SCHEMA),
        pl.DataFrame([(key, s.work, s.hard_case) for key, s in truth],
                     schema=["record_key", "work", "hard_case"], orient="row"),
    )  # fmt: skip


def _record(seen: Sighting, number: int) -> dict[str, Any]:
    of_list = seen.source in POSITIONAL
    return {
        "record_key": f"{seen.source}:{number if of_list else seen.key}",
        "source_row": number,
        "source": seen.source,
        "venue": seen.venue,
        "year": seen.year,
        "source_id": seen.key or None,
        "title": clean_text(seen.title),
        "authors": [clean_text(name) for name in seen.authors],
        "excluded_because": None if seen.form in PAPERS_OF_RECORD else seen.form,
        "doi": seen.doi,
        "arxiv_id": seen.arxiv_id,
        "dblp_key": seen.dblp_key,
        "s2_corpus_id": seen.corpus_id,
        "openalex_id": seen.openalex_id,
        "list_order": 0,
    }


def earlier(records: pl.DataFrame) -> pl.DataFrame:
    """The records as they stood before: some not yet there, some under another title or DOI."""
    number = pl.int_range(pl.len())
    draft = pl.col("title") + " (draft)"
    kind = pl.when(number % MOVED_EVERY == 0).then(number // MOVED_EVERY % 3)
    return (
        records.with_columns(_kind=kind)
        .filter(pl.col("_kind").ne_missing(0))
        .with_columns(
            title=pl.when(pl.col("_kind") == 1).then(draft).otherwise("title"),
            doi=pl.when(pl.col("_kind") == 2).then(None).otherwise("doi"),
        )
        .drop("_kind")
    )


def floor_seconds(records: pl.DataFrame) -> float:
    """Seconds of normalising every title and every surname once."""
    titles, authors = records["title"].to_list(), records["authors"].to_list()
    started = time.perf_counter()
    for title, names in zip(titles, authors, strict=True):
        normalise_title(title)
        for name in names:
            surname(name)
    return time.perf_counter() - started


def report_invented(n_papers: int) -> None:
    """Prints seconds and agreement of a full resolution, and seconds of one after a change."""
    records, truth = invented(n_papers)
    floor = floor_seconds(records)
    started = time.perf_counter()
    with rare_collections():
        ids = resolve_records(records, Ledger())
    full = time.perf_counter() - started
    print(f"{records.height:,} records, all at once: {full:.1f} s; target <= 60 s")
    print(f"  floor (normalise titles, surnames) {floor:.2f} s, ratio {full / floor:.1f}")
    _report_again(records)
    joined = truth.join(ids, on="record_key")  # front matter is no paper, and has no id
    found, work = joined["paper_id"], joined["work"]
    _report("in all", pairwise_agreement(found, work))
    for case, agreement in agreement_by_case(found, work, joined["hard_case"]).items():
        _report(case, agreement)


def _report_again(records: pl.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store, ledger = LedgerStore(Path(folder)), Ledger()
        before = resolve_records(earlier(records), ledger)
        store.append(ledger)
        del ledger
        cells = [(str(v), int(y)) for v, y in records.select("venue", "year").unique().iter_rows()]
        started, before_cpu = time.perf_counter(), time.process_time()
        with rare_collections():
            ledger = store.load()
            loaded = time.perf_counter() - started
            again = resolve_again(records, before, cells, ledger, NO_MERGED_IDS)
            store.append(ledger)
        total, cpu = time.perf_counter() - started, time.process_time() - before_cpu
    assert again.columns == RESOLVED_SCHEMA.names()
    n_events = ledger.next_seq
    print(f"1 in {MOVED_EVERY} records moved: {total:.1f} s, {cpu:.1f} s of processor; ", end="")
    print(f"of which {loaded:.1f} s loading {n_events:,} events; target <= 5 s")


def _report(name: str, agreement: Agreement) -> None:
    print(
        f"  {name:<20} precision {agreement.precision:.4f}  recall {agreement.recall:.4f}  "
        f"{agreement.n_pairs:>8,} pairs"
    )


def dblp_acm(archive: Path) -> Agreement:
    """Agreement with the gold matches of the Leipzig benchmark, as pairs of a record of each side.

    The gold pairs are one to one, so that their clusters are the pairs.
    """
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        root = Path(folder)
        files = {path.name: path for path in root.rglob("*.csv")}
        ids = resolve_records(_imported(files, root / "sources"), Ledger())
        gold = pl.read_csv(
            files["DBLP-ACM_perfectMapping.csv"], has_header=False, infer_schema=False
        )
    of_pair = {f"dblp_acm:{a}": f"dblp_acm:{a}" for a, _ in gold.iter_rows()}
    of_pair |= {f"acm:{b}": f"dblp_acm:{a}" for a, b in gold.iter_rows()}
    key = pl.col("record_key")
    labelled = ids.with_columns(work=key.replace_strict(of_pair, default=key))
    return pairwise_agreement(labelled["paper_id"], labelled["work"])


def _imported(files: dict[str, Path], root: Path) -> pl.DataFrame:
    store = SourceStore(root, Places.of(load_venues(), TODAY), TODAY)
    for name, mapping in MAPPINGS.items():
        file = recognise(files[name], PROJECT / "docs" / "mappings" / mapping)
        assert file is not None
        store.deliver(file, name, "")
    records = pl.concat([store.records(cell) for cell in store.digests("records")])
    # Matching is judged, not what counts as a paper: editorials have gold matches as well.
    return records.with_columns(excluded_because=pl.lit(None, pl.String))


def main() -> None:
    """Prints every figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--papers", type=int, default=57_500, help="invented; each is seen 3.5 times"
    )
    parser.add_argument("--gold", type=Path, help="archive of the DBLP-ACM benchmark")
    given = parser.parse_args()
    print(machine_line("polars", "rapidfuzz", "orjson"))
    report_invented(given.papers)
    if given.gold:
        gold = dblp_acm(given.gold)
        print(f"DBLP-ACM: F1 {gold.f1:.4f} over {gold.n_pairs:,} gold matches; target >= 0.985")
        _report("", gold)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.2f} GiB")


if __name__ == "__main__":
    main()
