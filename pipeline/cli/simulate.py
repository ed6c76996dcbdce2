"""`csimpact simulate`: sources made up on the spot, for trying things out.

Belongs here: arguments, and the words a person reads. Not: the literature or the server
(pipeline/simulation).
"""

import os
import signal
import threading
from typing import Annotated

import typer

from pipeline.errors import InputError

KEY_VARIABLE = "OPENALEX_API_KEY"

SERVE_HELP = """Serve a simulated literature as OpenAlex would, on this machine alone, until Ctrl-C.

Nothing it serves is real. Point the crawler at it with CSIMPACT_OPENALEX_URL.

Faults, each at one request in twenty unless --fault-rate says otherwise: 429_burst, 429_exhausted,
403, 500, 502, 504, timeout, dropped, truncated, html, repeated_page, moving_page, expired_cursor,
merged_id.

Examples:

  csimpact simulate serve

  csimpact simulate serve --papers 20000 --latency-ms 50 --rate 100

  csimpact simulate serve --fault 429_burst --fault dropped --fault-rate 0.1
"""


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    simulate = typer.Typer(
        help="Serve made-up sources, to try things out.",
        rich_markup_mode=None,
        no_args_is_help=True,
    )
    simulate.command("serve", help=SERVE_HELP)(serve_)
    simulate.callback()(lambda: None)  # keeps `serve` a command of its own while it is the only one
    app.add_typer(simulate, name="simulate")


def serve_(
    papers: Annotated[int, typer.Option(help="Papers of the literature.", min=1)] = 3000,
    seed: Annotated[int, typer.Option(help="Another seed, another literature.", min=0)] = 0,
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8765,
    latency_ms: Annotated[float, typer.Option(help="Delay of every answer.", min=0)] = 0.0,
    rate: Annotated[
        float | None, typer.Option(help="Requests admitted per second [default: any].", min=0.1)
    ] = None,
    budget_usd: Annotated[float, typer.Option(help="Budget of the day.", min=0)] = 1.0,
    api_key_from_env: Annotated[
        bool, typer.Option("--api-key-from-env", help=f"Demand the key in {KEY_VARIABLE}.")
    ] = False,
    fault: Annotated[
        list[str] | None, typer.Option(help="A fault; may be repeated.", metavar="NAME")
    ] = None,
    fault_rate: Annotated[
        float, typer.Option(help="Probability of each fault.", min=0, max=1)
    ] = 0.05,
) -> None:
    """Serve a simulated literature as OpenAlex would."""
    from pipeline.simulation.literature import simulate_literature
    from pipeline.simulation.openalex_server import Faults, serve

    key = os.environ.get(KEY_VARIABLE, "").strip() or None
    if api_key_from_env and key is None:
        raise InputError(f"--api-key-from-env: expected a key in {KEY_VARIABLE}, found none")
    faults = Faults(rates=dict.fromkeys(fault or (), fault_rate), seed=seed)
    with serve(
        simulate_literature(n_papers=papers, seed=seed),
        faults=faults,
        api_key=key if api_key_from_env else None,
        latency_s=latency_ms / 1000,
        rate_per_s=rate,
        budget_usd=budget_usd,
        port=port,
    ) as server:
        print(
            f"{papers:,} simulated papers, none of them real, at {server.url} until Ctrl-C; "
            f"crawl them with CSIMPACT_OPENALEX_URL={server.url}",
            flush=True,
        )
        _wait_for_the_end()


def _wait_for_the_end() -> None:
    """Returns at Ctrl-C or when asked to terminate."""
    ended = threading.Event()
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, lambda *_: ended.set())
    while not ended.wait(timeout=0.5):  # in steps: Windows hears no signal within an endless wait
        pass
