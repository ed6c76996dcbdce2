"""Groups of works in the simulated OpenAlex: how many works have each value of a field.

Belongs here: the order of groups, their pages and their form. Not: parameters and refusals
(openalex_query.py), nor which works there are (openalex_shelf.py).

As documented and as in the source of the API: without a cursor the largest groups come first, of
equal ones the smaller key, and what lies beyond the page is not to be had; with a cursor groups are
paged by key. `meta.count` counts works, `meta.groups_count` the groups of the page.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pipeline.simulation.openalex_query import (
    PAGING_ERROR,
    ListQuery,
    RefusedQueryError,
    decode_cursor,
    encode_cursor,
)


class GroupPage(NamedTuple):
    """Groups in OpenAlex's form, how many works there are in all, where the next page begins."""

    groups: list[dict[str, Any]]
    n_works: int
    next_cursor: str | None


def group_page(sizes: Mapping[int, int], query: ListQuery) -> GroupPage:
    """The page asked for of value -> number of works."""
    if query.cursor:
        after = _key_of(query.cursor)
        keys = sorted(key for key in sizes if after is None or key > after)[: query.per_page]
        cursor = encode_cursor((keys[-1],)) if keys else None
    else:
        keys = sorted(sizes, key=lambda key: (-sizes[key], key))[: query.per_page]
        cursor = None
    groups = [{"key": str(key), "key_display_name": str(key), "count": sizes[key]} for key in keys]
    return GroupPage(groups, sum(sizes.values()), cursor)


def _key_of(cursor: str) -> int | None:
    """The key a cursor stands behind; None at the beginning."""
    if cursor == "*":
        return None
    try:
        return int(decode_cursor(cursor, width=1)[0])
    except ValueError:
        raise RefusedQueryError("Invalid cursor value", error=PAGING_ERROR) from None
