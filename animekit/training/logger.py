"""Logger: where a run reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.config import Params
from animekit.plugins import Component

if TYPE_CHECKING:
    import numpy as np

    from animekit.runs.run import Run


class Logger(Component):
    """Where a run reports its progress; made once per run, closed at its end.

    `stats` maps names such as "d/gp" to finite floats and holds at least `seconds`, `images`,
    `img_s` and `generator_updates`. Pictures are uint8 arrays [H, W, 3].
    """

    def __init__(self, params: Params | None = None) -> None:
        self.params = params if params is not None else self.Params()

    def start(self, run: Run, config: dict[str, Any]) -> None:
        """Begin: `config` holds every resolved value of the run."""

    def log(self, step: int, stats: dict[str, float]) -> None:
        """Take one report."""

    def picture(self, step: int, name: str, image: np.ndarray, path: Path) -> None:
        """Take a picture that was also written to `path`."""

    def note(self, step: int, kind: str, message: str) -> None:
        """Take a word: info, warning, checkpoint, rollback, resume, alarm, stopped."""

    def close(self, error: BaseException | None = None) -> None:
        """End: flush and close; `error` is what ended the run, if anything did."""
