"""What is computed: plain Python over arrays and polars frames.

Only `definitions` and `automation` know Dagster; `query` and `cli` are the analyst's door.
"""

import os

# OpenBLAS, which numpy multiplies with, has its threads wait for more work by spinning for a tenth
# of a second: between the small products of an update that is a whole core, wanted by others. 2^16
# cycles are enough. Read once, when numpy is loaded; whoever has set it keeps their value.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "16")
