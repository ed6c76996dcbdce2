"""The vector table: versions that pile up, rows that its indices do not know."""

from collections.abc import Iterator

from pipeline.doctor.finding import Finding, Patient, ok, warning

MANY_VERSIONS = 100
MUCH_UNINDEXED = 0.1  # of the rows: each search scans them all


def vectors(patient: Patient) -> Iterator[Finding]:
    """The table opens, and needs no compaction."""
    if not patient.encoder_known:
        return
    store = patient.workspace.vectors
    if not store.exists():
        yield ok("nothing is indexed yet")
        return
    health, fine = store.health(), True
    if len(health.versions) > MANY_VERSIONS:
        fine = False
        yield warning(f"{len(health.versions)} versions take room on disk", "csimpact prune")
    if health.unindexed > MUCH_UNINDEXED * health.rows:
        fine = False
        yield warning(
            f"{health.unindexed:,} of {health.rows:,} vectors are not in the search index: "
            "searches are slow",
            "csimpact prune",
        )
    if fine:
        yield ok(f"{health.rows:,} vectors, {len(health.versions)} versions")
