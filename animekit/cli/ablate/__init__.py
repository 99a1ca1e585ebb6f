"""The command `animekit ablate`."""
