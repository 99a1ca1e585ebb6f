"""What tests of translation share: an own folder, and `transfer` with tiny models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from animekit import plugins, transfer
from animekit.plugins import Registry
from animekit.translation.result import Transferred
from tests.translation.models import paint_weights, plugin, swap_weights
from tests.translation.pictures import EXACT


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Return the plugins with those of the tests."""
    return plugins.load(plugin(tmp_path_factory.mktemp("plugins")))


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def swap(tmp_path: Path, registry: Registry) -> Callable[..., Transferred]:
    """Return `transfer` with a model that turns red into blue."""
    weights = swap_weights(tmp_path / "swap.safetensors")

    def run(*words: str | Path, out: str | Path | None = "out", **options: Any) -> Transferred:
        settings = {**EXACT, "registry": registry, **options}
        return transfer("swap", str(weights), list(words), out, **settings)

    return run


@pytest.fixture
def painted(tmp_path: Path, registry: Registry) -> Callable[..., Transferred]:
    """Return `transfer` with a model that has labels."""
    weights = paint_weights(tmp_path / "paint.safetensors")

    def run(*words: str, **options: Any) -> Transferred:
        settings = {**EXACT, "registry": registry, **options}
        return transfer("paint", str(weights), list(words), "out", **settings)

    return run
