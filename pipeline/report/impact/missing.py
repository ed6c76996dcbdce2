"""What a section of the impact report says where its data are not there.

Belongs here: that one sentence. Not: how numbers are said (pipeline/wording.py).
"""

from pipeline.report.model import Section


def missing(key: str, title: str, what: str, command: str) -> Section:
    """A section whose data are not there yet: one line, with the command that makes them."""
    return Section(key, title, f"{what} is not there yet: `{command}` makes it.", {})
