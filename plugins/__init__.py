"""The plugins that come with animekit; a file dropped in here is found at once."""
