"""Opens the Dagster UI on loopback over the state folder: `make dev`, `make dev PORT=3001`."""

import argparse
import os
import sys

from pipeline.settings import PROJECT, data_dir
from resources.dagster_home import SETTLED_TICKS, prepare_dagster_home


def main() -> None:
    """Becomes `dagster dev`; Ctrl-C stops the UI and the daemon."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=3000, help="loopback port")
    parser.add_argument("--workspace", default=str(PROJECT / "workspace.yaml"))
    given = parser.parse_args()
    data = data_dir()
    home = prepare_dagster_home(data)
    # Absolute, because the processes below start elsewhere.
    mine = {"CSIMPACT_DATA": str(data.root), "DAGSTER_HOME": str(home)}
    os.environ |= {**SETTLED_TICKS, **os.environ, **mine}
    # From inside the home, so that nothing is written anywhere else.
    os.chdir(home)
    # Its advice to use `dg dev` would need another distribution, and a [tool.dg] section.
    quiet = ["-W", "ignore:Function `dev_command` is superseded"]
    command = [sys.executable, *quiet, "-m", "dagster", "dev", "--host", "127.0.0.1"]
    command += ["--port", str(given.port), "--workspace", given.workspace]
    os.execv(sys.executable, command)


if __name__ == "__main__":
    main()
