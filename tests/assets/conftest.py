"""Every test below runs with the tiny encoder."""

import pytest


@pytest.fixture(autouse=True)
def _tiny_encoder_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
