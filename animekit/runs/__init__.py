"""Runs: a folder for each training, and its checkpoints."""
