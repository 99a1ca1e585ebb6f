"""Ways to read images."""
