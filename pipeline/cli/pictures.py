"""Pictures that a command draws into a file.

Belongs here: refusing a file before seconds are spent, and writing it. Not: drawing
(pipeline/report).
"""

import os
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import InputError


def check_picture(path: Path, suffixes: Sequence[str]) -> None:
    """Raises InputError unless a picture of one of these kinds can be written to `path`."""
    folder = path.absolute().parent
    if path.suffix.lower() not in suffixes:
        raise InputError(f"--plot: expected a {' or '.join(suffixes)} file, received {path}")
    if path.is_dir():
        raise InputError(f"--plot: expected a file, received the folder {path}")
    if not folder.is_dir():
        raise InputError(f"--plot: expected a folder that exists, received {path}: make {folder}")
    if not os.access(folder, os.W_OK):
        raise InputError(f"--plot: expected a folder that may be written, received {path}")


def write_picture(path: Path, picture: bytes) -> None:
    """Replaces what is there."""
    from resources.files import replace_file

    replace_file(path, picture)
