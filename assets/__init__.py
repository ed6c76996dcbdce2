"""What Dagster materialises: thin stages, one file per asset group.

`STAGES` lists what a refresh makes, in order; `ON_DEMAND` and `WHOLES` what somebody asks for.
"""

from assets import corpus, impact, labels, retriever

STAGES = (*corpus.STAGES, *retriever.STAGES, *impact.STAGES)
ON_DEMAND = labels.STAGES
