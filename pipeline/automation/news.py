"""Skeleton: `news_sensors()`, as definitions.py takes them.

Both take the resource `workspace` and request runs of `fetching.FETCH`.
"""

import dagster as dg


def news_sensors() -> list[dg.SensorDefinition]:
    """`new_works` and `new_citations`."""
    raise NotImplementedError
