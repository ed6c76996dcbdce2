"""Where training queries come from beside titles with teacher labels: one source per file."""
