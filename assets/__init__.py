"""What Dagster materialises: thin stages, one file per asset group.

`STAGES` lists them in the order they are made.
"""

from assets import corpus, impact, retriever

STAGES = (*corpus.STAGES, *retriever.STAGES, *impact.STAGES)
