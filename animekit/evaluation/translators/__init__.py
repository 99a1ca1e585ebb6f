"""Translators in an evaluation: which pictures become what, and what it is worth."""
