"""Benchmarks: `speed/` is animekit beside its peers, `recipes/` how bundled weights were made."""
