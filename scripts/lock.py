"""Writes requirements.lock: `make lock`, or any Python 3.11 with pip and nothing else.

pip itself resolves pyproject.toml with the extras below as if nothing were installed
(`pip install --dry-run --ignore-installed --report`); this file only turns its report into pins.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
EXTRAS = ("dev", "minilm", "postgres")
HEADER = """\
# Every package that csimpact, its tests and its MiniLM weights need, resolved together.
# Written by `make lock`; change pyproject.toml instead, then lock again.
# For Python 3.11 on 64-bit Linux; elsewhere pip adds what a platform needs besides.
#
# Pinned by version and not by hash, because torch's CPU build may stand in for torch==2.13.0:
# pip takes it where it is offered, and nothing here needs a GPU. On Linux the plain build brings
# several GB of CUDA packages; CONTRIBUTING.md says how to get the CPU build from PyTorch's index.
"""
# What the plain Linux build of torch brings besides; torch's CPU build needs none of it.
CUDA = re.compile(r"(nvidia|cuda)-|triton$")


def resolve() -> dict[str, Any]:
    """pip's installation report for the project with its extras."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "-qq", "--dry-run"]
        command += ["--ignore-installed", "--report", str(report)]
        subprocess.run([*command, f"{PROJECT}[{','.join(EXTRAS)}]"], check=True)
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return found


def pins(report: dict[str, Any]) -> list[str]:
    """Sorted `name==version` lines: no local version labels, no CUDA, not the project itself."""
    lines = []
    for package in report["install"]:
        name = re.sub(r"[-_.]+", "-", package["metadata"]["name"]).lower()
        version = package["metadata"]["version"].partition("+")[0]
        if name != "csimpact" and not CUDA.match(name):
            lines.append(f"{name}=={version}")
    return sorted(lines)


def main() -> None:
    """Rewrites requirements.lock beside pyproject.toml."""
    lock = PROJECT / "requirements.lock"
    text = HEADER + "\n".join(pins(resolve())) + "\n"
    new = lock.with_suffix(".lock.new")
    new.write_text(text, encoding="utf-8")
    new.replace(lock)


if __name__ == "__main__":
    main()
