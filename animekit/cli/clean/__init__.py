"""The command `animekit clean`."""
