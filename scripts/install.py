"""Makes `.venv` hold exactly what requirements.lock says, and the project itself, editable.

`make` calls this before everything else: it returns at once when the stamp in `.venv` fits, and
lets one of several concurrent calls do the work. Standard library only, syntax of Python 3.8.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import time

import preflight

PROJECT = preflight.PROJECT
VENV = PROJECT / ".venv"
STAMP = VENV / "csimpact-installed"
LOG = VENV / "csimpact-install.log"


def expected_stamp() -> str:
    """Digest of what decides the contents of `.venv`: the lock, the project file, its place."""
    digest = hashlib.sha256(str(PROJECT).encode())  # a moved venv or editable install is broken
    for name in ("requirements.lock", "pyproject.toml"):
        digest.update((PROJECT / name).read_bytes())
    return digest.hexdigest()


def is_current() -> bool:
    """Whether `.venv` was completed for the present lock, project file and place."""
    if not (STAMP.exists() and (VENV / "bin" / "python").exists()):
        return False
    return bool(STAMP.read_text() == expected_stamp())


def run(*command: str) -> None:
    """Runs a step of the installation; its output goes to the log, its failure to the user."""
    with LOG.open("ab") as log:
        log.write(f"\n$ {' '.join(command)}\n".encode())
        log.flush()
        done = subprocess.run(
            command, cwd=str(PROJECT), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    if done.returncode:
        tail = LOG.read_text(errors="replace").splitlines()[-15:]
        print("\n".join(tail), file=sys.stderr)
        print(
            f"install: expected `{' '.join(command[-4:])}` to succeed, received exit code "
            f"{done.returncode}; the log is {LOG}; mend the cause and call make again "
            "(`make distclean` starts .venv afresh)",
            file=sys.stderr,
        )
        sys.exit(2)


def install() -> None:
    """venv, pinned packages, the project; the stamp comes last, so that a break is seen."""
    python = str(VENV / "bin" / "python")
    pip = (python, "-m", "pip", "--no-input", "--disable-pip-version-check", "install")
    STAMP.unlink(missing_ok=True)
    LOG.write_bytes(b"")
    run(sys.executable, "-m", "venv", str(VENV))
    run(python, "-c", "import sys; assert sys.version_info[:2] == (3, 11), sys.version")
    run(*pip, "-r", "requirements.lock")
    # The lock pins setuptools too: nothing else is fetched to build the editable install.
    run(*pip, "--no-deps", "--no-build-isolation", "-e", ".")
    new = STAMP.with_suffix(".new")
    new.write_text(expected_stamp())
    os.replace(str(new), str(STAMP))


def main() -> int:
    """Installs if need be; exit code 2 if this machine lacks something."""
    if is_current():
        return 0
    lacks = preflight.lacking(install=True)
    for line in lacks:
        print(f"preflight: {line}", file=sys.stderr)
    if lacks:
        return 2
    VENV.mkdir(exist_ok=True)
    with (VENV / "csimpact-lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("install: waiting for another installation to finish", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_current():
            print(f"install: filling {VENV}, a few minutes the first time", flush=True)
            start = time.monotonic()
            install()
            print(f"install: done in {time.monotonic() - start:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
