"""Published retrieval benchmarks, read from disk."""
