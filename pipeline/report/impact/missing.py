"""What a section of the impact report says where its data are not there.

Belongs here: that one sentence. Not: how numbers are said (pipeline/wording.py).
"""

from pipeline.report.model import Section


def missing(key: str, title: str, what: str, command: str) -> Section:
    """A section whose data are not there yet: what was not done, and the command that does it."""
    return Section(key, title, f"{what} yet: `{command}` does that.", {})
