"""Every performance figure of the README, reproducible: `make bench`."""
