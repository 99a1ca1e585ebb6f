"""Metrics and sets of images that the tests of evaluations share."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from animekit.config import Params
from animekit.errors import AnimekitError, NotFoundError, UnusableError
from animekit.evaluation.image_set import ImageSet
from animekit.evaluation.metric import Exhibit, Metric
from animekit.labels.tags import NAMES

SIZE = 32


class ShiftParams(Params):
    """How much is added."""

    seed: int = Field(0, description="seed")
    factor: float = Field(1.0, description="what the distance is multiplied by")


class Shift(Metric):
    """Difference of the mean brightness, fake minus real."""

    name = "shift"
    Params = ShiftParams
    params: ShiftParams
    calls: ClassVar[list[tuple[str, int, int]]] = []

    def prepare(self, real: np.ndarray) -> float:
        self.calls.append(("prepare", self.params.seed, len(real)))
        return float(real.mean())

    def compute(
        self, real: Any, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        if fake.std() == 0:
            raise UnusableError("the pictures are flat", code="metric.undefined")
        self.calls.append(("compute", self.params.seed, len(fake)))
        mean = real if isinstance(real, float) else float(real.mean())
        return {"shift": self.params.factor * (float(fake.mean()) - mean), "shift_se": 0.5}

    def export(self, prepared: Any) -> dict[str, np.ndarray]:
        return {"mean": np.array([prepared])}

    def restore(self, arrays: dict[str, np.ndarray]) -> float:
        return float(arrays["mean"][0])

    def illustrate(
        self, real: np.ndarray, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> list[Exhibit]:
        picture = np.concatenate([real[0], fake[0]], axis=2).transpose(1, 2, 0)
        return [Exhibit("pair", "real | fake", picture, {"fake": [1, 2]})]


class Asked(Metric):
    """Share of the fakes that were asked to have black hair."""

    name = "asked"
    better = "higher"
    conditional = True
    uses_real = False

    def compute(
        self, real: Any, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        assert labels is not None
        return {"asked": float(labels[:, NAMES.index("black hair")].mean())}


class Absent(Metric):
    """A metric that lacks its weights."""

    name = "absent"

    def missing(self) -> AnimekitError:
        return NotFoundError("no weights for absent", "get them", code="weights.missing")


def drawn(count: int, *, seed: int = 0, name: str = "reals", labelled: bool = False) -> ImageSet:
    """Return noise pictures around a brightness of 100, equal for equal seeds."""
    rng = np.random.default_rng(seed)
    images = rng.integers(60, 140, (count, SIZE, SIZE, 3), dtype=np.uint8)
    labels = None
    if labelled:
        labels = np.zeros((count, len(NAMES)), np.uint8)
        labels[::2, NAMES.index("black hair")] = 1
        labels[1::2, NAMES.index("blue hair")] = 1
    return ImageSet(name, images, labels, {"fingerprint": str(seed), "size": SIZE})


def brighter(images: ImageSet, by: int, name: str = "fakes") -> ImageSet:
    """Return the images with something added to every pixel."""
    return ImageSet(name, images.images + np.uint8(by), images.labels, {"fingerprint": name})


def codes(found: Any) -> list[str]:
    """Return the codes of what is odd about an evaluation."""
    return [oddity.code for oddity in found.oddities]
