"""Reports on disk, and the tables that the next one compares with.

Belongs here: names, order and crashes. Not: what a report says (pipeline/report).

A report is a page and a document of one name, `2026-03-01T031500Z.html` and `.json`. The tables as
they were then lie in `tables/`, hard links of the lake's files. Only files that moved since are
touched: they are gathered in `.night/` (`before/` and `after/`), which becomes `next-<name>/` by
one rename once the page is written. From then on the report is finished; what lies in there takes
its place in `tables/` at once, or when somebody looks next. A report that was killed before is
none, and the next one tells what it would have told.
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from pipeline.errors import NotFoundError, StorageError
from resources.lake import Lake, replace_file
from resources.snapshots import ChangedFile, discard, link_or_copy

_LISTED: dict[str, pl.DataType] = {
    "made_at": pl.Datetime("ms", "UTC"),
    "page": pl.String(),
    "words": pl.String(),
}
_STAMP = "%Y-%m-%dT%H%M%SZ"
_AS_OF = "as_of"  # holds the name of the last night that is in `tables/`
_NIGHT, _NEXT = ".night", "next-"
_BEFORE, _AFTER, _GONE = "before", "after", "gone.json"


@dataclass(frozen=True)
class WrittenReport:
    """A report that was finished: where its page lies, and the document beside it."""

    page: Path

    @property
    def made_at(self) -> datetime:
        """When it was made, in UTC; to the second where its document is damaged."""
        try:
            return datetime.fromisoformat(self.document()["made_at"])
        except (StorageError, KeyError, TypeError, ValueError):
            return _moment(self.page.stem)

    def document(self) -> dict[str, Any]:
        """Words, numbers and tables; raises StorageError if they cannot be read."""
        path = self.page.with_suffix(".json")
        try:
            document: dict[str, Any] = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError) as problem:
            raise StorageError(
                f"{path} cannot be read ({problem}): the page beside it says the same"
            ) from problem
        return document


@dataclass(frozen=True)
class Moved:
    """The files that moved since the last report, as links laid out like the lake.

    `before` has them as they were then, `after` as they are; a new file is in one of them only.
    """

    before: Path
    after: Path


@dataclass(frozen=True)
class Reports:
    """The folder of reports. Whoever makes one holds the workspace's lock `night_report`."""

    root: Path

    @property
    def tables(self) -> Path:
        """The tables as of the last report, laid out like the lake; nothing before the first."""
        return self.root / "tables"

    def written(self) -> list[WrittenReport]:
        """Every finished report, the oldest first."""
        last = self.newest
        return [WrittenReport(p) for p in sorted(self.root.glob("*.html")) if p.stem <= last]

    def last(self) -> WrittenReport:
        """The newest finished report; raises NotFoundError if there is none."""
        if not (written := self.written()):
            raise NotFoundError(
                f"no report in {self.root} yet: `csimpact refresh` makes one where rows moved"
            )
        return written[-1]

    def table(self) -> pl.DataFrame:
        """`made_at, page, words` of every finished report, the newest first."""
        written = self.written()[::-1]
        rows = [(_moment(w.page.stem), str(w.page), w.document()["words"]) for w in written]
        return pl.DataFrame(rows, schema=_LISTED, orient="row")

    def next_moment(self, now: datetime) -> datetime:
        """`now`, to the second, or later if the last report is: clocks may be set back."""
        moment, last = now.astimezone(UTC).replace(microsecond=0), self.newest
        return max(moment, _moment(last) + timedelta(seconds=1)) if last else moment

    @contextmanager
    def night(self, lake: Lake, files: Iterable[ChangedFile], moment: datetime) -> Iterator[Moved]:
        """The `files` that moved, to compare; at the end, they are what the next night begins with.

        Left by an exception, or killed, the tables kept before stay as they were.
        """
        self._clear()
        try:
            moved = self._gather(lake, files)
            yield moved
            moved.after.parent.rename(self.root / f"{_NEXT}{moment:{_STAMP}}")
        except OSError as problem:
            raise StorageError(
                f"could not keep the tables in {self.root} ({problem.strerror or problem}): make "
                "room or grant access, then run again; no table was harmed"
            ) from problem
        self.settle()

    def write(self, moment: datetime, page: str, document: dict[str, Any]) -> WrittenReport:
        """Keep page and document of `moment`; finished when its night ends."""
        path = self.root / f"{moment:{_STAMP}}.html"
        replace_file(path.with_suffix(".json"), orjson.dumps(document))
        replace_file(path, page.encode())
        return WrittenReport(path)

    def settle(self) -> None:
        """Let the files of a finished night take their place, if they have not yet."""
        for night in sorted(self.root.glob(f"{_NEXT}*")):
            if not self.tables.exists():
                (night / _AFTER).rename(self.tables)
            for path in (night / _AFTER).rglob("*.parquet"):
                target = self.tables / path.relative_to(night / _AFTER)
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)
            for name in orjson.loads((night / _GONE).read_bytes()):
                (self.tables / name).unlink(missing_ok=True)
            replace_file(self.root / _AS_OF, night.name.removeprefix(_NEXT).encode())
            discard(night)

    def _gather(self, lake: Lake, files: Iterable[ChangedFile]) -> Moved:
        moved = Moved(self.root / _NIGHT / _BEFORE, self.root / _NIGHT / _AFTER)
        moved.after.mkdir(parents=True)
        gone = []
        for file in files:
            name = lake.path(file.table, file.cell).relative_to(lake.root)
            for source, folder in ((file.before, moved.before), (file.after, moved.after)):
                if source:
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    link_or_copy(source, folder / name)
            if not file.after:
                gone.append(str(name))
        (self.root / _NIGHT / _GONE).write_bytes(orjson.dumps(gone))
        return moved

    @property
    def newest(self) -> str:
        """Name of the newest finished report, or of a night without news after it; "" if none."""
        if waiting := sorted(self.root.glob(f"{_NEXT}*")):
            return waiting[-1].name.removeprefix(_NEXT)
        try:
            return (self.root / _AS_OF).read_text()
        except FileNotFoundError:
            return ""

    def _clear(self) -> None:
        """Remove what a report that was killed left: its page, and the files it had gathered."""
        last = self.newest
        for path in [*self.root.glob("*.html"), *self.root.glob("*.json")]:
            if path.stem > last:
                path.unlink()
        for half in (self.root / _NIGHT, *self.root.glob(f".{_NEXT}*")):
            shutil.rmtree(half, ignore_errors=True)


def _moment(stamp: str) -> datetime:
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
