"""What was delivered and what was made of it: stale, damaged, half fetched, failed."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pipeline.doctor.finding import Finding, Patient, ok, problem, warning
from pipeline.refresh import plan_refresh
from resources.integrity import verify

SHOWN = 5
RECENT = timedelta(days=7)


def contents(patient: Patient) -> Iterator[Finding]:
    """There is something to look at; else, what to do first."""
    if patient.empty:
        yield warning(
            f"{patient.data.root} holds nothing yet",
            "csimpact import PATH… (dumps), then csimpact refresh; or make demo",
        )
        return
    states = patient.workspace.lake.states("papers").values()
    papers = sum(state.rows["papers"] for state in states)
    yield ok(f"{papers:,} papers in {len(states)} venue-years")


def files(patient: Patient) -> Iterator[Finding]:
    """Every stored file is what was written; with `deep`, byte for byte."""
    damaged = verify(patient.workspace, deep=patient.deep)
    for found in damaged[:SHOWN]:
        yield problem(f"{found.path} {found.problem}", found.remedy)
    if len(damaged) > SHOWN:
        yield problem(f"{len(damaged) - SHOWN} more files are damaged", "csimpact refresh")
    if not damaged:
        yield ok("every byte is as written" if patient.deep else "sizes and times are as written")


def inbox(patient: Patient) -> Iterator[Finding]:
    """Every file in the inbox can be used."""
    scanned = patient.workspace.scanned_inbox()
    for line in scanned.warnings()[:SHOWN]:
        yield warning(line, "mend, replace or remove that file, then csimpact refresh")
    if not scanned.warnings():
        yield ok(f"{len(scanned.cells())} venue-years have a usable list")


def crawls(patient: Patient) -> Iterator[Finding]:
    """No crawl stands half way."""
    open_ones = sorted(patient.data.crawl.glob("*/*/state.json"))
    if not open_ones:
        yield ok("none is unfinished")
        return
    which = ", ".join(f"{p.parts[-3]} {p.parts[-2]}" for p in open_ones[:SHOWN])
    oldest = min(p.stat().st_mtime for p in open_ones)
    yield warning(
        f"{len(open_ones)} unfinished ({which}), the oldest since {_moment(oldest)}",
        "csimpact crawl: goes on where they stand",
    )


def staleness(patient: Patient) -> Iterator[Finding]:
    """What the planner would redo."""
    if patient.empty or not patient.encoder_known:
        return
    stale = plan_refresh(patient.workspace)
    states = (patient.data.lake / "_state").rglob("*.json")
    last = max((p.stat().st_mtime for p in states), default=None)
    when = f"last table written {_moment(last)}" if last else "no table was ever written"
    if not stale:
        yield ok(f"nothing is stale; {when}")
        return
    outputs = Counter(one.output for one in stale)
    which = ", ".join(f"{n} of {output}" for output, n in outputs.most_common(SHOWN))
    since = _waiting_since(patient, last)
    yield warning(
        f"{len(stale)} cells are stale{since} ({which}); {when}",
        "csimpact refresh (what and why: csimpact refresh --dry-run)",
    )


def _waiting_since(patient: Patient, last: float | None) -> str:
    """The oldest delivery that no table was written after, where a delivery is the reason."""
    data = patient.data
    files = [p for folder in (data.inbox, data.sources) for p in folder.rglob("*") if p.is_file()]
    waiting = [t for p in files if (t := p.stat().st_mtime) > (last or 0)]
    return f" since {_moment(min(waiting))}" if waiting else ""


def incidents(patient: Patient) -> Iterator[Finding]:
    """No run failed within a week."""
    since = (patient.now - RECENT).timestamp()
    pages = [p for p in patient.data.incidents.rglob("*.md") if p.stat().st_mtime > since]
    if not pages:
        yield ok("none within a week")
        return
    newest = max(pages, key=lambda p: p.stat().st_mtime)
    yield warning(
        f"{len(pages)} runs failed within a week, last: {newest.name}", f"read '{newest}'"
    )


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
