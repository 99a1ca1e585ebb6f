"""Explanation: what a model minimises, in which order it learns, and what its networks are."""
