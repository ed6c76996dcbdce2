"""TNCSI_SP under other rules: as published, without a window, weighted, winsorised.

Belongs here: rules (rules.py), their pools (search.py) and fits (fit.py), scores of a library under
them (scores.py) and of one paper from anyone's counts (by_hand.py). Not: the default rule as it is
stored (pipeline/impact/pools.py, tncsi.py).
"""

from pipeline.impact.variants.by_hand import Score, tncsi_of
from pipeline.impact.variants.rules import (
    PUBLISHED,
    Variant,
    default_variant,
    variants_of,
)
from pipeline.impact.variants.scores import score_variants

__all__ = [
    "PUBLISHED",
    "Score",
    "Variant",
    "default_variant",
    "score_variants",
    "tncsi_of",
    "variants_of",
]
