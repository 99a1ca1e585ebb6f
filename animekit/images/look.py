"""How pictures look as a set: tones, sharpness, and how far they are from each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from animekit.images.pixels import resize

MOST = 1_000  # pictures that are looked at
SIDE = 16  # px that they are made to before they are held against each other


class Beside(NamedTuple):
    """Fakes beside real images: grey levels, and shares of what those have.

    `twins` is how far fakes are from the nearest other fake, over the same of real images, beside
    their contrast: near 0 where each has a near copy.
    """

    brighter: float
    saturation: float
    contrast: float
    sharpness: float
    twins: float


@dataclass(frozen=True)
class Look:
    """What a set of pictures uint8 [N, 3, S, S] looks like.

    `brightness` and `contrast` (the median standard deviation of a channel) are in grey
    levels, `saturation` is the mean range over colours; `sharpness` the median difference of
    neighbouring pixels over that of a picture's pixels; `apart` the median root mean square
    distance, at 16 px and without a picture's mean brightness, to the nearest other picture.
    """

    brightness: float
    saturation: float
    contrast: float
    sharpness: float
    apart: float

    @classmethod
    def of(cls, pictures: np.ndarray) -> Look:
        """Look at up to 1,000 pictures, evenly chosen."""
        chosen = pictures[np.linspace(0, len(pictures) - 1, min(MOST, len(pictures))).astype(int)]
        grey = chosen.mean(1, dtype=np.float32)
        spread = chosen.std((2, 3), dtype=np.float64).mean(1)
        edges = np.abs(np.diff(grey, axis=1)).mean((1, 2)) + np.abs(np.diff(grey)).mean((1, 2))
        return cls(
            brightness=float(chosen.mean()),
            saturation=float(np.ptp(chosen, axis=1).mean()),
            contrast=float(np.median(spread)),
            sharpness=float(np.median(edges / 2 / np.maximum(spread, 1.0))),
            apart=_apart(chosen),
        )

    def beside(self, real: Look) -> Beside:
        """Return how fakes of this look differ from real images of another."""
        contrast = self.contrast / max(real.contrast, 1e-9)
        return Beside(
            brighter=self.brightness - real.brightness,
            saturation=(self.saturation + 1) / (real.saturation + 1),
            contrast=contrast,
            sharpness=self.sharpness / max(real.sharpness, 1e-9),
            twins=self.apart / max(real.apart, 1e-9) / max(contrast, 1e-9),
        )


def _apart(pictures: np.ndarray) -> float:
    """Return the median distance to the nearest other picture; 0 for a single one."""
    small = np.stack([resize(picture.transpose(1, 2, 0), SIDE) for picture in pictures])
    points = small.reshape(len(small), -1).astype(np.float64)
    points -= points.mean(1, keepdims=True)
    squares = (points**2).sum(1)
    distances = squares[:, None] + squares - 2 * points @ points.T
    np.fill_diagonal(distances, np.inf)
    nearest = distances.min(1) if len(points) > 1 else np.zeros(1)
    return float(np.median(np.sqrt(np.maximum(nearest, 0) / points.shape[1])))
