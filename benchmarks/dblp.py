"""DBLP's XML to records, on a dump of invented publications.

    python -m benchmarks.dblp [--megabytes 60] [--registered 0.15]

The floor is lxml going over the same file and freeing what it has read, nothing more. Target: at
least 15 MB/s on one core. `--registered` is the share of publications of registered venues, which
alone are read further; DBLP has about a tenth of them.
"""

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TypeVar

from lxml import etree

from benchmarks.machine import machine_line
from pipeline.corpus.dblp import IMPORTER
from pipeline.corpus.incoming import Head
from pipeline.corpus.places import Places
from pipeline.venues import load_venues

Result = TypeVar("Result")

OPENING = b"""<?xml version="1.0" encoding="ISO-8859-1"?>
<!DOCTYPE dblp SYSTEM "dblp.dtd">
<dblp>
"""
WORDS = (
    "graph",
    "neural",
    "retrieval",
    "sparse",
    "citation",
    "vision",
    "robust",
    "policy",
    "parser",
)
NAMES = ("J&uuml;rgen M&uuml;ller 0001", "Ada Lovelace", "Wei Wang 0042", "Ren&eacute;e Dubois")


def main() -> None:
    """Prints MB/s, the ratio to bare lxml, and the peak memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=60)
    parser.add_argument("--registered", type=float, default=0.15)
    given = parser.parse_args()
    print(machine_line("lxml", "polars"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dblp.xml"
        n_written = write_dump(path, given.megabytes << 20, given.registered, seed=0)
        megabytes = path.stat().st_size / 1e6
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        (n_records, n_rows), seconds = timed(lambda: read_dump(path))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        n_bare, bare = timed(lambda: bare_lxml(path))
    assert n_written == n_rows == n_bare
    print(
        f"{megabytes:.0f} MB, {n_rows:,} publications -> {n_records:,} records: "
        f"{megabytes / seconds:.0f} MB/s per core; bare lxml {megabytes / bare:.0f} MB/s, "
        f"ratio {seconds / bare:.1f}; target >= 15 MB/s"
    )
    print(f"peak memory {peak:.0f} MiB, {before:.0f} of them before reading")


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """What `work` returns and the seconds of CPU it took, which others on the machine leave be."""
    started = time.process_time()
    result = work()
    return result, time.process_time() - started


def read_dump(path: Path) -> tuple[int, int]:
    """(records, rows in all) that the importer finds."""
    places = Places.of(load_venues(), date.today())
    n_records = n_rows = 0
    with path.open("rb") as file:
        recognised = IMPORTER.recognise(Head(file.read(1 << 16), path.name))
        assert recognised is not None
        file.seek(0)
        for batch in IMPORTER.read(file, recognised, places):
            n_records += batch.records.height
            n_rows += batch.records.height + batch.bad.height + batch.n_outside
    return n_records, n_rows


def bare_lxml(path: Path) -> int:
    """Publications that lxml passes, entities left as they are."""
    n_rows = 0
    tags = ("inproceedings", "www")
    for _, element in etree.iterparse(path, tag=tags, resolve_entities=False, load_dtd=False):
        n_rows += 1
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
    return n_rows


def write_dump(path: Path, n_bytes: int, registered: float, *, seed: int) -> int:
    """Writes a dump of about `n_bytes`; returns the number of its publications."""
    rng = random.Random(seed)
    n_written = 0
    with path.open("wb") as file:
        file.write(OPENING)
        while file.tell() < n_bytes:
            file.writelines(publication(rng, n_written + i, registered) for i in range(1_000))
            n_written += 1_000
        file.write(b"</dblp>\n")
    return n_written


def publication(rng: random.Random, number: int, registered: float) -> bytes:
    """A paper, or in a third of the cases a home page, as in DBLP."""
    if rng.random() < 1 / 3:
        author = rng.choice(NAMES)
        page = f'<www mdate="2024-03-01" key="homepages/{number % 400}/{number}">\n'
        return f"{page}<author>{author}</author>\n<title>Home Page</title>\n</www>\n".encode()
    stream = "nips" if rng.random() < registered * 1.5 else f"x{number % 5_000}"
    year = 1990 + number % 30
    authors = "".join(f"<author>{name}</author>\n" for name in rng.sample(NAMES, rng.randint(1, 4)))
    title = " ".join(rng.choices(WORDS, k=9)).capitalize()
    return f"""<inproceedings mdate="2024-03-01" key="conf/{stream}/Author{number}">
{authors}<title>{title} in <i>n</i><sup>2</sup> &amp; More.</title>
<pages>{number}-{number + 9}</pages>
<year>{year}</year>
<booktitle>{stream.upper()}</booktitle>
<ee>https://doi.org/10.1000/{number}</ee>
<crossref>conf/{stream}/{year}</crossref>
<url>db/conf/{stream}/{stream}{year}.html#Author{number}</url>
</inproceedings>
""".encode()


if __name__ == "__main__":
    main()
