"""Translation: what `animekit transfer` does."""
