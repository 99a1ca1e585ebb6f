"""Tests of animekit.reporting."""
