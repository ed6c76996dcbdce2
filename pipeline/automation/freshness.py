"""How old a whole-library asset may grow before the UI calls it late.

Belongs here: windows in days. Not: making anything fresh (reconcile.py, schedules.py). An asset
never made has no state at all, so machines that train nothing show nothing red.
"""

from datetime import timedelta

import dagster as dg

# Asset -> days to the warning, days to failing. Nothing is rewritten without news: two weeks
# without any are a sign that sources have gone silent.
DAYS = {
    "dump_shards": (7, 14),
    "identities": (7, 14),
    "paper_index": (7, 14),
    "soft_prompt": (14, 35),
    "retrieval_quality": (30, 90),
    "impact_report": (7, 14),
    "dataset_release": (7, 14),
}


def with_freshness(spec: dg.AssetSpec) -> dg.AssetSpec:
    """The asset's freshness policy, if it has one."""
    if (days := DAYS.get(spec.key.to_user_string())) is None:
        return spec
    warn, fail = (timedelta(days=n) for n in days)
    policy = dg.FreshnessPolicy.time_window(fail_window=fail, warn_window=warn)
    return spec.replace_attributes(freshness_policy=policy)
