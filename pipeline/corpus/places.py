"""Where a record belongs: the venue-year that a source's own names and ids stand for.

Belongs here: turning names, DBLP keys and OpenAlex sources into cells. Not: the registry itself
(pipeline/venues.py).
"""

from dataclasses import dataclass
from datetime import date

from pipeline.tables import Cell
from pipeline.venues import VenueRegistry


@dataclass(frozen=True)
class Places:
    """Lookups over the registry; each method returns None for what is not registered."""

    by_name: dict[str, str]
    by_dblp_stream: dict[str, str]
    by_openalex_source: dict[str, str]
    first_year: dict[str, int]
    last_year: int

    @classmethod
    def of(cls, venues: VenueRegistry, today: date) -> "Places":
        """The lookups of a registry; years run to next year."""
        names = {n: v.slug for v in venues for n in v.known_as() | {v.name.casefold()}}
        names |= {v.s2_venue.casefold(): v.slug for v in venues if v.s2_venue}
        return cls(
            by_name=names,
            by_dblp_stream={s: v.slug for v in venues for s in v.dblp_streams},
            by_openalex_source={s: v.slug for v in venues for s in v.openalex_sources},
            first_year={v.slug: v.first_year for v in venues},
            last_year=today.year + 1,
        )

    def named(self, name: str | None) -> str | None:
        """Slug of a venue by slug, alias, full name or Semantic Scholar name, in any case."""
        return self.by_name.get(name.strip().casefold()) if name else None

    def of_dblp_key(self, key: str | None) -> str | None:
        """Slug of a DBLP key such as `conf/nips/VaswaniSPUJGKP17`."""
        return self.by_dblp_stream.get(key.rpartition("/")[0]) if key else None

    def of_openalex_source(self, source: str | None) -> str | None:
        """Slug of an OpenAlex source id such as `S4306419637`."""
        return self.by_openalex_source.get(source) if source else None

    def cell(self, slug: str, year: int) -> Cell | None:
        """The venue-year, if the venue existed in that year, or will by next year."""
        return (slug, year) if self.first_year[slug] <= year <= self.last_year else None

    def years_of(self, slug: str) -> str:
        """The years a record of this venue may have, for a person to read."""
        return f"{self.first_year[slug]}..{self.last_year}"
