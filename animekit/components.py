"""Component, the base of every class that a plugin brings, and the small kinds of it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from animekit.config import Params

if TYPE_CHECKING:
    import numpy as np

    from animekit.run import Run


class Component:
    """A named, documented class with frozen parameters: what a hook returns.

    `name` is what a user types; the first line of the docstring is what the command line shows.
    """

    name: ClassVar[str]
    Params: ClassVar[type[Params]] = Params

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the class's own docstring."""
        return (inspect.cleandoc(cls.__doc__ or "").splitlines() or [""])[0]


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
        """Take a word: kind is "info", "warning", "checkpoint" or "rollback"."""

    def close(self, error: BaseException | None = None) -> None:
        """End: flush and close; `error` is what ended the run, if anything did."""


class Check(Component):
    """What `animekit clean` looks for in one image, or in all."""


class Metric(Component):
    """A number, or several, from real and fake images (uint8 [N, 3, H, W])."""

    better: ClassVar[str] = "lower"

    def __init__(self, params: Params | None = None) -> None:
        self.params = params if params is not None else self.Params()

    def prepare(self, real: np.ndarray) -> Any:
        """Return what `compute` takes in place of the same real images, again and again."""
        return real

    def compute(self, real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
        """Return the named numbers of this metric."""
        raise NotImplementedError
