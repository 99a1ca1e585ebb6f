"""Rooms below training: which processes compute, on what, and what they share of a batch."""
