"""The venue registry: which venues exist, and by what names every source knows them.

Belongs here: reading and checking `venues.toml`, and turning a name into a slug. Not: which
years of a venue are held (the lake knows), nor any request to a source.

The registry is data, so that adding a venue is an edit of `venues.toml` and nothing else.
Loading checks the whole file and reports every problem at once.
"""

import difflib
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pipeline.errors import NotFoundError, RegistryError

VENUES_FILE = Path(__file__).with_name("venues.toml")

Domain = Literal[
    "ai", "data", "graphics", "hci", "ir", "ml", "nlp", "pl", "robotics",
    "se", "security", "speech", "systems", "theory", "vision", "web",
]  # fmt: skip

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+$")]
Name = Annotated[str, StringConstraints(min_length=1, pattern=r"^\S(.*\S)?$")]
OpenAlexSource = Annotated[str, StringConstraints(pattern=r"^S\d+$")]
DblpStream = Annotated[str, StringConstraints(pattern=r"^(conf|journals)/[a-z0-9]+$")]


class Venue(BaseModel):
    """A conference or journal, with the names other sources give it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slug: Slug = Field(description="partition key, folder name, and `--venue` value")
    name: Name = Field(description="full name")
    domain: Domain
    first_year: int = Field(ge=1950, le=2100, description="year of the first edition")
    dump_folders: tuple[Slug, ...] = Field((), description="folders of the lists, beside the slug")
    aliases: tuple[Name, ...] = Field((), description="other names people type")
    openalex_sources: tuple[OpenAlexSource, ...] = Field((), description="OpenAlex source ids")
    dblp_streams: tuple[DblpStream, ...] = Field((), description="DBLP streams: `conf/cvpr`")
    s2_venue: Name | None = Field(None, description="name in Semantic Scholar")

    def known_as(self) -> set[str]:
        """Every name that resolves to this venue, case-folded."""
        return {n.casefold() for n in (self.slug, *self.dump_folders, *self.aliases)}


@dataclass(frozen=True)
class VenueRegistry:
    """The checked registry, in the order of the file."""

    venues: tuple[Venue, ...]

    @property
    def slugs(self) -> tuple[str, ...]:
        """Every slug, in the order of the file."""
        return tuple(v.slug for v in self.venues)

    def __len__(self) -> int:
        return len(self.venues)

    def __iter__(self) -> Iterator[Venue]:
        return iter(self.venues)

    def __contains__(self, slug: object) -> bool:
        return any(v.slug == slug for v in self.venues)

    def __getitem__(self, slug: str) -> Venue:
        """The venue of exactly this slug; see `resolve` for what people type."""
        for venue in self.venues:
            if venue.slug == slug:
                return venue
        raise self._unknown(slug)

    def resolve(self, name: str) -> str:
        """The slug meant by a slug, an alias or a dump folder, in any case."""
        wanted = name.strip().casefold()
        for venue in self.venues:
            if wanted in venue.known_as():
                return venue.slug
        raise self._unknown(name)

    def years(self, today: date) -> range:
        """Next year back to the first edition of the oldest venue: newest first."""
        # Newest first: recent slices are the heavy ones, and lists of next year exist already.
        return range(today.year + 1, min(v.first_year for v in self.venues) - 1, -1)

    def _unknown(self, name: str) -> NotFoundError:
        names = sorted({n for v in self.venues for n in v.known_as()})
        near = difflib.get_close_matches(name.strip().casefold(), names, n=3)
        nearest = f"; nearest: {', '.join(near)}" if near else ""
        return NotFoundError(
            f"venue: expected one of {len(self)} registered slugs or aliases, "
            f"received {name!r}{nearest}; add it to venues.toml if it is missing"
        )


def load_venues(path: Path | None = None) -> VenueRegistry:
    """The registry in `path` (the shipped one by default); raises RegistryError with all faults."""
    path = path or VENUES_FILE
    entries = _read_entries(path)
    venues: list[Venue] = []
    problems: list[str] = []
    for number, entry in enumerate(entries, start=1):
        try:
            venues.append(Venue.model_validate(entry))
        except ValidationError as error:
            problems += _field_problems(number, entry, error)
    problems += _clashes(venues)
    if problems:
        listed = "\n".join(f"  - {p}" for p in problems)
        raise RegistryError(f"{path.name}: {len(problems)} problems, mend all of:\n{listed}")
    return VenueRegistry(tuple(venues))


def _read_entries(path: Path) -> list[Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RegistryError(
            f"{path.name}: expected a readable TOML file, received {error}"
        ) from error
    entries = content.get("venue")
    if set(content) != {"venue"} or not isinstance(entries, list) or not entries:
        found = ", ".join(sorted(content)) or "nothing"
        raise RegistryError(f"{path.name}: expected only [[venue]] tables, received {found}")
    return entries


def _field_problems(number: int, entry: Any, error: ValidationError) -> list[str]:
    slug = entry.get("slug", "no slug") if isinstance(entry, dict) else "no table"
    where = f"venue {number} ({slug})"
    return [
        f"{where}: {'.'.join(map(str, e['loc']))}: {e['msg']}, received {e['input']!r:.80}"
        for e in error.errors(include_url=False)
    ]


def _clashes(venues: list[Venue]) -> list[str]:
    """Names and ids claimed by two venues; each would make `resolve` a matter of luck."""
    # Slugs twice in the file are two claims of one name, so they are found with the names.
    claims: dict[str, Callable[[Venue], Iterable[str]]] = {
        "name or folder": Venue.known_as,
        "full name": lambda v: {v.name.casefold()},
        "OpenAlex source": lambda v: set(v.openalex_sources),
        "DBLP stream": lambda v: set(v.dblp_streams),
        "Semantic Scholar venue": lambda v: {v.s2_venue.casefold()} if v.s2_venue else set(),
    }
    problems: list[str] = []
    for what, claimed_by in claims.items():
        owners: dict[str, list[str]] = {}
        for venue in venues:
            for claim in claimed_by(venue):
                owners.setdefault(claim, []).append(venue.slug)
        problems += [
            f"{what} {claim!r} is claimed by {' and '.join(slugs)}"
            for claim, slugs in sorted(owners.items())
            if len(slugs) > 1
        ]
    return problems
