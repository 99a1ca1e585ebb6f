"""The command `animekit reconstruct`."""
