"""What citation profiles say of a data folder, and how far other sources agree. Nothing is written.

    python -m benchmarks.profiles DATA_DIR [--source vis] [--draws 1000]

Profiles are computed from the tables as they are, scores of an older version included. Of the
papers that `--source` knows: how many have each part, how citations within the windows spread, and
Spearman correlations with 95% bootstrap intervals over papers: of the windows with the counts of
every source that counts, of RQM and its parts with the score. Then what the two choices move: how
many windows of 5 years are known by the least covered share, and how RQM saturates by β.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks.machine import machine_line
from pipeline.impact.profiles import citation_profiles
from pipeline.impact.profiles.edges import EDGE_COLUMNS, PAPER_COLUMNS, edges_of
from pipeline.impact.profiles.in_time import citing_profiles
from pipeline.impact.profiles.profile import SCORE_COLUMNS
from pipeline.settings import DataDir
from resources.workspace import Workspace, open_workspace

PARTS = ("n_references", "arq", "s_mp", "rqm", "n_citing", "cited_within_1y", "cited_within_2y",
         "cited_within_5y", "iei", "influential_share")  # fmt: skip
QUANTILES = (0.25, 0.5, 0.75, 0.9, 0.99)
FEWEST = 30  # papers behind a correlation


def domains_of(workspace: Workspace) -> dict[str, str]:
    return {venue.slug: venue.domain for venue in workspace.venues.venues}


def profiles_of(workspace: Workspace) -> pl.DataFrame:
    """Rows of `citation_profiles`, with `sources` and the score of each paper."""
    lake = workspace.lake
    papers = lake.read_all("papers", PAPER_COLUMNS)
    scores = lake.read_all("tncsi_sp", SCORE_COLUMNS)
    started = time.perf_counter()
    rows = citation_profiles(
        papers,
        lake.read_all("citations", EDGE_COLUMNS),
        scores,
        lake.read_all("citation_snapshots"),
        domain_of=domains_of(workspace),
        config_id=workspace.config_id,
    )
    print(f"{rows.height:,} papers in {time.perf_counter() - started:.2f} s")
    mine = scores.filter(config_id=workspace.config_id).select("paper_id", "tncsi_sp")
    return rows.join(papers.select("paper_id", "sources"), on="paper_id").join(
        mine, on="paper_id", how="left"
    )


def spearman(x: NDArray[np.float64], y: NDArray[np.float64], draws: int) -> str:
    """Correlation with the 95% interval of a bootstrap over papers, and n."""
    rng = np.random.default_rng(0)
    drawn = (rng.integers(0, x.size, x.size) for _ in range(draws))
    low, high = np.percentile([spearmanr(x[i], y[i]).statistic for i in drawn], [2.5, 97.5])
    return f"{spearmanr(x, y).statistic:.3f} [{low:.3f}, {high:.3f}], n = {x.size:,}"


def print_correlations(rows: pl.DataFrame, left: Sequence[str], right: str, draws: int) -> None:
    for name in left:
        known = rows.drop_nulls([name, right]).select(pl.col(name, right).cast(pl.Float64))
        if known.height >= FEWEST:
            print(f"  {name} with {right}: {spearman(*known.to_numpy().T, draws)}")


def print_within_editions(rows: pl.DataFrame, left: str, right: str) -> None:
    """Mean correlation inside editions of FEWEST papers or more, weighted by papers."""
    known = rows.drop_nulls([left, right])
    editions = [e for _, e in known.group_by("venue", "year") if e.height >= FEWEST]
    if editions:
        each = [spearmanr(e[left], e[right]).statistic for e in editions]
        mean = np.average(each, weights=[e.height for e in editions])
        print(f"    within {len(editions)} editions: {mean:.3f}")


def print_choices(workspace: Workspace, rows: pl.DataFrame) -> None:
    """What the least covered share and β move."""
    domain = pl.col("venue").replace_strict(domains_of(workspace))
    papers = workspace.lake.read_all("papers", PAPER_COLUMNS).with_columns(domain=domain)
    edges = edges_of(papers, workspace.lake.read_all("citations", EDGE_COLUMNS))
    for share in (1e-9, 0.1, 0.25, 0.5, 0.75):
        found = citing_profiles(edges, min_covered=share).join(rows, on="paper_id", how="semi")
        within = found["cited_within_5y"].drop_nulls()
        print(f"  least share {share:.0%}: {within.len():,} papers, mean {within.mean()}")
    for beta in (5, 20):
        rqm = 1 - (-beta * (-(1 - pl.col("arq")) * pl.col("s_mp")).exp()).exp()
        print(f"  β = {beta}: RQM above 0.95: {rows.select((rqm > 0.95).mean()).item()}")


def print_rows(rows: pl.DataFrame) -> None:
    """How many papers have each part, and the spread of what they have."""
    print(f"  {'':<18}{'papers':>8}{'mean':>8}" + "".join(f"{q:>8.0%}" for q in QUANTILES))
    for name in PARTS:
        values = rows[name].drop_nulls().cast(pl.Float64)
        figures = [values.mean(), *(values.quantile(q) for q in QUANTILES)]
        spread = "".join(f"{'–' if f is None else f'{f:.2f}':>8}" for f in figures)
        print(f"  {name:<18}{values.len():>8,}{spread}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--source", default="vis", help="whose papers to look at")
    parser.add_argument("--draws", type=int, default=1000)
    asked = parser.parse_args()
    workspace = open_workspace(DataDir(asked.data))
    print(machine_line())
    rows = profiles_of(workspace).filter(pl.col("sources").list.contains(asked.source))
    print(f"{asked.source}: {rows.height:,} papers")
    print_rows(rows)
    counts = workspace.lake.read_all("citation_counts")
    for (who,), counted in counts.sort("citation_source").group_by(
        "citation_source", maintain_order=True
    ):
        named = counted.select("paper_id", pl.col("cited_by_count").alias(f"count of {who}"))
        both = rows.join(named, on="paper_id")
        print_correlations(both, ("cited_within_5y", "n_citing"), f"count of {who}", asked.draws)
        print_within_editions(both, "cited_within_5y", f"count of {who}")
    print_correlations(rows, ("rqm", "arq", "s_mp"), "tncsi_sp", asked.draws)
    print_correlations(rows, ("arq", "s_mp"), "rqm", asked.draws)
    print_choices(workspace, rows)


if __name__ == "__main__":
    main()
