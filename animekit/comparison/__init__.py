"""Comparison: what several runs have in common, and what is apart: values, numbers, pictures."""
