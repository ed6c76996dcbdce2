"""Every performance figure of the README, reproducible: `make bench`."""

import pipeline  # noqa: F401  # before numpy: it says how BLAS shall wait
