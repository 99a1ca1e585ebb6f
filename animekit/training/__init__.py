"""Training: what `animekit train` does."""
