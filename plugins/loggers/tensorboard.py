"""Reports in TensorBoard's own event files, in the run's tensorboard/ folder."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.config import Params
from animekit.errors import UnusableError
from animekit.hookspecs import hookimpl
from animekit.text import install_hint
from animekit.training.logger import Logger

if TYPE_CHECKING:
    import numpy as np
    from torch.utils.tensorboard import SummaryWriter

    from animekit.runs.run import Run


class TensorBoard(Logger):
    """Write scalars and sample grids for `tensorboard --logdir runs`."""

    name = "tensorboard"

    def __init__(self, params: Params | None = None) -> None:
        super().__init__(params)
        if importlib.util.find_spec("tensorboard") is None:
            raise UnusableError(
                "TensorBoard is not installed",
                install_hint("tensorboard"),
                code="logger.missing",
            )
        self._writer: SummaryWriter | None = None

    def start(self, run: Run, config: dict[str, Any]) -> None:
        """Learn where to write; the event file begins with the first report."""
        self._folder = run.path / "tensorboard"

    def log(self, step: int, stats: dict[str, float]) -> None:
        """Write every number of a report."""
        for key, value in stats.items():
            self._open(step).add_scalar(key, value, step)

    def picture(self, step: int, name: str, image: np.ndarray, path: Path) -> None:
        """Write a picture; all sample grids are one series, whatever their file names."""
        tag = "samples" if name.isdigit() else name
        self._open(step).add_image(tag, image, step, dataformats="HWC")

    def note(self, step: int, kind: str, message: str) -> None:
        """Write words that a person should see beside the curves."""
        if kind != "checkpoint":
            self._open(step).add_text(kind, message, step)

    def close(self, error: BaseException | None = None) -> None:
        """Write out what is buffered."""
        if self._writer is not None:
            self._writer.close()

    def _open(self, step: int) -> SummaryWriter:
        """Return the writer; reports of a killed run from `step` on give way to the new ones."""
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self._folder), purge_step=step)
        return self._writer


@hookimpl
def animekit_loggers() -> list[type[Logger]]:
    """Return the logger of this module."""
    return [TensorBoard]
