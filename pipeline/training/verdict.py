"""What the gate says of a challenger: every number it was decided by, and why, as JSON.

Belongs here: the rule's parameters and the shape of a verdict. Not: how it is reached (gate.py) or
where it is kept. All gains are differences of mean nDCG@10, challenger less rival.
"""

from pydantic import BaseModel, ConfigDict, Field


class GateRule(BaseModel):
    """When a challenger is promoted. Written into every verdict.

    Rivals are the serving champion, if any, and the instruction that is best on the development
    queries, the empty one included; neither choice looks at the test queries.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    alpha: float = Field(
        0.025, gt=0, lt=0.5, description="one-sided chance of a wrong promotion, all looks together"
    )
    margin: float = Field(0.02, gt=0, description="loss in a domain that is tolerated, nDCG@10")
    domain_alpha: float = Field(
        0.05, gt=0, lt=0.5, description="one-sided error of non-inferiority in each domain"
    )
    min_queries: int = Field(200, gt=1, description="fewest queries of the test, and of a domain")
    max_looks: int = Field(5, gt=0, description="challengers one test split may judge")
    resamples: int = Field(10_000, ge=999, description="bootstrap means, and sign flips")

    def alpha_at(self, look: int) -> float:
        """Error allowed to the `look`-th challenger (from 1) judged on one test split.

        α / (look · (look + 1)): over any number of looks these add up to at most α.
        """
        return self.alpha / (look * (look + 1))


class Comparison(BaseModel):
    """The challenger against one rival over all queries; better where both tests agree.

    `p_holm` is corrected over the rivals. `detectable`: the true gain that would be found four
    times in five with this many queries of this spread.
    """

    model_config = ConfigDict(frozen=True)

    rival: str
    rival_mean: float
    gain: float
    low: float
    high: float
    sd: float
    p: float
    p_holm: float
    detectable: float
    better: bool


class DomainComparison(BaseModel):
    """The challenger against one rival in one domain, or in `other`, the small ones merged.

    `low`: one-sided bound. `not_worse` is null where there are too few queries to say.
    """

    model_config = ConfigDict(frozen=True)

    domain: str
    members: tuple[str, ...]
    n_queries: int
    rival: str
    gain: float
    low: float
    not_worse: bool | None


class Verdict(BaseModel):
    """Promoted or refused, and why. `model_dump_json` writes it, `model_validate_json` reads it."""

    model_config = ConfigDict(frozen=True)

    promoted: bool
    reasons: tuple[str, ...]
    challenger: str
    challenger_mean: float
    n_queries: int
    test_digest: str
    test_ids: tuple[str, ...]
    look: int
    alpha: float
    seed: int
    rule: GateRule
    overall: tuple[Comparison, ...] = ()
    domains: tuple[DomainComparison, ...] = ()
