"""What this machine lacks, one line each: expected, received, remedy. Exit code 2 if anything.

    python3 scripts/preflight.py                 folders and disk of a machine that has a .venv
    python3 scripts/preflight.py --install       also what a first installation needs
    python3 scripts/preflight.py --port 3000     also a free loopback port

Standard library only, in the syntax of Python 3.8: its job is to speak where 3.11 is missing, so
it reads CSIMPACT_DATA itself instead of asking pipeline.settings.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PYTHON = (3, 11)
INSTALL_GB = 6  # packages, and pip's unpacked copies of them
STATE_GB = 1


def state_folder() -> Path:
    """Where all state lies: `CSIMPACT_DATA`, else `data/` of the project."""
    return Path(os.environ.get("CSIMPACT_DATA") or PROJECT / "data").absolute()


def existing(folder: Path) -> Path:
    """The folder itself, or the nearest of its parents that exists."""
    return next(f for f in (folder, *folder.parents) if f.exists())


def lacks_python(version: tuple[int, ...] = sys.version_info[:3]) -> str | None:
    """The interpreter is not the Python that the lock file was made for."""
    if tuple(version[:2]) == PYTHON:
        return None
    received = ".".join(map(str, version))
    return (
        f"Python: expected 3.11, received {received} ({sys.executable}); "
        "install Python 3.11, or name one: make PYTHON=/path/to/python3.11"
    )


def lacks_venv() -> str | None:
    """Some distributions ship venv and ensurepip apart."""
    missing = [m for m in ("venv", "ensurepip") if importlib.util.find_spec(m) is None]
    if not missing:
        return None
    return (
        f"venv: expected the modules venv and ensurepip, received no {' and no '.join(missing)}; "
        "install them (Debian, Ubuntu: apt install python3.11-venv)"
    )


def lacks_disk(folder: Path, gigabytes: int) -> str | None:
    """Too little free space where `folder` lies or will lie."""
    free = shutil.disk_usage(existing(folder)).free / 1e9
    if free >= gigabytes:
        return None
    return (
        f"disk: expected {gigabytes} GB free for {folder}, received {free:.1f} GB; "
        "free some space, or move it: the project, or the state folder by CSIMPACT_DATA"
    )


def lacks_folder(folder: Path) -> str | None:
    """The state folder cannot be written, or cannot be made."""
    place = existing(folder)
    try:
        with tempfile.TemporaryFile(dir=str(place)):
            return None
    except OSError as error:
        return (
            f"state folder: expected to write below {place}, received {error.strerror}; "
            "make it writable, or set CSIMPACT_DATA to a folder that is"
        )


def lacks_port(port: int) -> str | None:
    """Somebody already listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            return (
                f"port: expected 127.0.0.1:{port} to be free, received {reason}; "
                f"stop what listens there, or take another: make dev PORT={port % 65535 + 1}"
            )
    return None


def lacking(install: bool = False, port: int | None = None) -> list[str]:
    """Every lack of this machine, one line each."""
    state = state_folder()
    found = [lacks_folder(state), lacks_disk(state, STATE_GB)]
    if install:
        found = [lacks_python(), lacks_venv(), lacks_disk(PROJECT / ".venv", INSTALL_GB), *found]
    if port is not None:
        found.append(lacks_port(port))
    return [line for line in found if line]


def main() -> int:
    """Prints the lacks to standard error."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--install", action="store_true", help="a first installation is due")
    parser.add_argument("--port", type=int, help="loopback port that must be free")
    given = parser.parse_args()
    lines = lacking(given.install, given.port)
    for line in lines:
        print(f"preflight: {line}", file=sys.stderr)
    return 2 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
