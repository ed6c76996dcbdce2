"""Dagster's home in the state folder, so that the UI, the daemon and in-process runs share it.

Belongs here: writing `<state folder>/dagster/dagster.yaml` from the project's dagster.yaml, which
stays the one template; dagster.postgres.yaml stands in for its `storage` section where a team has
PostgreSQL. Not: Dagster itself, which this module never imports.
`dagster.yaml` knows no default for `env:` values, therefore paths are written out.

`python -m resources.dagster_home` prepares the home of the present state folder and prints it;
`DAGSTER_HOME` is for the caller to set.
"""

import importlib.util
import json
import os
import re
import tempfile
from pathlib import Path

from pipeline.errors import InputError, StorageError
from pipeline.settings import PROJECT, DataDir, data_dir, postgres_url

BASE_DIR = re.compile(r"^(\s*base_dir: )data/dagster(/\S+)?$", re.MULTILINE)
# Of the driver that dagster-postgres brings.
POSTGRES_SCHEME = "postgresql+psycopg2"
STORAGE = re.compile(r"^storage:\n(?:[ \t]+.*\n)+", re.MULTILINE)

SETTLED_TICKS = {"DAGSTER_AUTOMATION_TICK_SETTLE_SECONDS": "0.1"}
"""For Dagster's processes: conditions see events up to the tick and none that come during it.

Without it (Dagster's default) what a refresh logs while a tick goes on is news whose run tags the
tick cannot see, and cells that were just made would be made again.
"""


def dagster_yaml(template: str, home: Path, storage: str | None = None) -> str:
    """The template with every `base_dir` below `data/dagster` moved below `home`, absolute.

    `storage`: a file whose `storage` section stands in for the template's.
    """
    if storage is not None:
        template = STORAGE.sub(lambda _: storage_of(storage), template, count=1)

    def moved(match: re.Match[str]) -> str:
        # A JSON string is a YAML string: paths with spaces, quotes or colons survive.
        path = json.dumps(f"{home}{match[2] or ''}", ensure_ascii=False)
        return f"{match[1]}{path}"

    heading = "# Written by resources/dagster_home.py; edit the project's dagster.yaml instead.\n"
    return heading + BASE_DIR.sub(moved, template)


def storage_of(text: str) -> str:
    """The `storage` section of a dagster.yaml, "" if it has none."""
    found = STORAGE.search(text)
    return found[0] if found else ""


def wanted_yaml(home: Path) -> str:
    """What dagster.yaml in `home` should say now.

    Raises InputError if PostgreSQL is asked for and cannot be spoken to.
    """
    storage, address = None, postgres_url()
    if address:
        if not address.startswith(f"{POSTGRES_SCHEME}://"):
            raise InputError(
                f"expected CSIMPACT_POSTGRES_URL to begin with {POSTGRES_SCHEME}://, received "
                f"{address.partition(':')[0]}:; SQLAlchemy 2.1 looks for another driver otherwise"
            )
        if importlib.util.find_spec("dagster_postgres") is None:
            raise InputError(
                "expected the package dagster-postgres, since CSIMPACT_POSTGRES_URL is set, "
                "received none; install the extra `postgres`, or unset the variable"
            )
        storage = (PROJECT / "dagster.postgres.yaml").read_text(encoding="utf-8")
    return dagster_yaml((PROJECT / "dagster.yaml").read_text(encoding="utf-8"), home, storage)


def prepare_dagster_home(data: DataDir) -> Path:
    """The folder to name in `DAGSTER_HOME`; its dagster.yaml is current afterwards."""
    home = data.dagster.absolute()
    target = home / "dagster.yaml"
    text = wanted_yaml(home)
    try:
        home.mkdir(parents=True, exist_ok=True)
        if target.exists() and target.read_text(encoding="utf-8") == text:
            return home
        # Processes may start together: each writes its own file, the last rename wins.
        descriptor, new = tempfile.mkstemp(dir=home, prefix=".dagster.yaml-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(new).replace(target)
    except OSError as error:
        raise StorageError(
            f"Dagster's home: expected to write {target}, received {error.strerror}; "
            "free the folder or set CSIMPACT_DATA to a writable one"
        ) from error
    return home


if __name__ == "__main__":
    print(prepare_dagster_home(data_dir()))
