"""Frozen bi-encoders and batched encoding."""
