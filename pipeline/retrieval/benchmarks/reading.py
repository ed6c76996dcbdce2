"""Which layout a folder has, and its benchmarks.

Belongs here: recognising. Not: reading, which each layout's module does.
Only CACM was at hand when this was written. The other layouts are read as their publishers
describe them, and were tested on small files of that description, not on the real benchmarks.
"""

from pathlib import Path

from pipeline.errors import InputError, UnrecognisedFileError
from pipeline.retrieval.benchmarks.beir import (
    configurations,
    is_beir,
    read_beir,
    read_beir_parquet,
)
from pipeline.retrieval.benchmarks.benchmark import Benchmark
from pipeline.retrieval.benchmarks.cacm import is_cacm, read_cacm
from pipeline.retrieval.benchmarks.classification import is_classification
from pipeline.retrieval.benchmarks.litsearch import is_litsearch, read_litsearch
from pipeline.retrieval.benchmarks.query_by_example import (
    is_query_by_example,
    read_query_by_example,
)
from pipeline.retrieval.benchmarks.scidocs import is_scidocs, read_scidocs
from pipeline.retrieval.benchmarks.scirepeval import is_scirepeval, read_scirepeval

LAYOUTS = "BEIR, SciDocs, SciRepEval, RuSciBench, LitSearch, CACM, query by example"


_LAYOUTS = (
    is_cacm, is_beir, is_scidocs, is_query_by_example, is_litsearch, is_scirepeval, configurations,
)  # fmt: skip


def holds_classifications(path: Path) -> bool:
    """Whether there are labelled texts, or folders of them, in no layout of retrieval.

    Judgments of a retrieval benchmark may lie in train and test files too.
    """
    if not path.is_dir() or any(layout(path) for layout in _LAYOUTS):
        return False
    return any(is_classification(one) for one in (path, *path.glob("*/")))


def read_benchmarks(path: Path, *, title_only: bool = True) -> list[Benchmark]:
    """The retrieval benchmarks in a folder (or CACM's archive): one, or one per configuration.

    Args:
        path: the folder.
        title_only: where queries are papers, ask with the title, as our search does; else with
            title and abstract, as most published figures do.

    Raises:
        InputError: nothing there, no layout we know, judgments of unknown ids.
    """
    if not path.exists():
        raise InputError(f"expected a benchmark folder at {path}, received nothing; check the path")
    if is_cacm(path):
        return [read_cacm(path)]
    if is_beir(path):
        return [read_beir(path)]
    if is_scidocs(path):
        return [read_scidocs(path, title_only=title_only)]
    if is_query_by_example(path):
        return [read_query_by_example(path, title_only=title_only)]
    if is_litsearch(path):
        return [read_litsearch(path)]
    if is_scirepeval(path):
        return [read_scirepeval(path, title_only=title_only)]
    if configurations(path):
        return read_beir_parquet(path)
    raise UnrecognisedFileError(
        f"expected one of the layouts {LAYOUTS} in {path}, received none of their files; see "
        "docs for what each holds"
    )
