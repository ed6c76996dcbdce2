"""Python and packages, against what the project was locked to."""

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from pipeline.doctor.finding import Finding, Patient, ok, problem, warning
from pipeline.settings import PROJECT

SUPPORTED = (3, 11)


def python(_: Patient) -> Iterator[Finding]:
    """The interpreter is the one the lock was made for."""
    received = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == SUPPORTED:
        yield ok(f"Python {received}")
    else:
        yield problem(
            f"Python {received}, where 3.11 is expected",
            "make distclean setup PYTHON=/path/to/python3.11",
        )


def packages(_: Patient) -> Iterator[Finding]:
    """Every package is there, in the version that was tested."""
    lock, project = PROJECT / "requirements.lock", PROJECT / "pyproject.toml"
    if not (lock.exists() and project.exists()):
        yield ok("installed as a package: versions are as its installer chose")
        return
    lines = (line for line in lock.read_text().splitlines() if not line.startswith("#"))
    locked = dict(line.split("==") for line in lines if line)
    installed = {name: _installed(name) for name in locked}
    needed = tomllib.loads(project.read_text())["project"]["dependencies"]
    names = [re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in needed]
    absent = [name for name in names if _installed(name) is None]
    if absent:
        yield problem(f"not installed: {', '.join(absent)}", "make setup")
    other = [f"{n} {v} (locked: {locked[n]})" for n, v in installed.items() if v and v != locked[n]]
    if other:
        yield warning(f"other versions than locked: {', '.join(other[:5])}", "make setup")
    if not absent and not other:
        present = sum(v is not None for v in installed.values())
        yield ok(f"{present} of {len(locked)} locked packages, each in its version")


def _installed(name: str) -> str | None:
    try:
        return version(name).partition("+")[0]  # torch's CPU build bears a label
    except PackageNotFoundError:
        return None
