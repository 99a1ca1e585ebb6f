"""Generative models: `animekit train NAME`."""
