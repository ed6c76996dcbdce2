"""Losses, the training loop, and the gate that decides whether its result may serve."""
