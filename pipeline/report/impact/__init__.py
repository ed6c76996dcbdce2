"""The impact report: the whole library on one page."""
