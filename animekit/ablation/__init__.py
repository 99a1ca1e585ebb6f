"""Ablations: one change at a time, at an equal budget, over several seeds."""
