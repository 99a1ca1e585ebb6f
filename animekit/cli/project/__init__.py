"""The command `animekit project`."""
