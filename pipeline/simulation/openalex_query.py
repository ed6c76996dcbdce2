"""Query strings of OpenAlex: what a list call asks for, and the words of a refusal.

Belongs here: parameters, filters, sorting, selected fields, cursors. Not: which works answer
(openalex_shelf.py). Limits and messages are those of the public API and of its source code.
"""

import ast
import base64
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

MAX_PER_PAGE, DEFAULT_PER_PAGE, MAX_PAGED, MAX_VALUES = 100, 25, 10_000, 100
MAX_GROUPS = 200  # of a page, and as many where none are named
PARAMETERS = (
    "cursor", "filter", "group_by", "group-by", "mailto", "page", "per_page", "per-page",
    "select", "sort",
)  # fmt: skip
FILTERS = (
    "cited_by_count", "doi", "ids.openalex", "locations.source.id", "openalex", "openalex_id",
    "primary_location.source.id", "publication_year",
)  # fmt: skip
SORTS = ("cited_by_count", "publication_date", "publication_year")
GROUPS = ("cited_by_count", "publication_year")  # of many that works may be grouped by
# What may be selected although no simulated work has it: the API knows these names.
ALSO_SELECTABLE = (
    "relevance_score", "sources", "type_crossref", "institution_assertions",
    "is_authors_truncated", "fulltext_origin", "datasets", "versions", "cited_by_api_url",
)  # fmt: skip
QUERY_ERROR, PAGING_ERROR = "Invalid query parameters error.", "Pagination error."

Filters = tuple[tuple[str, tuple[str, ...]], ...]
Sort = tuple[tuple[str, bool], ...]
"""Fields to sort by, each with whether it descends."""
CursorValues = tuple[float | str, ...]


class RefusedQueryError(Exception):
    """A query that OpenAlex answers with 400: `error` is the kind, the text its message."""

    def __init__(self, message: str, *, error: str = QUERY_ERROR) -> None:
        super().__init__(message)
        self.error = error


@dataclass(frozen=True)
class ListQuery:
    """A list call: every filter must hold, of a filter's values any one. No page with a cursor."""

    filters: Filters = ()
    sort: Sort = ()
    select: frozenset[str] | None = None
    per_page: int = DEFAULT_PER_PAGE
    page: int = 1
    cursor: str | None = None
    group_by: str | None = None


def parse_list_query(
    params: Mapping[str, str],
    *,
    filters: Collection[str],
    fields: Collection[str],
    groups: Collection[str] = (),
) -> ListQuery:
    """The query in `params`, which may use `filters`, select `fields` or group by `groups`."""
    for name in params:
        if name not in PARAMETERS:
            valid = ", ".join(PARAMETERS)
            raise RefusedQueryError(
                f"{name} is not a valid parameter. Valid parameters are: {valid}."
            )
    group_by = _parse_group_by(params, groups)
    most = MAX_GROUPS if group_by else MAX_PER_PAGE
    per_page = _number(params, "per_page", MAX_GROUPS if group_by else DEFAULT_PER_PAGE)
    page = _number(params, "page", 1)
    cursor = params.get("cursor") or None
    if group_by and page != 1:
        text = (
            "Unable to paginate beyond page 1. Group-by is limited to page 1 with up to "
            f"{MAX_GROUPS} results at this time."
        )
        raise RefusedQueryError(text, error=PAGING_ERROR)
    if not 1 <= per_page <= most:
        text = f"per-page parameter must be between 1 and {most}"
        raise RefusedQueryError(text, error=PAGING_ERROR)
    if page < 1:
        raise RefusedQueryError("Page parameter must be greater than 0.", error=PAGING_ERROR)
    if cursor and page != 1:
        raise RefusedQueryError("Cannot use page parameter with cursor.", error=PAGING_ERROR)
    if page * per_page > MAX_PAGED:
        text = (
            f"Maximum results size of {MAX_PAGED:,} records is exceeded. Cursor pagination is "
            f"required for records beyond {MAX_PAGED:,}. See: https://docs.openalex.org/api"
            "#cursor-paging"
        )
        raise RefusedQueryError(text, error=PAGING_ERROR)
    return ListQuery(
        filters=_parse_filters(params.get("filter", ""), filters),
        sort=_parse_sort(params.get("sort", "")),
        select=parse_select(params, fields),
        per_page=per_page,
        page=page,
        cursor=cursor,
        group_by=group_by,
    )


def _parse_group_by(params: Mapping[str, str], valid: Collection[str]) -> str | None:
    """The field to group by, None for none; the simulation has no unknown values to include."""
    text = params.get("group_by") or params.get("group-by")
    if not text:
        return None
    name, _, unknown = text.partition(":")
    if name not in valid or unknown not in ("", "include_unknown"):
        raise RefusedQueryError("Cannot group by date, number, or search fields.")
    if "select" in params:
        raise RefusedQueryError("select does not work with group_by.")
    if "sort" in params:
        raise RefusedQueryError("Groups of the simulation cannot be sorted.")
    return name


def parse_select(params: Mapping[str, str], fields: Collection[str]) -> frozenset[str] | None:
    """The fields selected; None for all of them."""
    if not params.get("select"):
        return None
    chosen = [name.strip() for name in params["select"].split(",")]
    for name in chosen:
        if name not in fields:
            raise RefusedQueryError(
                f"{name} is not a valid select field. Valid fields for select are: "
                f"{', '.join(fields)}."
            )
    return frozenset(chosen)


def encode_cursor(values: CursorValues) -> str:
    """An opaque cursor that carries the sort values of the last row, as OpenAlex writes it."""
    return base64.b64encode(json.dumps(str(list(values))).encode()).decode()


def decode_cursor(cursor: str, *, width: int) -> CursorValues:
    """The inverse of `encode_cursor`; refuses what has not `width` values."""
    if cursor.lower() in ("null", "none"):
        text = "Cursor is null. Likely reached end of results."
        raise RefusedQueryError(text, error=PAGING_ERROR)
    try:
        values = ast.literal_eval(json.loads(base64.b64decode(cursor, validate=True)))
    except (ValueError, SyntaxError, TypeError):
        raise RefusedQueryError("Invalid cursor value", error=PAGING_ERROR) from None
    if not isinstance(values, list) or len(values) != width:
        raise RefusedQueryError("Cursor value is invalid.", error=PAGING_ERROR)
    return tuple(values)


def _number(params: Mapping[str, str], name: str, default: int) -> int:
    text = params.get(name) or params.get(name.replace("_", "-"))
    try:
        return int(text) if text else default
    except ValueError:
        raise RefusedQueryError(f"Param {name.replace('_', '-')} must be a number.") from None


def _parse_filters(text: str, valid: Collection[str]) -> Filters:
    filters = []
    for part in filter(None, text.split(",")):
        name, colon, values = part.partition(":")
        if not colon:
            raise RefusedQueryError(f"Invalid query parameter in {part}.")
        name = name.strip().replace("-", "_")
        if name not in valid:
            raise RefusedQueryError(
                f"{name} is not a valid field. Valid fields are underscore or hyphenated "
                f"versions of: {', '.join(valid)}"
            )
        wanted = tuple(value.strip() for value in values.split("|"))
        if len(wanted) > MAX_VALUES:
            raise RefusedQueryError(
                f"Maximum number of values exceeded for {name}. Decrease values to {MAX_VALUES} "
                "or below, or consider downloading the full dataset at "
                "https://docs.openalex.org/download-snapshot"
            )
        filters.append((name, wanted))
    return tuple(filters)


def _parse_sort(text: str) -> Sort:
    fields = []
    for part in filter(None, text.split(",")):
        name, _, direction = part.strip().partition(":")
        if name not in SORTS or direction not in ("", "asc", "desc"):
            raise RefusedQueryError(
                f"{part} is not a valid field. Valid fields are underscore or hyphenated versions "
                f"of: {', '.join(SORTS)}"
            )
        fields.append((name, direction == "desc"))
    return tuple(fields)
