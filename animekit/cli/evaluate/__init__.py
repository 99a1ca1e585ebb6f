"""The command `animekit evaluate`."""
