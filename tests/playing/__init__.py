"""Tests of animekit.playing."""
