"""What tests share: a home of their own, a folder of drawn pictures, and tiny trainings."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from animekit import plugins
from animekit.plugins import Registry
from animekit.runs.curves import write_curves
from animekit.runs.run import Run
from animekit.training.logger import Logger
from animekit.training.train import train
from tests.serving import Site, only_loopback, serving

ROOT = Path(__file__).parents[1]
TINY: dict[str, Any] = {
    "size": 32,
    "batch_size": 4,
    "g_channels": 4,
    "d_channels": 4,
    "z_dim": 8,
    "threads": 1,
    "log_every": 1,
    "sample_every": 1000,
    "save_every": 1000,
    "eval_every": 0,
    "keep_checkpoints": 100,
}
"""Values of a training that takes a few hundredths of a second a step."""


@pytest.fixture(scope="session", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's own settings and cache out of the tests, and the tests out of them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("ANIMEKIT_")]:
            patch.delenv(name)
        patch.setenv("ANIMEKIT_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_curves() -> Iterator[None]:
    """Leave the curves of trainings undrawn: they take longer than a tiny training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("animekit.training.reporter.write_curves", lambda run: False)
        yield


@pytest.fixture
def with_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the trainings of a test draw their curves."""
    monkeypatch.setattr("animekit.training.reporter.write_curves", write_curves)


@pytest.fixture
def shared_data() -> Path:
    """Return the folder of real pictures beside the checkout; skip where there is none."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared pictures in {folder.parent.name}/{folder.name} beside the checkout")
    return folder


@pytest.fixture(scope="session")
def registry() -> Registry:
    """Return the components that are installed."""
    return plugins.load()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 24 small PNGs: a disc of some colour on a ground of another."""
    folder = tmp_path_factory.mktemp("data") / "discs"
    folder.mkdir()
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:40, :40]
    for index in range(24):
        row, column, radius = random.integers(8, 32), random.integers(8, 32), random.integers(4, 14)
        inside = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
        colours = random.integers(0, 256, (2, 3), dtype=np.uint8)
        Image.fromarray(colours[inside.astype(int)]).save(folder / f"{index:02d}.png")
    return folder


@pytest.fixture(scope="session")
def trained(pictures: Path, registry: Registry) -> Callable[..., Run]:
    """Return `train` with tiny settings, into the folder of runs that it is given."""
    return partial(_train, pictures, registry)


@pytest.fixture
def tiny(trained: Callable[..., Run], tmp_path: Path) -> Callable[..., Run]:
    """Return `train` with tiny settings, into runs/ in the test's own folder."""
    return partial(trained, tmp_path / "runs")


def _train(
    pictures: Path, registry: Registry, runs: Path, /, model: str = "gan", **values: Any
) -> Run:
    settings = {"registry": registry, "runs": runs}
    if not values.get("resume"):
        settings |= {"data": pictures, **TINY}
    return train(model, **{**settings, **values})


class Watcher(Logger):
    """A logger that keeps what it is told, and acts when a step is reported."""

    name = "watcher"

    def __init__(self, at: dict[int, Callable[[], Any]] | None = None) -> None:
        super().__init__()
        self.at = at or {}
        self.told: list[tuple[Any, ...]] = []

    def start(self, run: Run, config: dict[str, Any]) -> None:
        self.told.append(("start", config["model"]))

    def log(self, step: int, stats: dict[str, float]) -> None:
        self.told.append(("log", step, stats))
        self.at.get(step, lambda: None)()

    def picture(self, step: int, name: str, image: np.ndarray, path: Path) -> None:
        with Image.open(path) as written:
            assert np.array_equal(np.asarray(written), image)
        self.told.append(("picture", name))

    def note(self, step: int, kind: str, message: str) -> None:
        self.told.append(("note", kind, message))

    def close(self, error: BaseException | None = None) -> None:
        self.told.append(("close", type(error)))

    def words(self, kind: str) -> list[Any]:
        return [entry[1] for entry in self.told if entry[0] == kind]


@pytest.fixture(scope="session")
def watcher() -> type[Watcher]:
    """Return the class of a logger that watches."""
    return Watcher


@pytest.fixture(scope="session")
def stop_at() -> Callable[..., Watcher]:
    """Return a function that makes a logger which sends a signal at a step."""

    def make(step: int, number: signal.Signals, times: int = 1) -> Watcher:
        def stop() -> None:
            for _ in range(times):
                signal.raise_signal(number)

        return Watcher({step: stop})

    return make


@pytest.fixture
def no_network() -> Iterator[None]:
    """Let nobody reach another machine."""
    with only_loopback():
        yield


@pytest.fixture
def site(no_network: None) -> Iterator[Site]:
    """Return a web server on this machine, where nobody reaches another one."""
    with serving() as running:
        yield running
