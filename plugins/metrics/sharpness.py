"""How sharp pictures are, by their Laplacian (Pech-Pacheco et al., 2000): a VAE blurs."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
from torch import Tensor

from animekit.cleaning.check import sharpness
from animekit.evaluation.metric import Metric
from animekit.hookspecs import hookimpl

from ._common import Meter, checked, workers

TASK = 64  # pictures


class Sharpness(Metric):
    """Sharpness of fakes by their Laplacian, beside that of real images.

    Gives `sharpness`, the mean over pictures of the standard deviation of the Laplacian of the grey
    picture over that of the picture itself, as `animekit clean` has it, so that a pale picture is
    not called blurred; its standard error; and `sharpness_laplacian`, the mean variance of the
    Laplacian, which contrast raises too. Real pictures are not looked at: give them as `fake`.
    Below theirs pictures are blurred, above it they are noisy. Comparable at one side only.
    """

    name = "sharpness"
    better = "real"
    uses_real: ClassVar[bool] = False
    by_default: ClassVar[bool] = False

    def compute(
        self, real: object, fake: np.ndarray | Tensor, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        """Return the means over the fakes, uint8 [N, 3, H, W] or [N, 1, H, W]."""
        pictures = checked(fake, "fake", least=self.fewest)
        meter = Meter(self.context.progress, len(pictures))

        def look(start: int) -> np.ndarray:
            part = pictures[start : start + TASK].transpose(0, 2, 3, 1)
            meter.add(len(part))
            return np.array([_of(np.ascontiguousarray(picture)) for picture in part])

        with workers() as run:
            values = np.concatenate(run(look, range(0, len(pictures), TASK)))
        sharp, edges = values.T
        return {
            "sharpness": float(sharp.mean()),
            "sharpness_se": float(sharp.std(ddof=1) / np.sqrt(len(sharp))),
            "sharpness_laplacian": float(edges.mean()),
        }


def _of(picture: np.ndarray) -> tuple[float, float]:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return sharpness(grey), float(cv2.Laplacian(grey, cv2.CV_64F).var())


@hookimpl
def animekit_metrics() -> list[type[Metric]]:
    """Return the metric of this file."""
    return [Sharpness]
