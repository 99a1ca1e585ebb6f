"""Random patches of Laplacian pyramids, normalised over their set: the descriptors of SWD."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from animekit.errors import DataError, UnusableError

from ._common import Map

COARSEST = 16  # px, the side below which no level is made
PATCH = 7  # px
WIDTH = PATCH * PATCH * 3  # numbers in one descriptor
TILE = 64  # pictures cut by one task


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

    Images are float64 [N, 3, H, W], `side` one of their `levels`. The coarsest level is the
    low-pass itself. In float64 every sum here is exact for uint8 pictures up to 256 px, so the
    result does not depend on the order of summation.
    """
    while images.shape[2] > side:
        down = _down(images.shape[2])
        images = down @ images @ down.T
    if side // 2 >= COARSEST:
        down, up = _down(side), _up(side)
        images = images - up @ (down @ images @ down.T) @ up.T
    return images.float().permute(0, 2, 3, 1).contiguous()


def descriptors(pictures: np.ndarray, side: int, places: np.ndarray, run: Map) -> Tensor:
    """Return the patches of one level, normalised: float32 [N * patches, 147].

    A patch is in the order (y, x, channel). Means and deviations are those of the whole set,
    summed in float64. Raises UnusableError where a channel does not vary.
    """
    patches = places.shape[1]
    found = torch.empty(len(pictures) * patches, WIDTH)
    starts = range(0, len(pictures), TILE)

    def cut(start: int) -> np.ndarray:
        images = torch.from_numpy(np.array(pictures[start : start + TILE], dtype=np.float64))
        part = found[start * patches : (start + len(images)) * patches]
        _cut(laplacian(images, side), places[start : start + TILE], part)
        values = part.numpy().astype(np.float64).reshape(len(images), patches, WIDTH)
        sums = np.stack([values.sum(1), np.einsum("ijk,ijk->ik", values, values)], axis=1)
        return sums.reshape(len(images), 2, -1, 3).sum(2)

    sums = np.concatenate(run(cut, starts)).sum(0)  # by picture, so that tiles change no digit
    mean, square = sums / (len(found) * PATCH * PATCH)
    shift, scale = _standard(mean, square, side)

    def normalise(start: int) -> None:
        found[start * patches : (start + TILE) * patches].sub_(shift).mul_(scale)

    run(normalise, starts)
    return found


def _cut(level: Tensor, places: np.ndarray, out: Tensor) -> None:
    side = level.shape[1]
    starts = (np.arange(len(level))[:, None] * side + places[..., 0]) * side + places[..., 1]
    rows = torch.from_numpy((starts[..., None] + np.arange(PATCH) * side).ravel())
    # every run of 7 pixels as an overlapping row, so that a patch is 7 copies of 21 numbers
    runs = level.as_strided((len(level) * side * side - PATCH + 1, PATCH * 3), (3, 1))
    torch.index_select(runs, 0, rows, out=out.view(-1, PATCH * 3))


def _standard(mean: np.ndarray, square: np.ndarray, side: int) -> tuple[Tensor, Tensor]:
    """Return what to subtract from a descriptor, and then to multiply it by: float32 [147]."""
    variance = square - mean**2
    if (variance <= 1e-13 * square).any():
        raise UnusableError(
            f"the distance is undefined, since no pixel differs at {side} px in channel"
            f" {'RGB'[int(variance.argmin())]}",
            "look at the pictures: they are flat, or all one colour",
            code="metric.undefined",
        )
    shift, scale = (np.tile(row, PATCH * PATCH) for row in (mean, 1 / np.sqrt(variance)))
    return torch.from_numpy(shift).float(), torch.from_numpy(scale).float()


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
def _up(side: int) -> Tensor:
    return torch.from_numpy(2 * _blur(side)[:, ::2])
