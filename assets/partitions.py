"""Venue × year: the partitions of every per-cell asset.

Both dimensions are static and computed at load: dynamic keys would live in one instance only, and
time windows would let automation ignore all past years. Years run newest first.
"""

from collections.abc import Iterable
from datetime import date

import dagster as dg

from pipeline.tables import Cell
from pipeline.venues import VenueRegistry


def cell_partitions(venues: VenueRegistry, today: date) -> dg.MultiPartitionsDefinition:
    """Every venue × every year from the registry's first to next year."""
    return dg.MultiPartitionsDefinition(
        {
            "venue": dg.StaticPartitionsDefinition(sorted(venues.slugs)),
            "year": dg.StaticPartitionsDefinition([str(y) for y in venues.years(today)]),
        }
    )


def key_of(cell: Cell) -> dg.MultiPartitionKey:
    """The partition key of a cell."""
    return dg.MultiPartitionKey({"venue": cell[0], "year": str(cell[1])})


def cells_of(keys: Iterable[str]) -> list[Cell]:
    """The cells of multi-partition keys, in their order."""
    return [
        (key.keys_by_dimension["venue"], int(key.keys_by_dimension["year"]))
        for key in keys
        if isinstance(key, dg.MultiPartitionKey)
    ]
