"""Every check, in the order in which a person should mend what it finds.

Belongs here: the register, and keeping one broken check from hiding the others. Not: the checks.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.doctor import configuration, index, installation, instance, library, machine, models
from pipeline.doctor.finding import Check, Finding, Patient, problem
from pipeline.errors import CsimpactError

CHECKS: tuple[tuple[str, Check], ...] = (
    ("python", installation.python),
    ("packages", installation.packages),
    ("configuration", configuration.variables),
    ("secrets", configuration.secrets),
    ("folders", machine.folders),
    ("owners", machine.owners),
    ("disk", machine.disk),
    ("clock", machine.clock),
    ("locks", machine.locks),
    ("encoder", models.encoder),
    ("reranker", models.reranker),
    ("library", library.contents),
    ("files", library.files),
    ("inbox", library.inbox),
    ("crawls", library.crawls),
    ("staleness", library.staleness),
    ("incidents", library.incidents),
    ("index", index.vectors),
    ("dagster home", instance.home),
    ("dagster databases", instance.databases),
    ("dagster schema", instance.schema),
    ("runs", instance.runs),
    ("pool slots", instance.slots),
    ("daemon", instance.daemon),
    ("sensors", instance.instigators),
)


@dataclass(frozen=True)
class Told:
    """A finding, and which check found it."""

    check: str
    finding: Finding


def examine(patient: Patient) -> Iterator[Told]:
    """What every check finds; one that fails itself is a finding, and the others go on."""
    for name, check in CHECKS:
        try:
            yield from [Told(name, finding) for finding in check(patient)]
        except CsimpactError as trouble:
            yield Told(name, problem(str(trouble), "as the line says"))
        except Exception as trouble:
            line = (str(trouble).splitlines() or [""])[0]
            yield Told(name, problem(
                f"could not be examined: {type(trouble).__name__}: {line}",
                "mend what stands above and look again; else it is a bug: report it",
            ))  # fmt: skip
