"""Finders of anime faces."""
