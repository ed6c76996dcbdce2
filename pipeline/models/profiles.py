"""Profiles: which encoder, which teacher and which instructions go together.

Belongs here: the choice, by name. Not: the models, nor where their files lie
(resources/model_hub.py); the names here are those it knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline.errors import InputError
from pipeline.settings import encoder_override, profile_name


@dataclass(frozen=True)
class Profile:
    """A student, its teacher, and what they are told.

    encoder, reranker: names as `resources/model_hub.py` takes them. text_input: what the teacher
    reads of both papers, "title" or "title+abstract". reranker_instruction: "" where the teacher
    takes none. instructions: what is tried before a query, the empty one first.
    """

    name: str
    encoder: str
    reranker: str
    text_input: str
    reranker_instruction: str
    instructions: tuple[str, ...]


_SAME_TOPIC = "Given the title of a computer science paper, retrieve papers on the same topic"

PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            # A CPU is enough: the teacher is the student's own token states, shown the abstracts.
            name="minilm",
            encoder="all-MiniLM-L6-v2",
            reranker="late-interaction/all-MiniLM-L6-v2",
            text_input="title+abstract",
            reranker_instruction="",
            instructions=(
                "",
                "computer science paper:",
                "papers on the same topic as:",
                "abstract of the paper titled",
                "title of a scientific paper, related research:",
            ),
        ),
        Profile(
            name="qwen3",
            encoder="Qwen3-Embedding-0.6B",
            reranker="Qwen3-Reranker-0.6B",
            text_input="title",
            reranker_instruction=_SAME_TOPIC,
            instructions=(
                "",
                _SAME_TOPIC,
                "Given a web search query, retrieve relevant passages that answer the query",
                "Given the title of a scientific paper, retrieve its abstract",
                "Given a scientific paper title, retrieve the abstracts of papers it would cite",
            ),
        ),
    )
}


def chosen_profile() -> Profile:
    """The profile that the settings name, with the encoder they may put in its place.

    Raises:
        InputError: there is no profile of that name.
    """
    name = profile_name()
    if name not in PROFILES:
        raise InputError(
            f"expected CSIMPACT_PROFILE to be one of {', '.join(PROFILES)}, received {name!r}; "
            "correct or unset it"
        )
    profile, encoder = PROFILES[name], encoder_override()
    if not encoder:
        return profile
    # A teacher made of the student's own token states is made of that student's.
    reranker = profile.reranker.replace(profile.encoder, encoder)
    return replace(profile, encoder=encoder, reranker=reranker)
