"""The nightly report: what changed and what it cost."""
