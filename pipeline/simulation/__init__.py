"""The simulated literature: ground truth, and the files and servers that would tell of it."""
