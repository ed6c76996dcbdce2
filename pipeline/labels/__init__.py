"""Candidate pairs, teacher scores, quality control and the human audit."""
