"""Generation: what `animekit generate` does."""
