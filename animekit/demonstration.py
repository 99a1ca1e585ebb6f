"""The demo: from nothing to generated faces, without data or a download.

It counts work and not the clock: a slow machine takes longer, up to a limit, to the same faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.generation.generate import generate
from animekit.runs.checkpoint import steps_of
from animekit.runs.run import Run
from animekit.text import Printed
from animekit.training.train import train

if TYPE_CHECKING:
    from animekit.plugins import Registry
    from animekit.training.logger import Logger

MODEL = "gan"
PRESET = "demo"
DATA = "synthetic:2000"
STEPS = 500  # a minute or a few on two cores that have nothing else to do
ENOUGH = 300  # steps from which on faces are seen
LIMIT = 10.0  # minutes, whatever the machine


@dataclass(frozen=True)
class Demo(Printed):
    """What the demo made: a run, generated faces, and the drawn ones it saw.

    `steps` were done; with fewer than `ENOUGH` the faces are no picture of what the model can.
    """

    run: Run
    faces: Path
    reals: Path
    steps: int

    @property
    def enough(self) -> bool:
        """Whether it was trained long enough to draw faces."""
        return self.steps >= ENOUGH

    def as_table(self) -> list[Sequence[str]]:
        """Return what was made, and where it is."""
        made = {"run": self.run.path, "faces": self.faces, "drawn faces": self.reals}
        return [("what", "where"), *((key, str(value)) for key, value in made.items())]


def demo(
    folder: Path | str = "demo",
    minutes: float | None = None,
    *,
    registry: Registry | None = None,
    loggers: Sequence[Logger] = (),
    **options: Any,
) -> Demo:
    """Draw faces, train a small model on them, and generate 25 new ones in `folder`.

    It trains for `STEPS`, and `LIMIT` minutes at most, or for `minutes` by the clock. `options` go
    to `train`: seed, device, steps. A second call adds a run and renews the picture.
    """
    folder = Path(folder)
    if minutes is not None:
        options["minutes"] = minutes
    elif "steps" not in options:
        options |= {"steps": STEPS, "minutes": LIMIT}
    run = train(
        MODEL,
        DATA,
        preset=PRESET,
        runs=folder / "runs",
        registry=registry,
        loggers=loggers,
        **options,
    )
    faces = generate(run, seeds=range(25), registry=registry).save(folder / "faces.png", columns=5)
    steps = int(steps_of(run.path)[-1].name)  # it ends with a checkpoint
    return Demo(run=run, faces=faces, reals=run.samples / "reals.png", steps=steps)
