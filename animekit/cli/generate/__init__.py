"""The command `animekit generate`."""
