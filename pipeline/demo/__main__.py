"""The demo from its first line to its last: `python -m pipeline.demo`.

Belongs here: the order of the story. Not: the nights (nights.py), the training (training.py), what
is shown of the library at the end (closing.py).
"""

import os
import shutil
import sys

from rich.console import Console

from pipeline.automation.names import FETCH, REFRESH
from pipeline.demo.closing import show_outputs, show_overview, show_top, show_why_moved
from pipeline.demo.nights import TICK_S, compare, crawl_all, drop, idle, night, tell_report
from pipeline.demo.training import train_prompt
from pipeline.errors import CsimpactError, ModelError
from pipeline.models.profiles import chosen_profile
from pipeline.settings import DataDir, data_dir
from pipeline.simulation.literature import next_day, simulate_literature
from pipeline.simulation.openalex_server import serve
from resources.dagster_processes import running
from resources.model_hub import find_model
from resources.workspace import Workspace

SEED = 20
N_PAPERS = 3_000
NEW_PAPERS, NEW_CITATIONS = 3, 10
TINY = "tiny-random"
AUTOMATION = {
    "CSIMPACT_AUTOMATION": "on",
    "CSIMPACT_TICK_SECONDS": str(TICK_S),
    "CSIMPACT_PROBE_SECONDS": str(2 * TICK_S),
}


def main() -> int:
    """Run the demo; returns the exit code."""
    console = Console()
    try:
        _demo(console, DataDir(data_dir().root / "demo"))
    except CsimpactError as problem:
        Console(stderr=True).print(f"error: {problem}", markup=False, soft_wrap=True)
        return 2
    return 0


def _demo(console: Console, data: DataDir) -> None:
    shutil.rmtree(data.root, ignore_errors=True)  # a demo starts from nothing, every time
    _choose_encoder(console, data)
    literature = simulate_literature(n_papers=N_PAPERS, seed=SEED)
    with serve(literature) as server:
        os.environ["CSIMPACT_OPENALEX_URL"] = server.url
        console.rule("Night 1: everything is new (simulated literature)")
        crawl_all(console, Workspace(data), literature)
        with running(data, env=AUTOMATION) as processes, processes.instance() as instance:
            console.print("Dagster's daemon runs, its sensors look at the inbox and at OpenAlex")
            first = night(console, data, instance, lambda: drop(data, literature), {REFRESH})
            console.rule(
                f"Night 2: {NEW_PAPERS} new papers, {NEW_CITATIONS} new citations and theirs"
            )
            day_after = next_day(
                literature, seed=SEED, n_new_papers=NEW_PAPERS, n_new_citations=NEW_CITATIONS
            )

            def news() -> None:
                server.replace(day_after)
                drop(data, day_after)

            second = night(console, data, instance, news, {FETCH, REFRESH})
            compare(console, first, second)
            tell_report(console, data)
            console.rule("A night without news")
            idle(console, instance)
    train_prompt(console, data)
    show_overview(console, data)
    show_top(console, data)
    show_why_moved(console, data, since=literature.as_of)
    tiny = {"CSIMPACT_ENCODER": TINY} if chosen_profile().encoder == TINY else {}
    show_outputs(console, data, tiny)


def _choose_encoder(console: Console, data: DataDir) -> None:
    try:
        find_model(chosen_profile().encoder, data.models, download=False)  # a demo needs no network
    except ModelError:
        from pipeline.models.tiny import write_tiny_encoder

        write_tiny_encoder(data.models / TINY, seed=SEED)
        os.environ["CSIMPACT_ENCODER"] = TINY
        console.print("MiniLM weights are not here: a tiny random encoder stands in.")


if __name__ == "__main__":
    sys.exit(main())
