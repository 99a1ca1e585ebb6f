"""Evaluation: what `animekit evaluate` and `animekit reconstruct` do."""
