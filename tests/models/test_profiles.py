"""Profiles: what the variables choose, and that every name in them is known."""

import pytest

from pipeline.errors import InputError
from pipeline.models.profiles import PROFILES, chosen_profile
from resources.known_models import KNOWN_MODELS


def test_the_default_needs_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library encoded with MiniLM must not ask for another encoder after an update."""
    monkeypatch.delenv("CSIMPACT_PROFILE", raising=False)
    monkeypatch.delenv("CSIMPACT_ENCODER", raising=False)
    profile = chosen_profile()
    assert (profile.name, profile.encoder) == ("minilm", "all-MiniLM-L6-v2")
    assert profile.reranker == "late-interaction/all-MiniLM-L6-v2"
    assert profile.text_input == "title+abstract"


def test_variables_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    """An override that changed the teacher as well would mix labels."""
    monkeypatch.setenv("CSIMPACT_PROFILE", "qwen3")
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    profile = chosen_profile()
    assert (profile.encoder, profile.reranker) == ("tiny", "Qwen3-Reranker-0.6B")


def test_a_misspelt_profile_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Falling back to the default would label a night with the wrong teacher."""
    monkeypatch.setenv("CSIMPACT_PROFILE", "qwen")
    with pytest.raises(InputError, match="one of minilm, qwen3, received 'qwen'; correct"):
        chosen_profile()


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_name_known_models(name: str) -> None:
    """A profile whose model nobody can find fails on the first use only."""
    profile = PROFILES[name]
    assert KNOWN_MODELS[profile.encoder].task == "encoder"
    late, _, of = profile.reranker.rpartition("/")
    assert late == "late-interaction" or KNOWN_MODELS[of].task == "reranker"
    assert of in KNOWN_MODELS
    assert profile.instructions[0] == ""
    assert len(set(profile.instructions)) == len(profile.instructions)
