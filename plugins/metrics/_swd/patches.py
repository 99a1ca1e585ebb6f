"""Random patches of Laplacian pyramids, normalised over their set: the descriptors of SWD."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from animekit.errors import DataError, UnusableError

from .._common import Map

COARSEST = 16  # px, the side below which no level is made
PATCH = 7  # px
WIDTH = PATCH * PATCH * 3  # numbers in one descriptor
TASK = 8192  # patches cut and projected by one task
CUT = 1 << 16  # pixels of the pictures cut at a time: their levels stay in the cache


def levels(size: int) -> list[int]:
    """Return the sides of the levels, finest first; DataError if there are none.

    >>> levels(64), levels(48)
    ([64, 32, 16], [48, 24])
    """
    sides = [size]
    while sides[-1] // 2 >= COARSEST and sides[-1] % 2 == 0:
        sides.append(sides[-1] // 2)
    if size < COARSEST:
        reason = f"the side must be at least {COARSEST} px"
    elif sides[-1] // 2 >= COARSEST:
        reason = f"{sides[-1]} px is odd and cannot be halved"
    else:
        return sides
    raise DataError(
        f"the sliced Wasserstein distance cannot use pictures of {size} px: {reason}",
        "resize them to a side such as 64, as in --size 64",
        code="metric.size",
    )


def corners(bits: np.random.Philox, side: int, pictures: int, patches: int) -> np.ndarray:
    """Return the top left corners (y, x) of patches: int64 [pictures, patches, 2].

    Uniform, with replacement, over all places where a patch fits. Picture i has the i-th run of
    the stream, so its patches do not depend on how many pictures follow.
    """
    words = bits.random_raw(pictures * patches)
    halves = np.stack([words >> np.uint64(32), words & np.uint64(0xFFFFFFFF)], axis=-1)
    places = (halves * np.uint64(side - PATCH + 1)) >> np.uint64(32)
    return places.astype(np.int64).reshape(pictures, patches, 2)


def laplacian(images: Tensor, side: int) -> Tensor:
    """Return one level of the Laplacian pyramid: float32 [N, S, S, 3].

    Images are float32 [N, 3, H, W] in 0..255, `side` one of their `levels`. The coarsest level is
    the low-pass itself. Every sum here is exact for whole numbers, the first level in float32 and
    the others in float64 up to 256 px, so the result does not depend on the order of summation.
    """
    while images.shape[2] > side:
        down = _down(images.shape[2]).to(images)
        images = (down @ images @ down.T).double()
    if side // 2 >= COARSEST:
        blur = _smooth(side).to(images)
        images = images - blur @ images @ blur.T
    return images.float().permute(0, 2, 3, 1).contiguous()


@dataclass(frozen=True)
class Patches:
    """The descriptors of a set at one level, cut anew whenever they are asked for.

    They are 150 kilobytes a picture and level, which for thousands of pictures takes longer to
    write to memory and to read again than to make twice.
    """

    pictures: np.ndarray  # uint8 [N, 3, S, S]
    side: int  # of the level
    places: np.ndarray  # corners (y, x), int64 [N, patches, 2]
    mean: Tensor  # of the whole set by channel, repeated over a patch: float32 [147]
    deviation: np.ndarray  # float64 [147]

    @classmethod
    def of(cls, pictures: np.ndarray, side: int, places: np.ndarray, run: Map) -> Patches:
        """Go over the pictures once for means and deviations, summed by picture.

        Raises UnusableError where a channel does not vary.
        """
        starts = tasks(len(pictures), places.shape[1])

        def measure(start: int) -> np.ndarray:
            stop = min(start + starts.step, len(pictures))
            found = torch.empty(stop - start, places.shape[1], WIDTH)
            _cut(pictures[start:stop], side, places[start:stop], found)
            mean = found.sum(1).view(-1, PATCH * PATCH, 3).sum(1) / (found[0].numel() // 3)
            found.sub_(mean.repeat(1, PATCH * PATCH)[:, None])
            square = found.square_().sum(1).view(-1, PATCH * PATCH, 3).sum(1, dtype=torch.float64)
            return torch.stack([mean.double(), square / (found[0].numel() // 3)]).numpy()

        means, within = np.concatenate(run(measure, starts), axis=1)  # [2, N, 3]
        mean, variance = means.mean(0), within.mean(0) + means.var(0)
        _check(mean, variance, side)
        tiled = torch.from_numpy(np.tile(mean, PATCH * PATCH)).float()
        return cls(pictures, side, places, tiled, np.tile(np.sqrt(variance), PATCH * PATCH))

    def __len__(self) -> int:
        return self.places.shape[0] * self.places.shape[1]

    @property
    def starts(self) -> range:
        """Return the first pictures of the tasks, one for each step of the range."""
        return tasks(len(self.pictures), self.places.shape[1])

    def cut(self, start: int, out: Tensor) -> Tensor:
        """Return a task's descriptors less their mean: [pictures * patches, 147].

        They are in the order (y, x, channel), written to the first rows of `out`. A descriptor is
        normalised once it is also divided by `deviation`.
        """
        stop = min(start + self.starts.step, len(self.pictures))
        places = self.places[start:stop]
        found = out[: places.shape[0] * places.shape[1]]
        _cut(self.pictures[start:stop], self.side, places, found)
        return found.sub_(self.mean)


def tasks(pictures: int, patches: int) -> range:
    """Return the first pictures of tasks of about `TASK` patches.

    >>> tasks(200, 128)
    range(0, 200, 64)
    """
    return range(0, pictures, max(1, TASK // patches))


def _cut(pictures: np.ndarray, side: int, places: np.ndarray, out: Tensor) -> None:
    count, patches = places.shape[:2]
    out = out.view(count, patches * PATCH, PATCH * 3)
    step = max(1, CUT // (pictures.shape[2] * pictures.shape[3]))
    for start in range(0, count, step):
        images = torch.from_numpy(np.array(pictures[start : start + step], np.float32, order="C"))
        level, chosen = laplacian(images, side), places[start : start + step]
        firsts = (np.arange(len(level))[:, None] * side + chosen[..., 0]) * side + chosen[..., 1]
        rows = torch.from_numpy((firsts[..., None] + np.arange(PATCH) * side).ravel())
        # every run of 7 pixels as an overlapping row, so that a patch is 7 copies of 21 numbers
        runs = level.as_strided((len(level) * side * side - PATCH + 1, PATCH * 3), (3, 1))
        torch.index_select(runs, 0, rows, out=out[start : start + step].view(-1, PATCH * 3))


def _check(mean: np.ndarray, variance: np.ndarray, side: int) -> None:
    if (variance <= 1e-13 * (variance + mean**2)).any():
        raise UnusableError(
            f"the distance is undefined, since no pixel differs at {side} px in channel"
            f" {'RGB'[int(variance.argmin())]}",
            "look at the pictures: they are flat, or all one colour",
            code="metric.undefined",
        )


@lru_cache(maxsize=16)
def _blur(side: int) -> np.ndarray:
    """Return the filter [1 4 6 4 1] / 16 as a matrix, mirrored at the border."""
    matrix = np.zeros((side, side))
    for row in range(side):
        for tap, weight in enumerate((1, 4, 6, 4, 1), row - 2):
            column = side - 1 - abs(side - 1 - abs(tap))
            matrix[row, column] += weight / 16
    return matrix


@lru_cache(maxsize=16)
def _down(side: int) -> Tensor:
    return torch.from_numpy(_blur(side)[::2].copy())


@lru_cache(maxsize=16)
def _smooth(side: int) -> Tensor:
    """Return what halving and doubling again comes to, as one matrix."""
    return torch.from_numpy(2 * _blur(side)[:, ::2] @ _blur(side)[::2])
