"""The demo: from nothing to generated faces in about a minute, without data or a download."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.generation.generate import generate
from animekit.runs.run import Run
from animekit.text import Printed
from animekit.training.train import train

if TYPE_CHECKING:
    from animekit.plugins import Registry
    from animekit.training.logger import Logger

MODEL = "gan"
PRESET = "demo"
DATA = "synthetic:2000"


@dataclass(frozen=True)
class Demo(Printed):
    """What the demo made: a run, generated faces, and the drawn ones it saw."""

    run: Run
    faces: Path
    reals: Path

    def as_table(self) -> list[Sequence[str]]:
        """Return what was made, and where it is."""
        made = {"run": self.run.path, "faces": self.faces, "drawn faces": self.reals}
        return [("what", "where"), *((key, str(value)) for key, value in made.items())]


def demo(
    folder: Path | str = "demo",
    minutes: float = 1.0,
    *,
    registry: Registry | None = None,
    loggers: Sequence[Logger] = (),
    **options: Any,
) -> Demo:
    """Draw faces, train a small model on them, and generate 25 new ones in `folder`.

    `options` go to `train`: seed, device, steps. A second call adds a run and renews the picture.
    """
    folder = Path(folder)
    if "steps" not in options:
        options["minutes"] = minutes
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
    return Demo(run=run, faces=faces, reals=run.samples / "reals.png")
