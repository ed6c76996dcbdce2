"""Figures: frames in, PNG bytes out; one file per figure."""
