"""What `animekit clean` looks for."""
