"""Drawn anime faces whose hair and eyes are known."""
