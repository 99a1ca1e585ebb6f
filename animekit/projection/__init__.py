"""Projection: what `animekit project` does."""
