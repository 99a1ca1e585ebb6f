"""The command `animekit train`."""
