"""What stands beside a paper's score: its references, its citations in time, their contexts.

edges.py        which edges count, and when their papers were published
references.py   what a paper builds on: ARQ, S_mp, RQM
in_time.py      who cites it, and how soon
evolution.py    whether its citations gather speed: IEI
contexts.py     why it is cited, and from how far
profile.py      all of them, as rows of `citation_profiles`
"""

from pipeline.impact.profiles.profile import citation_profiles

__all__ = ["citation_profiles"]
