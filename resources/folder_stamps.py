"""The stamps of every file below a folder, kept beside it: whether the folder is as it was left.

Belongs here: remembering and comparing. Not: what the folder is (vector_store.py). Its files are
taken for immutable: writers add files and remove files.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import orjson

from pipeline.errors import StorageError
from resources.files import replace_file
from resources.stamps import Stamp, damage, stamp_of

Stamps = Mapping[str, Stamp]


class FolderStamps:
    """Stamps of `folder` in the file `kept`; `hints` are files whose content nobody relies on."""

    def __init__(self, folder: Path, kept: Path, hints: Collection[str] = ()) -> None:
        self._folder, self._kept, self._hints = folder, kept, hints

    def exist(self) -> bool:
        """Whether the folder was ever left finished, and not been taken up since."""
        return self._kept.exists()

    def read(self) -> Stamps | None:
        """File below the folder -> its stamp; None if a writer is, or was killed, at work."""
        try:
            stored = orjson.loads(self._kept.read_bytes())
            return {name: Stamp(**stamp) for name, stamp in stored.items()}
        except FileNotFoundError:
            return None
        except (OSError, TypeError, AttributeError, orjson.JSONDecodeError):
            return {f"../{self._kept.name}": Stamp(-1)}  # damaged themselves: no such file is sound

    def problem(self, *, deep: bool = False) -> str:
        """The first file that is not as it was left, and what is wrong with it; or nothing.

        Files that were added are no problem. Milliseconds, unless `deep` reads every byte.
        """
        for name, stamp in (self.read() or {}).items():
            if found := damage(self._folder / name, stamp, deep=deep):
                return f"{name} {found}"
        return ""

    def forget(self) -> None:
        """Before the folder changes."""
        self._kept.unlink(missing_ok=True)

    def spoil(self) -> None:
        """Have no file count as sound from now on; on a disk that is only read, do nothing."""
        with suppress(StorageError):
            replace_file(self._kept, b"")

    def keep(self, before: Stamps | None) -> None:
        """After it changed; `before`: stamps of what is still there, so that only news is read."""
        now: dict[str, Stamp] = {}
        for name in self.files():
            path, old = self._folder / name, (before or {}).get(name)
            now[name] = old if old and not damage(path, old) else stamp_of(path)
        told = {name: asdict(stamp) for name, stamp in sorted(now.items())}
        replace_file(self._kept, orjson.dumps(told))

    def files(self) -> list[str]:
        """Every file below the folder that matters, as paths relative to it."""
        files = (path for path in self._folder.rglob("*") if path.is_file())
        names = (path.relative_to(self._folder).as_posix() for path in files)
        return [name for name in names if name not in self._hints]
