"""Metrics and sets of images that the tests of evaluations share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

import animekit
from animekit import plugins
from animekit.config import Params
from animekit.errors import AnimekitError, NotFoundError, UnusableError
from animekit.evaluation.image_set import ImageSet
from animekit.evaluation.latent_map import Points
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

    def compute(
        self, real: Any, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        raise AssertionError("nobody computes what is missing")


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


REGISTRY = plugins.load()
TINY = {
    "size": 32,
    "batch_size": 4,
    "g_channels": 4,
    "e_channels": 4,
    "z_dim": 6,
    "threads": 1,
    "steps": 2,
    "log_every": 1,
    "sample_every": 1000,
    "eval_every": 0,
}


def points_of(values: np.ndarray) -> Points:
    images = np.zeros((len(values), 32, 32, 3), np.uint8)
    names = ("blue hair", "red hair", "white hair")
    return Points("hair", names, values, images, tuple(f"{i}.png" for i in range(len(values))))


def train_tiny(folder: Path) -> None:
    """Train a tiny VAE on 40 drawn faces, 30 % of them held out, and a GAN, to folder/runs."""
    settings = {"runs": folder / "runs", "registry": REGISTRY}
    animekit.train("vae", "synthetic:40", **settings, **TINY, holdout=0.3)
    plain = {key: value for key, value in TINY.items() if key != "e_channels"}
    animekit.train("gan", "synthetic:8", **settings, **plain, d_channels=4)
