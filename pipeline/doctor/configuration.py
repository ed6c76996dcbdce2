"""The variables of the environment: misspelt, out of range, secrets present but never shown."""

from collections.abc import Iterator
from difflib import get_close_matches
from urllib.parse import urlsplit

from pipeline.doctor.finding import Finding, Patient, ok, problem, warning
from pipeline.settings import VARIABLES
from resources.dagster_home import POSTGRES_SCHEME

FOR_TESTS = ("CSIMPACT_SHARED_DATA",)
SWITCHES = ("CSIMPACT_AUTOMATION", "CSIMPACT_TRAINING")
SECONDS = ("CSIMPACT_TICK_SECONDS", "CSIMPACT_PROBE_SECONDS")
ON_OR_OFF = ("on", "1", "true", "yes", "off", "0", "false", "no", "")


def variables(patient: Patient) -> Iterator[Finding]:
    """Every variable of ours is known and says something it may say."""
    found = list(_troubles(patient))
    set_here = [name for name in VARIABLES if patient.environ.get(name)]
    yield from found or [ok(f"set: {', '.join(set_here) or 'nothing, all as by default'}")]


def _troubles(patient: Patient) -> Iterator[Finding]:
    environ = patient.environ
    for name in sorted(n for n in environ if n.startswith("CSIMPACT_")):
        if name not in VARIABLES and name not in FOR_TESTS:
            near = get_close_matches(name, VARIABLES, n=1)
            meant = f"did you mean {near[0]}?" if near else "see docs/operations.md"
            yield warning(f"{name} is no variable of ours and changes nothing", meant)
    for name in SWITCHES:
        if environ.get(name, "").strip().lower() not in ON_OR_OFF:
            yield warning(f"{name} is neither on nor off: it counts as off", f"export {name}=on")
    for name in SECONDS:
        seconds = (environ.get(name) or "1").strip()
        if not (seconds.isdecimal() and int(seconds) > 0):
            yield problem(
                f"{name} is no number of seconds: Dagster cannot load the definitions",
                f"unset {name}",
            )


def secrets(patient: Patient) -> Iterator[Finding]:
    """Keys and secret addresses: whether they are there and look usable, never what they are."""
    environ = patient.environ
    if environ.get("OPENALEX_API_KEY", "").strip():
        yield ok("OPENALEX_API_KEY is set")
    else:
        yield warning(
            "OPENALEX_API_KEY is not set: OpenAlex answers a tenth as much, and cannot be crawled",
            "export OPENALEX_API_KEY=… (free: openalex.org/settings/api)",
        )
    webhook = environ.get("CSIMPACT_WEBHOOK", "").strip()
    if webhook:
        if urlsplit(webhook).scheme == "https" and urlsplit(webhook).netloc:
            yield ok("CSIMPACT_WEBHOOK is set")
        else:
            yield problem(
                "CSIMPACT_WEBHOOK is no https address: incidents would be readable on the way",
                "export CSIMPACT_WEBHOOK=https://…",
            )
    address = environ.get("CSIMPACT_POSTGRES_URL", "").strip()
    if address and address.startswith(f"{POSTGRES_SCHEME}://"):
        yield ok("CSIMPACT_POSTGRES_URL is set")
    elif address:
        yield problem(
            f"CSIMPACT_POSTGRES_URL does not begin with {POSTGRES_SCHEME}://: the driver is absent",
            f"export CSIMPACT_POSTGRES_URL={POSTGRES_SCHEME}://user:password@host:5432/database",
        )
