"""Drawing: what the weights of a run make for its report, each picture with its command."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from animekit.cleaning.detector import boxes_of
from animekit.errors import AnimekitError, UnusableError
from animekit.generation.generate import generate
from animekit.generation.result import Generated
from animekit.images.figures import PageFigure
from animekit.images.layout import SMALLEST, table
from animekit.images.pixels import resize
from animekit.labels.attributes import Attributes
from animekit.models.abilities import Generates
from animekit.models.sampling import as_generating, attributes_of
from animekit.plugins import Registry
from animekit.runs.run import Loaded, Run, load_model

FACES = 25
JUDGED = 100  # seeds, of which the lowest scores are shown
LOWEST = 25
DETECTOR = "own"
LEAST = 0.01  # the score of a face from which on the detector tells it
SEEN = 0.2  # of the real pictures in which the detector must see a face for its scores to count
VALUES = 14  # most of one attribute in a matrix
SWEPT = 6  # attributes that are swept one by one
SEEDS = 5  # rows of a sweep
TILE = 64


@dataclass(frozen=True)
class ShownFace:
    """One image of a report: its seed, what was asked for, its command and its score."""

    figure: PageFigure
    seed: int
    words: str
    command: str
    score: float | None = None


class Drawing:
    """The weights of a run at work; what was drawn once is kept for other sections."""

    def __init__(
        self, run: Run, registry: Registry, checkpoint: str | int, threads: int | None
    ) -> None:
        self.run, self.registry = run, registry
        self.checkpoint, self.threads = checkpoint, threads

    @cached_property
    def loaded(self) -> Loaded:
        """The model; raises AnimekitError where it cannot be loaded."""
        return load_model(self.run, self.registry, checkpoint=self.checkpoint)

    @property
    def generates(self) -> bool:
        """Whether the model makes images from noise."""
        return isinstance(self.loaded.model, Generates)

    @property
    def generates_or_unknown(self) -> bool:
        """Whether the model makes images from noise, as far as it can be loaded."""
        try:
            return self.generates
        except AnimekitError:
            return True

    @cached_property
    def judged(self) -> Generated:
        """The images of the first hundred seeds, of which the first 25 are shown."""
        return self.generate(seeds=f"0-{JUDGED - 1}")

    @property
    def attributes(self) -> Attributes:
        """What the model can be asked for."""
        return attributes_of(as_generating(self.loaded.model))

    def generate(self, **how: Any) -> Generated:
        """Draw images by the weights that are loaded."""
        return generate(self.loaded, threads=self.threads, registry=self.registry, **how)

    def command(self, rest: str) -> str:
        """Return the command line that draws with these weights."""
        which = "" if self.checkpoint == "best" else f" --checkpoint {self.checkpoint}"
        return f"animekit generate {shlex.quote(self.run.id)}{which} {rest}"

    def faces(self) -> list[ShownFace]:
        """Return the images of the first seeds."""
        return [self._face(place) for place in range(FACES)]

    def lowest(self, reals: Sequence[np.ndarray]) -> list[ShownFace]:
        """Return the images that look least like a face to our own detector.

        Raises UnusableError where it sees none in the real images either: then it says nothing.
        """
        cls = self.registry.get("detector", DETECTOR)
        detector = cls(cls.Params(threshold=LEAST))
        known = [_score(detector, image) for image in reals]
        if known and np.mean(np.array(known) > cls.Params().model_dump()["threshold"]) < SEEN:
            raise UnusableError("the detector of anime faces sees none in the real images either")
        scores = [_score(detector, image) for image in self.judged.images]
        worst = np.argsort(scores, kind="stable")[:LOWEST]
        return [self._face(int(place), scores[place]) for place in worst]

    def matrices(self) -> list[tuple[PageFigure, str]]:
        """Return `tables` as figures of a page, each with its command."""
        return [
            (PageFigure.of(sweep.replace(",", " and "), picture, quality=88), command)
            for sweep, picture, command in self.tables()
        ]

    def tables(self, most: int = SWEPT) -> list[tuple[str, np.ndarray, str]]:
        """Return tables of what the model makes of its attributes, each with its command.

        Two of several values against each other (hair and eyes first), else one with all its
        values; then up to `most` more, one by one. Raises UnusableError for a model that is told
        nothing.
        """
        attributes = self.attributes
        several = [n for n in attributes.names if 2 < len(attributes.values(n)) <= VALUES]
        several.sort(key=lambda name: name not in ("hair", "eyes"))
        others = [n for n in attributes.names if n not in several[:2]]
        if not attributes.names:
            raise UnusableError(f"{self.loaded.model.name} is not told what to draw")
        seeds = f"0-{SEEDS - 1}"
        wanted = [(",".join(several[:2]), "0" if len(several) > 1 else seeds)] if several else []
        fit = [name for name in others if len(attributes.values(name)) <= VALUES]
        wanted += [(name, seeds) for name in fit[:most]]
        return [self._table(sweep, which) for sweep, which in wanted]

    def _table(self, sweep: str, seeds: str) -> tuple[str, np.ndarray, str]:
        drawn = self.generate(sweep=sweep, seeds=seeds)
        layout = drawn.how.layout
        assert layout is not None
        side = max(SMALLEST, min(TILE, drawn.images.shape[1]))
        images = np.stack([resize(image, side) for image in drawn.images])
        picture = table(images, layout.columns or 1, layout.heads or (), layout.sides or ())
        command = self.command(f"--sweep {shlex.quote(sweep)} --seeds {seeds}")
        return sweep, picture, command

    def _face(self, place: int, score: float | None = None) -> ShownFace:
        drawn = self.judged
        seed, words = drawn.seeds[place], ""
        if drawn.how.attrs is not None:
            given = drawn.how.attrs[place]
            shown = (self.attributes.title(k, v) for k, v in given.items() if v is not False)
            words = ", ".join(shown)
        figure = PageFigure.of(f"seed {seed}", drawn.images[place], longest=128, quality=88)
        return ShownFace(figure, seed, words, self.command(f"--seeds {seed}"), score)


def _score(detector: Any, image: np.ndarray) -> float:
    """Return how sure a detector is of the surest face in an image, 0 where it sees none."""
    side = max(96, image.shape[0])
    boxes = boxes_of(detector, resize(image, side))
    return float(boxes[:, 4].max()) if len(boxes) else 0.0


def tiles(picture: np.ndarray, side: int) -> list[np.ndarray]:
    """Return the images of a grid without gaps, each [side, side, 3]."""
    rows, columns = picture.shape[0] // side, picture.shape[1] // side
    return [
        picture[row * side : (row + 1) * side, column * side : (column + 1) * side]
        for row in range(rows)
        for column in range(columns)
    ]
