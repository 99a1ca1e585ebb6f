"""Reports in Weights & Biases or in trackio, by the calls that both have."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from animekit.config import Params
from animekit.errors import UnusableError
from animekit.hookspecs import hookimpl
from animekit.training.logger import Logger

if TYPE_CHECKING:
    import numpy as np

    from animekit.runs.run import Run

PROJECT = "animekit"


class _Tracker(Logger):
    """A module with `init`, `log`, `Image` and `finish`; its own variables say where it reports."""

    options: ClassVar[dict[str, Any]] = {}
    """What its `init` is told beside project, name and configuration."""

    def __init__(self, params: Params | None = None) -> None:
        super().__init__(params)
        if importlib.util.find_spec(self.name) is None:
            raise UnusableError(
                f"{self.name} is not installed", f"pip install {self.name}", code="logger.missing"
            )

    def start(self, run: Run, config: dict[str, Any]) -> None:
        """Begin a run of the same name, or go on with it."""
        with _quiet():
            self._api = importlib.import_module(self.name)
            project = os.environ.get(f"{self.name.upper()}_PROJECT", PROJECT)
            where = self.options | self._place(run)
            self._api.init(project=project, name=run.id, config=config, resume="allow", **where)

    def log(self, step: int, stats: dict[str, float]) -> None:
        """Report every number."""
        with _quiet():
            self._api.log(stats, step=step)

    def picture(self, step: int, name: str, image: np.ndarray, path: Path) -> None:
        """Report a picture; all sample grids are one series, whatever their file names."""
        with _quiet():
            shown = self._api.Image(image, caption=name)
            self._api.log({"samples" if name.isdigit() else name: shown}, step=step)

    def close(self, error: BaseException | None = None) -> None:
        """Write out what is left."""
        with _quiet():
            self._api.finish()

    def _place(self, run: Run) -> dict[str, Any]:
        return {}


class WandB(_Tracker):
    """Report to Weights & Biases; offline until WANDB_MODE=online says otherwise."""

    name = "wandb"

    def _place(self, run: Run) -> dict[str, Any]:
        mode = os.environ.get("WANDB_MODE", "offline")
        return {"id": run.id, "dir": str(run.path), "mode": mode}


class Trackio(_Tracker):
    """Report to trackio, whose runs lie on this machine; `trackio show` draws them."""

    name = "trackio"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep stdout for answers: what a tracker has to say goes to stderr."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


@hookimpl
def animekit_loggers() -> list[type[Logger]]:
    """Return the loggers of this module."""
    return [Trackio, WandB]
