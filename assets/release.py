"""The `dataset_release` asset: an immutable dated folder of the public tables.

Belongs here: what Dagster shows of it. Not: making it (resources/release_making.py).
"""

import dagster as dg
import polars as pl

from assets.wholes import Result, TrainConfig, Whole
from pipeline.release.contents import PUBLIC
from pipeline.tables import TABLES
from resources.release_making import make_release
from resources.workspace import Workspace


def dataset_release(workspace: Workspace, _: TrainConfig) -> Result:
    """The public tables as they are now, with hashes, metadata, licences and what changed.

    Made only while nothing is stale, and only if something changed; never altered afterwards.
    """
    made = make_release(workspace)
    manifest, linked = made.manifest, made.linked
    facts = {
        "words": dg.MetadataValue.md("\n".join(f"- {sentence}" for sentence in made.words)),
        "release": manifest.name,
        "new": made.new,
        "path": dg.MetadataValue.path(str(made.release.folder)),
        "dagster/row_count": manifest.rows("papers"),
        "bytes": manifest.bytes,
        "bytes_linked": linked.bytes - linked.copied,
        "bytes_new_on_disk": linked.copied + made.page_bytes,
        "pruned": ", ".join(made.pruned) or "none",
    }
    rows = pl.DataFrame(
        [(name, t.rows, t.files, t.bytes) for name, t in manifest.tables.items()],
        schema=["table", "rows", "files", "bytes"],
        orient="row",
    )
    return Result(manifest.digest[:16], facts, {"tables": rows})


UPSTREAM = tuple(dict.fromkeys(TABLES[table].asset for table in PUBLIC))
RELEASE = Whole("dataset_release", dataset_release, "release", UPSTREAM, ("parquet", "polars"))
