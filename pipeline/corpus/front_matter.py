"""Titles that belong to no paper: prefaces, committees, placeholders.

Belongs here: what a title alone tells, in any source. Not: what a source says of a row otherwise
(rejected, paratext, …), which is its importer's.
"""

import re
from collections.abc import Sequence

_FRONT_MATTER = re.compile(
    r"(?:.*: )?(?:post-conference )?(?:front ?matter and )?preface(?:: .*)?"
    r"|foreword|editorial|front ?matter|title page|copyright(?: page)?"
    r"|(?:table of )?contents|(?:(?:author|keyword|subject) )?index"
    r"|(?:conference |workshop )?(?:organi[sz]ation|organi[sz]ers?)"
    r"|(?:(?:conference|workshop|organi[sz]ing|program(?:me)?|steering|technical|review(?:ing)?) )*"
    r"(?:committees?|chairs?)(?: members?)?|(?:list of )?reviewers|sponsors?"
    r"|welcome(?: (?:from|by) .*)?|(?:welcome )?message (?:from|by) .*|proceedings of .*"
    r"|(?:plenary|keynote|invited)"
    r"(?: (?:and|plenary|keynote|talk|speech|speaker|lecture|session)s?)*",
    re.I,
)
_PLACEHOLDER = re.compile(r"poster|paper|title|untitled|tba|tbd|n/?a|none|test", re.I)


def is_front_matter(title: str) -> bool:
    """Whether a cleaned title names front matter rather than a paper."""
    return _FRONT_MATTER.fullmatch(title.rstrip(". ")) is not None


def not_a_paper(title: str, authors: Sequence[str]) -> str | None:
    """`front_matter` or `placeholder` if the title says so, else None."""
    if is_front_matter(title):
        return "front_matter"
    if not authors and _PLACEHOLDER.fullmatch(title):
        return "placeholder"
    return None
