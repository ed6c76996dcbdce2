"""Titles that are no papers: prefaces, committees, indices, invited talks.

Belongs here: what a title alone tells, the same for every source. Not: what a source says of a
record besides (rejected, withdrawn, editorship).
"""

import re

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


def is_front_matter(title: str) -> bool:
    """Whether a cleaned title names front matter rather than a paper."""
    return _FRONT_MATTER.fullmatch(title) is not None
