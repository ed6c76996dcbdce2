"""The recipes by name: what they declare must exist, and be what it is meant to be."""

import pytest
from pydantic import ValidationError

from pipeline.errors import TrainingError
from pipeline.models.profiles import PROFILES
from pipeline.training.adapters import ADAPTERS
from pipeline.training.losses.registry import LOSSES
from pipeline.training.presets import PRESETS, find_preset, preset_of
from pipeline.training.recipe import AdapterKind, Recipe
from pipeline.training.source_spec import SourceSpec


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_name_what_exists(name: str) -> None:
    """A misspelt adapter, loss or profile would be found only after the labels were paid for."""
    recipe = find_preset(name)
    assert recipe.name == name
    assert recipe.adapter in ADAPTERS
    assert {source.loss for source in recipe.sources} <= {*LOSSES, "corpus_kl"}
    assert "" in PROFILES[recipe.profile].instructions  # the plain query is always a rival


def test_what_a_recipe_may_name_is_what_there_is() -> None:
    """An adapter that exists and that no recipe can ask for, or the other way round."""
    trainable = set(ADAPTERS) - {"instruction_text"}  # has no parameters
    assert set(AdapterKind.__args__) == trainable


def test_an_unknown_preset_lists_the_known() -> None:
    """The one line must say what to type instead."""
    with pytest.raises(TrainingError, match=r"minilm, qwen3-bpr.*received \'bpr\'"):
        find_preset("bpr")


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_every_profile_has_a_recipe(profile: str) -> None:
    """`csimpact train` without a name, on a profile that nobody thought of."""
    assert preset_of(profile).profile == profile


def test_the_founding_recipe_is_what_the_project_was_founded_on() -> None:
    """Title pairs labelled by the reranker, a frozen embedder, soft tokens, BPR."""
    recipe, profile = find_preset("qwen3-bpr"), PROFILES["qwen3"]
    assert (recipe.profile, recipe.adapter) == ("qwen3", "soft_prompt")
    assert [(s.name, s.loss) for s in recipe.sources] == [("labels", "bpr")]
    assert (profile.encoder, profile.reranker) == ("Qwen3-Embedding-0.6B", "Qwen3-Reranker-0.6B")
    assert profile.text_input == "title"


def test_a_recipe_refuses_what_it_does_not_know() -> None:
    """A misspelt option that is silently the default."""
    source = SourceSpec(name="labels", loss="bpr")
    with pytest.raises(ValidationError, match="num_tokens"):
        Recipe(name="x", profile="minilm", sources=(source,), num_tokens=8)  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="at least 1 item"):
        Recipe(name="x", profile="minilm", sources=())
