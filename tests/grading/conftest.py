"""What tests of grading stand on: a detector alone, so that a picture takes a moment."""

from __future__ import annotations

import pytest

from animekit.grading.jury import Jury, find_jury
from animekit.plugins import PluginSource, Registry


@pytest.fixture(scope="session")
def detector(registry: Registry) -> Registry:
    """Return a registry with the bundled detector and nothing else."""
    found = Registry()
    source = PluginSource("tests", "tests", "0")
    found.add("detector", registry.get("detector", "own"), source)
    found.add("model", registry.get("model", "tagger"), source)
    return found


@pytest.fixture(scope="session")
def jury(detector: Registry) -> Jury:
    """Return a jury of the bundled detector: there is no cascade in the tests' own home."""
    return find_jury(detector)
