"""What tests of commands share: a folder of their own, and one with a run in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from animekit.runs.run import Run


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def drawn(trained: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one tiny run in it."""
    folder = tmp_path_factory.mktemp("drawn")
    trained(folder / "runs", steps=2)
    return folder


@pytest.fixture
def at_run(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand where the run is the newest; pictures go to the test's own folder."""
    Path("runs").symlink_to(drawn / "runs")
