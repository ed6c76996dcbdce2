"""Dumps to batches: rows per second of each importer of JSON lines, on invented rows.

    python -m benchmarks.importers [--rows 400000]

Rows have the length and the fields of real ones. `kept` is the share that stands in registered
venues: about 5% of computer science in a real dump is much, 100% is the worst case. The floor is
gunzipping the same file and parsing the JSON of its lines in one process, nothing more. Target: at
least 50,000 rows of papers per second on 2 cores, at most 1 GiB.
"""

import argparse
import gzip
import io
import random
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from benchmarks.machine import machine_line
from pipeline.corpus import openalex_works, semantic_scholar
from pipeline.corpus.incoming import Head, Importer
from pipeline.corpus.parallel import N_WORKERS
from pipeline.corpus.places import Places
from pipeline.venues import load_venues

N_DIFFERENT = 20_000  # the rest of a file repeats them

Make = Callable[[random.Random, int, bool], dict[str, Any]]


def main() -> None:
    """Prints a line per importer and share of rows kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=400_000)
    given = parser.parse_args()
    print(machine_line("polars", "pyarrow", "orjson"), f"{N_WORKERS} workers", sep="; ")
    places = Places.of(load_venues(), date.today())
    s2, oa = semantic_scholar.IMPORTER, openalex_works.IMPORTER
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.jsonl.gz"
        for name, importer, make, share, rows in (
            ("S2 papers", s2, s2_paper, 0.05, given.rows),
            ("S2 papers", s2, s2_paper, 1.0, given.rows),
            ("S2 citations", s2, s2_citation, 1.0, given.rows),
            ("OpenAlex works", oa, openalex_work, 0.05, given.rows // 10),
            ("OpenAlex works", oa, openalex_work, 1.0, given.rows // 10),
        ):
            write(path, make, share, rows)
            report(name, share, path, importer, places)
    print(f"peak memory, all processes together: {peak_gib():.2f} GiB; target <= 1 GiB")


def report(name: str, share: float, path: Path, importer: Importer, places: Places) -> None:
    """Prints the speed of one file and of the floor."""
    started = time.perf_counter()
    with gzip.open(path) as file:
        size = sum(len(line) for line in file if orjson.loads(line))
    floor = time.perf_counter() - started
    started = time.perf_counter()
    with gzip.open(path) as file:
        recognised = importer.recognise(Head(file.read(65536), path.name))
        assert recognised is not None
        file.seek(0)
        n_rows = 0
        for batch in importer.read(file, recognised, places):
            n_rows += batch.records.height + batch.edges.height + batch.n_outside
            assert batch.bad.height == 0, batch.bad
    taken = time.perf_counter() - started
    print(
        f"  {name:<15} kept {share:4.0%}  {n_rows / taken:9,.0f} rows/s  {size / taken / 1e6:5.0f} "
        f"MB/s  floor {n_rows / floor:9,.0f} rows/s  ratio {taken / floor:.2f}",
        flush=True,
    )


def write(path: Path, make: Make, share: float, n_rows: int) -> None:
    """A gzipped file of `n_rows` rows, of which `share` stand in a registered venue."""
    rng = random.Random(0)
    member = io.BytesIO()
    with gzip.GzipFile(fileobj=member, mode="wb", compresslevel=6) as file:
        for number in range(N_DIFFERENT):
            file.write(orjson.dumps(make(rng, number, rng.random() < share)) + b"\n")
    with path.open("wb") as whole:
        for _ in range(n_rows // N_DIFFERENT):
            whole.write(member.getbuffer())  # members of one gzip file join


def words(rng: random.Random, n: int) -> list[str]:
    """Made-up words, a few thousand in all."""
    return [WORDS[rng.randrange(len(WORDS))] for _ in range(n)]


WORDS = ["".join(random.Random(i).choices("aeioulnrst", k=2 + i % 9)) for i in range(5000)]


def s2_paper(rng: random.Random, number: int, kept: bool) -> dict[str, Any]:
    """A row of the dataset `papers`."""
    return {
        "corpusid": number,
        "externalids": {
            "ACL": None, "DBLP": f"conf/{'iclr' if kept else 'igarss'}/{number}", "ArXiv": None,
            "MAG": f"{number}", "CorpusId": f"{number}", "PubMed": None,
            "DOI": f"10.1109/VENUE.2018.{number}", "PubMedCentral": None,
        },
        "url": f"https://www.semanticscholar.org/paper/{rng.randbytes(20).hex()}",
        "title": " ".join(words(rng, 11)).capitalize(),
        "authors": [
            {"authorId": f"{rng.randrange(10**8)}", "name": " ".join(words(rng, 2)).title()}
            for _ in range(rng.randint(1, 7))
        ],
        "venue": "IEEE International Geoscience and Remote Sensing Symposium",
        "publicationvenueid": rng.randbytes(16).hex(),
        "year": 2018,
        "referencecount": 30,
        "citationcount": rng.randrange(100),
        "influentialcitationcount": 1,
        "isopenaccess": False,
        "s2fieldsofstudy": [{"category": "Computer Science", "source": "s2-fos-model"}] * 2,
        "publicationtypes": ["JournalArticle", "Conference"],
        "publicationdate": "2018-05-07",
        "journal": {"name": None, "pages": "1-2", "volume": None},
    }  # fmt: skip


def s2_citation(rng: random.Random, number: int, kept: bool) -> dict[str, Any]:
    """A row of the dataset `citations`."""
    return {
        "citationid": number,
        "citingcorpusid": rng.randrange(10**8),
        "citedcorpusid": rng.randrange(10**8),
        "isinfluential": False,
        "contexts": [" ".join(words(rng, 25))],
        "intents": [["background"]] if number % 2 else None,
    }


def openalex_work(rng: random.Random, number: int, kept: bool) -> dict[str, Any]:
    """A work of the snapshot, without the fields nobody reads."""
    source = {
        "id": f"https://openalex.org/{'S4306419637' if kept else 'S1'}",
        "display_name": " ".join(words(rng, 5)),
    }
    location = {"source": source, "landing_page_url": f"https://doi.org/10.1000/{number}"}
    abstract: dict[str, list[int]] = {}
    for position, word in enumerate(words(rng, 150)):
        abstract.setdefault(word, []).append(position)
    return {
        "id": f"https://openalex.org/W{number + 10}",
        "doi": f"https://doi.org/10.1000/{number}",
        "title": " ".join(words(rng, 11)),
        "publication_year": 2018,
        "publication_date": "2018-05-07",
        "primary_location": location,
        "locations": [location],
        "authorships": [
            {
                "author": {
                    "id": f"https://openalex.org/A{rng.randrange(10**9)}",
                    "display_name": " ".join(words(rng, 2)).title(),
                },
                "institutions": [{"display_name": " ".join(words(rng, 4)).title()}],
                "raw_affiliation_strings": [" ".join(words(rng, 12))],
            }
            for _ in range(rng.randint(1, 7))
        ],
        "cited_by_count": rng.randrange(100),
        "is_retracted": False,
        "is_paratext": False,
        "referenced_works": [f"https://openalex.org/W{rng.randrange(10, 10**9)}"] * 30,
        "abstract_inverted_index": abstract,
    }


def peak_gib() -> float:
    """Peak of this process and, were all as large as the largest, of the workers."""
    own, child = (
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return (own + N_WORKERS * child) / 2**20


if __name__ == "__main__":
    main()
