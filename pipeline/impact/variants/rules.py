"""Rules that a score can be made by, each with a name and an id of its own.

Belongs here: what a rule says. Not: how it is carried out (scores.py).

`published` follows the code of the authors of TNCSI_SP (arXiv 2402.12928 and 2408.03934; ssocean/
PyBiblion, retrievers/metric_util.py) where data allow: a window of whole months, from that of the
day 183 days before to that of the day 183 days after; the first 1,000 papers of a search, without
regard to how many there are; the paper itself among them; no fewest number but two; no window for
a paper without date. What data do not allow: their pool is a keyword search in an index of all
computer science, ours are the nearest papers of the library.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.impact.pools import PoolRule
from pipeline.retrieval import quantise
from pipeline.retrieval.windows import WindowRule

Window = Literal["days", "months", "none"]
Weighting = Literal["equal", "similarity"]


class Variant(BaseModel):
    """Who is in a pool, and how its counts are put together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="what it is called in tables")
    window: Window = Field(
        "days",
        description="±half_window days; the whole months that these days end in; or all times",
    )
    half_window: int = Field(183, ge=0, description="largest distance in time, days")
    k_min: int = Field(100, gt=0, description="fewest members where the window has them, papers")
    k_max: int = Field(1000, gt=0, description="most members, papers")
    share: float = Field(0.1, gt=0, le=1, description="members per paper of the window")
    n_min: int = Field(30, gt=0, description="fewest known counts for a score, papers")
    itself: bool = Field(False, description="whether a paper is in its own pool")
    weighting: Weighting = Field(
        "equal", description="of members: all the same, or by cosine, none below 0"
    )
    winsorised: float = Field(
        0, ge=0, lt=1, description="share of the largest counts that are cut to the next smaller"
    )
    without_retracted: bool = Field(False, description="whether retracted papers are in no pool")
    undated_against_all: bool = Field(
        False, description="whether a paper without date is compared with papers of all times"
    )

    @model_validator(mode="after")
    def _ordered(self) -> "Variant":
        if self.k_min > self.k_max:
            raise ValueError(f"expected k_min <= k_max, received {self.k_min} > {self.k_max}")
        return self

    @property
    def window_rule(self) -> WindowRule:
        """Its sizes, as the search of neighbours takes them."""
        return WindowRule(
            k_min=self.k_min,
            k_max=self.k_max,
            share=self.share,
            half_window_days=self.half_window if self.window == "days" else 0,
        )

    @property
    def pool_key(self) -> str:
        """Equal for rules of equal pools."""
        return self._sizes() + self._members()

    def config_id(self, encoder_id: str) -> str:
        """Names rule, quantisation and encoder; that of `tncsi_sp` for its own rule."""
        fit = ("_similar" if self.weighting == "similarity" else "") + (
            f"_w{self.winsorised:g}" if self.winsorised else ""
        )
        return (
            f"{self._sizes()}_n{self.n_min}{self._members()}{fit}_{quantise.VERSION}@{encoder_id}"
        )

    def _sizes(self) -> str:
        window = "all" if self.window == "none" else f"{self.window[0]}{self.half_window}"
        return f"k{self.k_min}-{self.k_max}_s{self.share:g}_{window}"

    def _members(self) -> str:
        flags = {
            "_self": self.itself,
            "_noretracted": self.without_retracted,
            "_undated": self.undated_against_all,
        }
        return "".join(name for name, holds in flags.items() if holds)


def default_variant(rule: PoolRule) -> Variant:
    """The rule of `tncsi_sp`; its `config_id` is the same."""
    return Variant(
        name="tncsi_sp",
        half_window=rule.half_window_days,
        **rule.model_dump(include={"k_min", "k_max", "share", "n_min"}),
    )


PUBLISHED = Variant(
    name="published",
    window="months",
    k_min=1000,
    share=1,
    n_min=2,
    itself=True,
    undated_against_all=True,
)


def variants_of(rule: PoolRule) -> Mapping[str, Variant]:
    """The published rule, and `rule` with one thing changed at a time, by name."""
    default = default_variant(rule)
    changes: dict[str, dict[str, object]] = {
        "tncsi": {"window": "none"},
        "similarity_weighted": {"weighting": "similarity"},
        "winsorised": {"winsorised": 0.05},
        "without_retracted": {"without_retracted": True},
    }
    changed = {
        name: default.model_copy(update={"name": name, **change})
        for name, change in changes.items()
    }
    return MappingProxyType({PUBLISHED.name: PUBLISHED, **changed})
