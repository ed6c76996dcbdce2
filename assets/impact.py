"""Asset group `impact`: topic pools from vectors and dates, scores from pools and counts.

Belongs here: what Dagster should say about the two stages. Not: the stages (topic_pools.py,
tncsi_sp.py) nor how a pool is found or scored (pipeline/impact).
"""

from collections.abc import Collection, Mapping

from assets.stages import Made, Stage
from assets.tncsi_sp import tncsi_sp
from assets.topic_pools import topic_pools
from pipeline.report.figures.scores import score_distribution
from resources.workspace import Workspace


def _plot(workspace: Workspace, made: Collection[Made]) -> Mapping[str, bytes]:
    cells = [one.cell for one in made if one.cell]
    scores = workspace.lake.read_cells("tncsi_sp", cells, ["venue", "year", "tncsi_sp"])
    return {"score_distribution": score_distribution(scores)} if scores.height else {}


STAGES = (
    Stage("topic_pools", "topic_pools", ("topic_pools",), topic_pools, "impact",
          ("papers", "paper_embeddings"), kinds=("numpy", "parquet")),
    Stage("tncsi_sp", "tncsi_sp", ("tncsi_sp",), tncsi_sp, "impact",
          ("topic_pools", "citation_counts"), plot=_plot),
)  # fmt: skip
