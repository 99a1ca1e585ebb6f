"""The command `animekit explain`."""
