"""Numbers from real and fake images."""
