"""Metrics on the features of a network: extractors, and what the metrics share."""
