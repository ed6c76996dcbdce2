"""Immutable dated releases: what they hold, how they differ, how they are described."""
