"""The command `animekit grade`."""
