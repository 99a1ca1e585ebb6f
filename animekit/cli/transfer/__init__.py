"""The command `animekit transfer`."""
