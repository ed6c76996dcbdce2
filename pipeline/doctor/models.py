"""Weights: present, and the published ones. Nothing is downloaded, nothing is pinned."""

from collections.abc import Iterator

from pipeline.doctor.finding import Finding, Patient, ok, problem, warning
from pipeline.errors import ModelError
from resources.model_files import verified_model
from resources.model_hub import LATE_INTERACTION


def encoder(patient: Patient) -> Iterator[Finding]:
    """The encoder of the profile, without which nothing is encoded or searched."""
    profile = patient.workspace.profile
    try:
        found = verified_model(profile.encoder, patient.data.models, download=False, pin=False)
    except ModelError as trouble:
        yield problem(
            f"{profile.encoder} (profile {profile.name}): {trouble}",
            f"put it at '{patient.data.models / profile.encoder}', or let `csimpact refresh` fetch "
            "it from the hub",
        )
        return
    yield ok(f"{profile.encoder} (profile {profile.name}), SHA-256 {found.digest[:12]}…")


def reranker(patient: Patient) -> Iterator[Finding]:
    """The teacher, which only training and `search --rerank` need."""
    name = patient.workspace.profile.reranker
    if name.startswith(LATE_INTERACTION):
        yield ok(f"{name}: made of the encoder")
        return
    try:
        found = verified_model(name, patient.data.models, download=False, pin=False)
    except ModelError as trouble:
        yield warning(f"{name}: {trouble}", "needed for training only: csimpact train fetches it")
        return
    yield ok(f"{name}, SHA-256 {found.digest[:12]}…")
