"""Multi-scale structural similarity inside a set, a measure of variety (Odena et al., 2017).

MS-SSIM is by Wang, Simoncelli and Bovik (2003). As PGGAN (2018) measures it, so that it works on
small pictures: the Gaussian window shrinks with the picture, 11 11 11 8 4 pixels at 64 px.
"""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import avg_pool2d

from animekit.components import Metric
from animekit.config import Params
from animekit.errors import DataError
from animekit.hookspecs import hookimpl

from ._common import checked, workers

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first
WINDOW, SIGMA = 11, 1.5  # px
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
MIDDLE = 128.0  # subtracted first: variances lose fewer digits
HALVINGS = 1 << (len(WEIGHTS) - 1)
TILE = 32  # pairs compared by one task: small enough for the caches


class MSSSIMParams(Params):
    """How pictures are paired."""

    seed: int = Field(0, ge=0, description="seed of the random pairs")
    pairing: Literal["random", "neighbours"] = Field(
        "random",
        description="random disjoint pairs, or pictures (0, 1), (2, 3), ... as in PGGAN, which"
        " cannot see pictures that repeat in order",
    )


class MSSSIM(Metric):
    """Mean MS-SSIM over pairs of fakes: how alike they are, lower is more varied.

    Gives `ms_ssim` and its standard error over pairs, `ms_ssim_se`: N pictures make N // 2 pairs,
    an odd one is left out. Real pictures are not looked at: give them as `fake` to get the value
    to compare with, since less than theirs is not better (noise is near 0.06).
    """

    name = "ms_ssim"
    better = "lower"
    protocol: ClassVar[str] = "ms_ssim/pggan"
    Params = MSSSIMParams
    params: MSSSIMParams

    def compute(self, real: object, fake: np.ndarray | Tensor) -> dict[str, float]:
        """Return the mean and its standard error over pairs of the fakes.

        They are uint8 [N, 3, H, W] or [N, 1, H, W]. Raises DataError for other pictures, for
        fewer than four, and for sides that cannot be halved evenly four times.
        """
        pictures = _halvable(fake)
        values = similarity(pictures, pairs(len(pictures), self.params.pairing, self.params.seed))
        error = values.std(ddof=1) / np.sqrt(len(values))
        return {"ms_ssim": float(values.mean()), "ms_ssim_se": float(error)}


def pairs(count: int, pairing: str, seed: int) -> np.ndarray:
    """Return disjoint pairs of indices: int64 [count // 2, 2].

    >>> pairs(5, "neighbours", 0).tolist()
    [[0, 1], [2, 3]]
    """
    order = np.arange(count)
    if pairing == "random":
        bits = np.random.Philox(np.random.SeedSequence(seed))
        order = np.random.Generator(bits).permutation(count)
    return order[: count // 2 * 2].reshape(-1, 2)


def similarity(pictures: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the MS-SSIM of each chosen pair [P, 2] of uint8 pictures: float64 [P]."""

    def compare(start: int) -> np.ndarray:
        indices = chosen[start : start + TILE]
        first, second = (
            torch.from_numpy(pictures[indices[:, side]].astype(np.float64)) for side in (0, 1)
        )
        return ms_ssim(first, second).numpy()

    with workers() as run:
        return np.concatenate(run(compare, range(0, len(chosen), TILE)))


def ms_ssim(first: Tensor, second: Tensor) -> Tensor:
    """Return the MS-SSIM of pairs of float64 pictures [N, C, H, W] in 0..255: [N].

    Each scale's mean over pixels and channels is clipped at 0 before the product, so a pair whose
    structure disagrees at one scale scores exactly 0.

    >>> flat = torch.full((1, 3, 16, 16), 128.0, dtype=torch.float64)
    >>> round(float(ms_ssim(flat, flat)), 6), round(float(ms_ssim(flat, flat + 64)), 4)
    (1.0, 0.9894)
    """
    # near 0 float32 is good enough for the finest scale, a mean over thousands of pixels, where
    # nearly all of the time goes; the others are a few pixels each and stay in float64
    first, second = first - MIDDLE, second - MIDDLE
    result = torch.ones(len(first), dtype=torch.float64)
    for scale, weight in enumerate(WEIGHTS):
        if scale:
            first, second = avg_pool2d(first, 2), avg_pool2d(second, 2)
        precision = torch.float64 if scale else torch.float32
        luminance, contrast = _maps(first.to(precision), second.to(precision))
        last = scale == len(WEIGHTS) - 1
        value = (luminance * contrast if last else contrast).mean((1, 2, 3), dtype=torch.float64)
        result *= value.clamp(min=0) ** weight
    return result


def _maps(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return the maps of luminance and of contrast-structure similarity at one scale."""
    height, width = first.shape[2:]
    size = min(WINDOW, height, width)
    rows, columns = (_gaussian(side, size).to(first) for side in (height, width))
    stack = torch.stack([first, second, first * first + second * second, first * second])
    mean1, mean2, squares, product = rows @ (stack @ columns.T)
    covariance = product - mean1 * mean2
    variances = squares - mean1 * mean1 - mean2 * mean2
    contrast = (2 * covariance + C2) / (variances + C2)
    mean1, mean2 = mean1 + MIDDLE, mean2 + MIDDLE
    luminance = (2 * mean1 * mean2 + C1) / (mean1 * mean1 + mean2 * mean2 + C1)
    return luminance, contrast


@lru_cache(maxsize=64)
def _gaussian(side: int, size: int) -> Tensor:
    """Return the window as a banded matrix [side - size + 1, side]: filtering inside borders."""
    offsets = np.arange(size) - (size - 1) / 2  # an even window is centred on half a pixel
    taps = np.exp(-0.5 * (offsets / (SIGMA * size / WINDOW)) ** 2)
    matrix = np.zeros((side - size + 1, side))
    for row in range(len(matrix)):
        matrix[row, row : row + size] = taps / taps.sum()
    return torch.from_numpy(matrix)


def _halvable(images: np.ndarray | Tensor) -> np.ndarray:
    pictures = checked(images, "fake", least=4)  # two pairs, or there is no standard error
    height, width = pictures.shape[2:]
    if height % HALVINGS or width % HALVINGS or not height * width:
        raise DataError(
            f"MS-SSIM cannot use pictures of {width} x {height} px: sides must be multiples of"
            f" {HALVINGS}",
            "resize them to a side such as 64, as in --size 64",
            code="metric.size",
        )
    return pictures


@hookimpl
def animekit_metrics() -> list[type[Metric]]:
    """Bring the metric in."""
    return [MSSSIM]
