"""Names that jobs, sensors, the run queue and the command line share.

Belongs here: names of jobs and of run tags. Not: anything that knows Dagster, so that a command
may import them before it loads it.
"""

from typing import Literal

REFRESH, TRAIN, FETCH, RELEASE, PRUNE = "refresh", "train", "fetch", "release", "prune"
OVERVIEW, VALIDATE = "overview", "validate"

KIND = "csimpact/kind"
"""Tag: what a run is for. The run queue admits one of each kind at a time (dagster.yaml)."""

DEVICE = "csimpact/device"
"""Tag of runs that want the GPU, where there is one: `gpu`."""

ASKED_BY = "csimpact/asked_by"
"""Tag: the sensor or schedule that asked."""

WHY = "csimpact/why"
"""Tag: why it asked, in a few words."""

IN_PROCESS = "csimpact/in_process"
"""Tag of runs that live in the process of a command, under its lock."""

MAX_RUNTIME = "dagster/max_runtime"

HOUR_S = 3600
# Beyond these, a run hangs: the longest real ones took a tenth.
TIME_LIMIT_S = {
    REFRESH: 12 * HOUR_S,
    TRAIN: 24 * HOUR_S,
    FETCH: 6 * HOUR_S,
    RELEASE: 2 * HOUR_S,
    PRUNE: HOUR_S,
    OVERVIEW: 2 * HOUR_S,
    VALIDATE: 6 * HOUR_S,
}


def job_tags(name: str, device: Literal["gpu"] | None = None) -> dict[str, str]:
    """Tags of every run of a job: its kind, its time limit in seconds, its device."""
    tags = {KIND: name, MAX_RUNTIME: str(TIME_LIMIT_S[name])}
    return tags | ({DEVICE: device} if device else {})
