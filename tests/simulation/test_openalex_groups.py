"""Groups of the simulated OpenAlex: as documented, so that a probe that works here works there."""

from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from pipeline.simulation.literature import simulate_literature
from pipeline.simulation.openalex_server import Faults, RunningServer, serve
from pipeline.simulation.openalex_works import source_id_of

CVPR = source_id_of("cvpr")
CELL = f"locations.source.id:{CVPR},publication_year:2018"


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    """Works of several years, so that those of 2018 have many different counts."""
    years = range(2017, 2023)
    literature = simulate_literature(n_papers=900, seed=2, venues=("cvpr",), years=years)
    with serve(literature, budget_usd=1000) as running:
        yield running


def get(server: RunningServer, **params: str | int) -> httpx.Response:
    named = {name.replace("__", "-"): value for name, value in params.items()}
    return httpx.get(server.url + "/works", params=named, timeout=5)


def truth(server: RunningServer) -> Counter[int]:
    return Counter(work["cited_by_count"] for work in server.works("cvpr", 2018))


@pytest.mark.parametrize("parameter", ["group_by", "group__by"])
def test_groups_are_the_histogram_the_largest_first(server: RunningServer, parameter: str) -> None:
    """A histogram of something else than the list would make every night news."""
    answer = get(server, filter=CELL, **{parameter: "cited_by_count"})
    sizes, body = truth(server), answer.json()
    keys = sorted(sizes, key=lambda count: (-sizes[count], count))
    assert body["group_by"] == [
        {"key": str(k), "key_display_name": str(k), "count": sizes[k]} for k in keys
    ]
    assert body["results"] == []
    assert body["meta"] | {"db_response_time_ms": 0} == {
        "count": sizes.total(), "db_response_time_ms": 0, "page": 1, "per_page": 200,
        "groups_count": len(sizes), "cost_usd": 0.0001,
    }  # fmt: skip
    assert answer.headers["x-ratelimit-cost-usd"] == "0.0001"


def test_a_page_of_groups_ends_and_a_cursor_goes_on_by_key(server: RunningServer) -> None:
    """Taken for the whole, the first page would hide every rare count."""
    sizes = truth(server)
    short = get(server, filter=CELL, group_by="cited_by_count", per_page=5).json()
    largest = sorted(sizes.values(), reverse=True)[:5]
    assert [g["count"] for g in short["group_by"]] == largest
    assert (short["meta"]["count"], short["meta"]["groups_count"]) == (sizes.total(), 5)
    found: list[int] = []
    cursor: str | None = "*"
    while cursor:
        page = get(
            server, filter=CELL, group_by="cited_by_count", per_page=20, cursor=cursor
        ).json()
        found += [int(g["key"]) for g in page["group_by"]]
        cursor = page["meta"]["next_cursor"]
        assert page["meta"]["page"] is None
    assert found == sorted(sizes)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"page": 2}, "Unable to paginate beyond page 1"),
        ({"per_page": 201}, "per-page parameter must be between 1 and 200"),
        ({"select": "id"}, "select does not work with group_by"),
        ({"group_by": "publication_date"}, "Cannot group by date"),
        ({"group_by": "cited_by_count:known"}, "Cannot group by date"),
        ({"cursor": "nonsense"}, "Invalid cursor value"),
        ({"sort": "cited_by_count"}, "cannot be sorted"),
    ],
)
def test_what_the_api_refuses_is_refused(
    server: RunningServer, params: dict[str, str | int], message: str
) -> None:
    """A probe that only works in the simulation."""
    answer = get(server, **{"filter": CELL, "group_by": "cited_by_count", **params})
    assert answer.status_code == 400
    assert message in answer.json()["message"]


def test_200_groups_are_for_groups_only(server: RunningServer) -> None:
    """Lists have ended at 100 works a page for a while."""
    assert get(server, filter=CELL, per_page=200).status_code == 400
    assert get(server, filter=CELL, group_by="cited_by_count", per_page=200).status_code == 200


def test_faults_befall_groups_as_well() -> None:
    """A probe whose troubles nobody ever saw."""
    literature = simulate_literature(n_papers=40, seed=2, venues=("cvpr",), years=(2018,))
    names = ("500", "429_burst", "html", "moving_page", "merged_id", None)
    with serve(literature, faults=Faults(sequence=names)) as server:
        answers = [get(server, filter=CELL, group_by="cited_by_count") for _ in names]
        assert [call.fault for call in server.calls] == list(names)
        assert [a.status_code for a in answers] == [500, 429, 200, 200, 200, 200]
        sizes = {int(g["key"]): g["count"] for g in answers[-1].json()["group_by"]}
        assert sizes == truth(server)
        assert server.calls[0].params["group_by"] == "cited_by_count"
