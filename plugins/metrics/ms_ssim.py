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

from animekit.config import Params
from animekit.errors import DataError
from animekit.evaluation.metric import Metric
from animekit.hookspecs import hookimpl

from ._common import Meter, checked, workers

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first
WINDOW, SIGMA = 11, 1.5  # px
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
MIDDLE = 128.0  # subtracted first: variances lose fewer digits
HALVINGS = 1 << (len(WEIGHTS) - 1)
FINE = 32  # px, from which on a scale is filtered in float32
STRIP = 1 << 17  # numbers of the pictures filtered at a time, so that all stays in the cache
STRIPS = 6  # compared by one task
FEWEST = 4  # pictures: two pairs, or there is no standard error


class MSSSIMParams(Params):
    """How pictures are paired."""

    seed: int = Field(0, ge=0, description="seed of the random pairs")
    pairs: int | None = Field(
        None,
        ge=2,
        description="how many pairs; half as many as pictures if not given. More than that are"
        " several random pairings one after the other, whose pairs share pictures",
    )
    pairing: Literal["random", "neighbours"] = Field(
        "random",
        description="random disjoint pairs, or pictures (0, 1), (2, 3), ... as in PGGAN, which"
        " cannot see pictures that repeat in order",
    )


class MSSSIM(Metric):
    """Mean MS-SSIM over pairs of fakes: how alike they are; good is as real images.

    Gives `ms_ssim` and its standard error over pairs, `ms_ssim_se`: N pictures make N // 2 pairs,
    an odd one is left out. Real pictures are not looked at: give them as `fake` to get the value
    to compare with. Only a value near theirs is good: above it pictures repeat each other or are
    blurred, below it they are noise (near 0.06).
    """

    name = "ms_ssim"
    better = "real"
    protocol: ClassVar[str] = "ms_ssim/pggan"
    fewest: ClassVar[int] = FEWEST
    uses_real: ClassVar[bool] = False
    Params = MSSSIMParams
    params: MSSSIMParams

    def definition(self, count: int) -> str:
        """Return one line that fixes the numbers: protocol, parameters and image count."""
        wanted = self.params.pairs or count // 2
        return (
            f"{self.protocol}, {len(WEIGHTS)} scales, windows 11 11 11 8 4 px at 64 px,"
            f" {wanted:,} {self.params.pairing} pairs, seed {self.params.seed}, n {count:,}"
        )

    def compute(
        self,
        real: object,
        fake: np.ndarray | Tensor,
        labels: np.ndarray | None = None,
    ) -> dict[str, float]:
        """Return the mean and its standard error over pairs of the fakes.

        They are uint8 [N, 3, H, W] or [N, 1, H, W]. Raises DataError for other pictures, for
        fewer than four, for sides that cannot be halved evenly four times, and for more `pairs`
        than there are.
        """
        pictures = _halvable(fake)
        chosen = pairs(len(pictures), self.params.pairing, self.params.seed, self.params.pairs)
        values = similarity(pictures, chosen, Meter(self.context.progress, len(chosen)))
        error = values.std(ddof=1) / np.sqrt(len(values))
        return {"ms_ssim": float(values.mean()), "ms_ssim_se": float(error)}


def pairs(count: int, pairing: str, seed: int, wanted: int | None = None) -> np.ndarray:
    """Return pairs of indices: int64 [count // 2, 2], or as many as are wanted.

    No index comes twice in the first count // 2, nor in as many that follow.

    >>> pairs(5, "neighbours", 0).tolist()
    [[0, 1], [2, 3]]
    """
    half = count // 2
    wanted = half if wanted is None else wanted
    most = half if pairing == "neighbours" else count * (count - 1) // 2
    if wanted > most:
        raise DataError(
            f"{count:,} pictures have no {wanted:,} {pairing} pairs, but {most:,}",
            "give more pictures, as in --num 1000, or want fewer pairs",
            code="metric.count",
        )
    if pairing == "neighbours":
        return np.arange(2 * wanted).reshape(-1, 2)
    orders = [
        np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, turn)))).permutation(
            count
        )
        for turn in range(-(-wanted // half))
    ]
    return np.concatenate([order[: 2 * half].reshape(-1, 2) for order in orders])[:wanted]


def similarity(pictures: np.ndarray, chosen: np.ndarray, meter: Meter | None = None) -> np.ndarray:
    """Return the MS-SSIM of each chosen pair [P, 2] of uint8 pictures: float64 [P]."""
    tile = STRIPS * _strip(pictures[0].size)
    # all tasks are of one size, since the last digit of a matrix product may depend on it
    padded = np.pad(chosen, ((0, -len(chosen) % tile), (0, 0)), mode="edge")

    def compare(start: int) -> np.ndarray:
        first, second = (
            torch.from_numpy(np.array(pictures[indices], np.float32, order="C"))
            for indices in padded[start : start + tile].T
        )
        values = ms_ssim(first, second).numpy()
        if meter is not None:
            meter.add(min(tile, len(chosen) - start))
        return values

    with workers() as run:
        return np.concatenate(run(compare, range(0, len(padded), tile)))[: len(chosen)]


def ms_ssim(first: Tensor, second: Tensor) -> Tensor:
    """Return the MS-SSIM of pairs [N, C, H, W] of whole 0..255: float64 [N].

    Each scale's mean over pixels and channels is clipped at 0 before the product, so a pair whose
    structure disagrees at one scale scores exactly 0.

    >>> flat = torch.full((1, 3, 16, 16), 128.0)
    >>> round(float(ms_ssim(flat, flat)), 6), round(float(ms_ssim(flat, flat + 64)), 4)
    (1.0, 0.9894)
    """
    # near 0 float32 is good enough for the fine scales, means over a thousand pixels and more,
    # where nearly all of the time goes; a coarse one is a few pixels and is filtered in float64
    first, second = first.float() - MIDDLE, second.float() - MIDDLE
    result = torch.ones(len(first), dtype=torch.float64)
    for scale, weight in enumerate(WEIGHTS):
        if scale:  # exact, since a mean of 4 whole numbers only takes two more bits
            first, second = _halved(first), _halved(second)
        precision = torch.float32 if min(first.shape[2:]) >= FINE else torch.float64
        last = scale == len(WEIGHTS) - 1
        step = _strip(first[0].numel())
        values = [
            _similarity(*(part.to(precision) for part in parts), with_luminance=last)
            for parts in zip(first.split(step), second.split(step), strict=True)
        ]
        result *= torch.cat(values).clamp_(min=0) ** weight
    return result


def _similarity(first: Tensor, second: Tensor, *, with_luminance: bool) -> Tensor:
    """Return the means of contrast-structure similarity, times luminance's: float64 [N]."""
    count, channels = first.shape[:2]
    mean1, mean2 = _filtered(first), _filtered(second)  # [pixels, N * C]
    product = _filtered(first * second)
    square = _filtered((first * first).addcmul_(second, second)).mul_(0.5)
    across = mean1 * mean2
    within = (mean1 * mean1).addcmul_(mean2, mean2).mul_(0.5)
    contrast = product.sub_(across).add_(C2 / 2).div_(square.sub_(within).add_(C2 / 2))
    if with_luminance:
        mean1, mean2 = mean1.add_(MIDDLE), mean2.add_(MIDDLE)
        luminance = (2 * mean1 * mean2 + C1) / (mean1 * mean1 + mean2 * mean2 + C1)
        contrast = contrast.mul_(luminance)
    return contrast.mean(0).double().view(count, channels).mean(1)


def _strip(numbers: int) -> int:
    return max(1, STRIP // numbers)


def _halved(images: Tensor) -> Tensor:
    rows = images[:, :, ::2] + images[:, :, 1::2]
    return (rows[..., ::2] + rows[..., 1::2]).mul_(0.25)


def _filtered(images: Tensor) -> Tensor:
    """Return images [N, C, H, W] filtered inside their borders: [rows * columns, N * C].

    Two plain matrix products: each takes the last axis of what it is given and returns it first.
    """
    height, width = images.shape[2:]
    size = min(WINDOW, height, width)
    columns = _gaussian(width, size).to(images) @ images.reshape(-1, width).T
    rows = _gaussian(height, size).to(images) @ columns.view(-1, height).T
    return rows.view(-1, images.shape[0] * images.shape[1])


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
    pictures = checked(images, "fake", least=FEWEST)
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
