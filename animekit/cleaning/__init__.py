"""Cleaning: what `animekit clean` does."""
