"""The command `animekit data`."""
