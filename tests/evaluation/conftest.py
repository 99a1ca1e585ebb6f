"""What the tests of evaluations share: a run, and a registry with their own metrics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from animekit import plugins
from animekit.plugins import PluginSource, Registry
from animekit.runs.run import Loaded, Run, load_model
from tests.evaluation.support import REGISTRY, Absent, Asked, Shift, train_tiny


@pytest.fixture(scope="module")
def run(trained: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return the run of a training of two steps."""
    return trained(tmp_path_factory.mktemp("place") / "runs", steps=2)


@pytest.fixture
def few() -> Registry:
    """Return the plugins with three metrics of these tests, and no other metric."""
    found = plugins.load()
    found.components["metric"].clear()
    for cls in (Shift, Asked, Absent):
        found.add("metric", cls, PluginSource("tests", "tests", "0"))
    Shift.calls.clear()
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny VAE of 40 drawn faces, 30 % of them held out, and a GAN."""
    folder = tmp_path_factory.mktemp("made")
    train_tiny(folder)
    return folder


@pytest.fixture
def loaded(made: Path) -> Loaded:
    return load_model(Run("1", made / "runs"), REGISTRY)
