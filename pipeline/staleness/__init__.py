"""What is stale, and why: from what each output should be made now, against from what it was made.

states.py     what an output was made from, and the days that tie venue-years together
rules.py      what each output should be made from
planning.py   what differs, and what follows from it

Belongs here: which cells of which output to redo. Not: reading states (resources/lake.py) or
redoing anything (assets/). `csimpact refresh`, `csimpact status` and the automation all ask here,
since pools and scores cross venues: no declarative condition can name exactly the cells that a
moved record touches.

An output is stale when its stored inputs differ from the wanted ones. Inputs are digests of
*facets* of upstream outputs, so that a moved count never looks like a moved text.
"""

from pipeline.staleness.planning import Stale, in_scope, plan, stale_cells
from pipeline.staleness.rules import (
    ON_DEMAND,
    RULES,
    UPSTREAM,
    records_elsewhere,
    wanted_inputs,
)
from pipeline.staleness.states import Inputs, State, States, World, cell_windows

__all__ = [
    "ON_DEMAND",
    "RULES",
    "UPSTREAM",
    "Inputs",
    "Stale",
    "State",
    "States",
    "World",
    "cell_windows",
    "in_scope",
    "plan",
    "records_elsewhere",
    "stale_cells",
    "wanted_inputs",
]
