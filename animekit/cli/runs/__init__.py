"""The command `animekit runs`."""
