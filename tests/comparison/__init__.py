"""Tests of animekit.comparison."""
