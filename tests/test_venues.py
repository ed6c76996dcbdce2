"""The registry is data people edit by hand: a slip must be named, never half-loaded."""

from datetime import date
from pathlib import Path

import pytest

from pipeline.errors import NotFoundError, RegistryError
from pipeline.venues import VenueRegistry, load_venues

# The venue folders of the lists in daily use and the earliest year each of them holds.
LISTED = {
    "3dv": 2025, "aaai": 2022, "acl": 2021, "acml": 2010, "acmmm": 2024, "ai4x": 2025,
    "aistats": 1995, "alt": 2025, "automl": 2022, "coling": 2020, "colm": 2024, "colt": 2011,
    "corl": 2021, "cvpr": 2013, "eccv": 2018, "iccv": 2013, "iclr": 2013, "icra": 2000,
    "ijcai": 2020, "kdd": 2023, "naacl": 2021, "nips": 1987, "rss": 2005, "siggraph": 2010,
    "siggraphasia": 2018, "wacv": 2020, "www": 2024,
}  # fmt: skip

GOOD = """
[[venue]]
slug = "acl"
name = "Annual Meeting"
domain = "nlp"
first_year = 1979
"""


@pytest.fixture(scope="module")
def registry() -> VenueRegistry:
    return load_venues()


def loaded(tmp_path: Path, text: str) -> VenueRegistry:
    path = tmp_path / "venues.toml"
    path.write_text(text, encoding="utf-8")
    return load_venues(path)


def problems_of(tmp_path: Path, text: str) -> str:
    with pytest.raises(RegistryError) as caught:
        loaded(tmp_path, text)
    return str(caught.value)


def test_every_listed_folder_is_known(registry: VenueRegistry) -> None:
    """A venue missing here would send its whole folder to quarantine."""
    for folder, earliest in LISTED.items():
        assert registry.resolve(folder) == folder
        assert registry[folder].first_year <= earliest, folder


def test_at_least_fifty_venues(registry: VenueRegistry) -> None:
    """An edit that loses the tail of the file would still load."""
    assert len(registry) >= 50
    assert len(set(registry.slugs)) == len(registry)


@pytest.mark.parametrize("name", ["nips", "neurips", "NeurIPS", " NIPS "])
def test_people_and_folders_name_venues_differently(registry: VenueRegistry, name: str) -> None:
    """`--venue NeurIPS` finding nothing while `nips` is full would look like missing data."""
    assert registry.resolve(name) == "nips"
    assert registry[registry.resolve(name)].first_year == 1987


def test_unknown_venue_names_the_nearest_and_the_remedy(registry: VenueRegistry) -> None:
    """A bare KeyError would leave a typing slip unexplained."""
    with pytest.raises(NotFoundError) as caught:
        registry.resolve("siggrap")
    message = str(caught.value)
    assert "'siggrap'" in message
    assert "siggraph" in message
    assert "venues.toml" in message
    assert "\n" not in message
    with pytest.raises(NotFoundError):
        registry["NeurIPS"]


def test_years_run_from_next_year_back(registry: VenueRegistry) -> None:
    """On 2 January lists of next year must already have a partition."""
    years = registry.years(date(2026, 1, 2))
    assert years[0] == 2027
    assert years[-1] == min(v.first_year for v in registry)
    assert list(years) == sorted(years, reverse=True)


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    """Problems shown one at a time cost one run each."""
    bad = (
        GOOD
        + """
[[venue]]
slug = "AC L"
name = "x"
domain = "alchemy"
first_year = 19
colour = "red"
openalex_sources = ["4306420508"]
dblp_streams = ["cvpr"]
"""
    )
    message = problems_of(tmp_path, bad)
    assert message.startswith("venues.toml: 6 problems")
    for field in ("slug", "domain", "first_year", "colour", "openalex_sources.0", "dblp_streams.0"):
        assert f"venue 2 (AC L): {field}:" in message


@pytest.mark.parametrize(
    ("second", "clash"),
    [
        ('slug = "acl"', "name or folder 'acl'"),
        ('slug = "b"\naliases = ["ACL"]', "name or folder 'acl'"),
        ('slug = "b"\ndump_folders = ["acl"]', "name or folder 'acl'"),
        ('slug = "b"\nopenalex_sources = ["S1"]', "OpenAlex source 'S1'"),
        ('slug = "b"\ndblp_streams = ["conf/acl"]', "DBLP stream 'conf/acl'"),
    ],
)
def test_two_venues_may_not_share_a_name_or_id(tmp_path: Path, second: str, clash: str) -> None:
    """Papers of one venue would silently be filed under another."""
    first = GOOD + 'openalex_sources = ["S1"]\ndblp_streams = ["conf/acl"]\n'
    rest = '\nname = "Another"\ndomain = "ml"\nfirst_year = 2000\n'
    message = problems_of(tmp_path, f"{first}[[venue]]\n{second}{rest}")
    assert f"{clash} is claimed by acl and" in message


@pytest.mark.parametrize("text", ["", "[[venue]\n", "[venue]\nslug = 'a'\n", GOOD + "[x]\na = 1\n"])
def test_files_of_another_shape_are_refused(tmp_path: Path, text: str) -> None:
    """An empty or misspelt registry would look like a library without venues."""
    assert "venues.toml: expected" in problems_of(tmp_path, text)
