"""The command `animekit report`."""
