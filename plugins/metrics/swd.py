"""Sliced Wasserstein distance between two sets of pictures (Karras et al., 2018, PGGAN).

Written from the paper's text. Pictures are split into a Laplacian pyramid; at each level random
7x7 patches are normalised over their set, projected on random directions, and the mean of the
one-dimensional Wasserstein-1 distances is reported, times 1000, finest level first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from animekit.components import Metric
from animekit.config import Params
from animekit.errors import DataError, UnusableError
from animekit.hookspecs import hookimpl

COARSEST = 16  # px, the side below which no level is made
PATCH = 7  # px
WIDTH = PATCH * PATCH * 3  # numbers in one descriptor
BINS = 1 << 15  # of the histogram of a direction: see `_distance` for what it costs in precision
TILE = 64  # pictures cut, or directions projected, by one task
REAL, FAKE, DIRECTIONS, SUBSET = range(4)  # streams of random numbers

Map = Callable[[Callable[[int], Any], range], list[Any]]


class SWDParams(Params):
    """How many patches and directions are drawn, and from which seed."""

    seed: int = Field(0, ge=0, description="seed of patch positions, directions and subsets")
    patches: int = Field(128, ge=1, description="patches per picture and level")
    repeats: int = Field(4, ge=1, description="times that a set of directions is drawn")
    directions: int = Field(128, ge=1, description="random directions per repeat")
    passes: int = Field(1, ge=1, description="times that everything is drawn again and averaged")


@dataclass(frozen=True)
class Histograms:
    """The projections of one set at one level: a histogram for each direction."""

    low: Tensor  # [D] float32, the smallest projection
    step: Tensor  # [D] float32, width of a bin
    counts: Tensor  # [D, BINS] int32


@dataclass(frozen=True)
class Prepared:
    """Real pictures whose half of the work is done; about 70 MB a level for any number."""

    pictures: np.ndarray  # uint8 [N, 3, S, S]
    histograms: dict[tuple[int, int], Histograms]  # by (pass, side)


class SWD(Metric):
    """Sliced Wasserstein distance on Laplacian pyramid patches, x1000, as in PGGAN.

    Gives `swd_<side>` for each level and `swd_avg`, their plain mean; with `passes` above 1 also
    the standard deviation over passes as `swd_<side>_sd`. Comparable only at equal numbers of
    pictures: the floor between two halves of one set falls with n, about as 1/sqrt(n). Each set
    is normalised by itself, so the brightness and contrast of a whole set are not seen. Where one
    set is larger, a subset of it is drawn with the seed. The numbers depend on the seed and the
    pictures in their order, not on threads.
    """

    name = "swd"
    better = "lower"
    protocol: ClassVar[str] = "swd/pggan"
    Params = SWDParams

    def __init__(self, params: SWDParams | None = None) -> None:
        self.params = params if params is not None else SWDParams()

    def prepare(self, real: np.ndarray | Tensor) -> Prepared:
        """Do the real pictures' half of the work once, for many calls of `compute`."""
        pictures = _pictures(real, "real")
        with _workers() as run:
            histograms = {
                (draw, side): self._reference(pictures, draw, side, run)
                for draw in range(self.params.passes)
                for side in levels(pictures.shape[2])
            }
        return Prepared(pictures, histograms)

    def compute(
        self, real: np.ndarray | Tensor | Prepared, fake: np.ndarray | Tensor
    ) -> dict[str, float]:
        """Return the distances; pictures are uint8 [N, 3, S, S] or [N, 1, S, S].

        Raises DataError for pictures of other shapes or of a side that does not halve evenly down
        to 16 px, and UnusableError (code "metric.undefined") where a set is flat: it then has no
        standard deviation to be divided by.
        """
        done = real.histograms if isinstance(real, Prepared) else {}
        ours = real.pictures if isinstance(real, Prepared) else _pictures(real, "real")
        theirs = _pictures(fake, "fake")
        if ours.shape[1:] != theirs.shape[1:]:
            raise DataError(
                f"real pictures are {ours.shape[2]} px and fake ones {theirs.shape[2]} px",
                f"make both of one size, as in --size {min(ours.shape[2], theirs.shape[2])}",
                code="metric.size",
            )
        count = min(len(ours), len(theirs))
        if count < len(ours):
            ours, done = subset(ours, count, self.params.seed), {}
        theirs = subset(theirs, count, self.params.seed)
        passes: list[dict[int, float]] = []
        with _workers() as run:
            for draw in range(self.params.passes):
                passes.append({})
                for side in levels(ours.shape[2]):
                    mine = done.get((draw, side)) or self._reference(ours, draw, side, run)
                    other = self._descriptors(theirs, FAKE, draw, side, run)
                    passes[-1][side] = 1000 * _distance(mine, other, self._axes(draw, side), run)
        return _summary(passes)

    def _axes(self, draw: int, side: int) -> Tensor:
        number = self.params.repeats * self.params.directions
        return torch.from_numpy(directions(self.params.seed, draw, side, number))

    def _reference(self, pictures: np.ndarray, draw: int, side: int, run: Map) -> Histograms:
        patches = self._descriptors(pictures, REAL, draw, side, run)
        return _histograms(patches, self._axes(draw, side), run)

    def _descriptors(
        self, pictures: np.ndarray, stream: int, draw: int, side: int, run: Map
    ) -> Tensor:
        seed, number = self.params.seed, self.params.patches
        places = corners(seed, stream, draw, side, len(pictures), number)
        try:
            return descriptors(pictures, side, places, run)
        except UnusableError as error:
            error.message = f"{'fake' if stream == FAKE else 'real'} pictures: {error.message}"
            raise


def levels(size: int) -> list[int]:
    """Return the sides of the pyramid's levels, finest first; DataError where there are none.

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


def corners(
    seed: int, stream: int, draw: int, side: int, pictures: int, patches: int
) -> np.ndarray:
    """Return the top left corners (y, x) of all patches: int64 [pictures, patches, 2].

    Uniform, with replacement, over all places where a patch fits. Picture i has the i-th run of
    one counter-based stream, so its patches do not depend on how many pictures follow.
    """
    words = _bits(seed, stream, draw, side).random_raw(pictures * patches)
    halves = np.stack([words >> np.uint64(32), words & np.uint64(0xFFFFFFFF)], axis=-1)
    places = (halves * np.uint64(side - PATCH + 1)) >> np.uint64(32)
    return places.astype(np.int64).reshape(pictures, patches, 2)


def directions(seed: int, draw: int, side: int, number: int) -> np.ndarray:
    """Return random unit vectors: float32 [number, 147], in the patch order (y, x, channel)."""
    normal = np.random.Generator(_bits(seed, DIRECTIONS, draw, side))
    vectors = normal.standard_normal((number, WIDTH))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def subset(pictures: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return `count` of the pictures, drawn with the seed, in their order; all if that is all."""
    if count == len(pictures):
        return pictures
    order = np.random.Generator(_bits(seed, SUBSET)).permutation(len(pictures))
    return pictures[np.sort(order[:count])]


def laplacian(images: Tensor, side: int) -> Tensor:
    """Return one level of the Laplacian pyramid: float32 [N, S, S, 3] from float64 [N, 3, H, W].

    The coarsest level is the low-pass itself. In float64 every sum here is exact for uint8
    pictures up to 256 px, so the result does not depend on the order of summation.
    """
    while images.shape[2] > side:
        down = _down(images.shape[2])
        images = down @ images @ down.T
    if side // 2 >= COARSEST:
        down, up = _down(side), _up(side)
        images = images - up @ (down @ images @ down.T) @ up.T
    return images.float().permute(0, 2, 3, 1).contiguous()


def descriptors(pictures: np.ndarray, side: int, places: np.ndarray, run: Map) -> Tensor:
    """Return all patches of one level, normalised by channel: float32 [N * patches, 147].

    Means and deviations are those of the whole set, summed in float64. Raises UnusableError where
    a channel does not vary.
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
    variance = square - mean**2
    if (variance <= 1e-13 * square).any():
        raise UnusableError(
            f"the distance is undefined, since no pixel differs at {side} px in channel"
            f" {'RGB'[int(variance.argmin())]}",
            "look at the pictures: they are flat, or all one colour",
            code="metric.undefined",
        )
    shift, scale = (
        torch.from_numpy(np.tile(row, PATCH * PATCH).astype(np.float32))
        for row in (mean, 1 / np.sqrt(variance))
    )

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


def _histograms(patches: Tensor, axes: Tensor, run: Map) -> Histograms:
    low, step = torch.empty(len(axes)), torch.empty(len(axes))
    counts = torch.empty(len(axes), BINS + 1, dtype=torch.int32)

    def project(start: int) -> None:
        projected = axes[start : start + TILE] @ patches.T
        least, most = torch.aminmax(projected, dim=1)
        low[start : start + TILE] = least
        step[start : start + TILE] = ((most - least) / BINS).clamp(min=1e-12)
        scratch = _scratch(len(patches))
        for row, values in enumerate(projected, start):
            counts[row] = _count(values, low[row], step[row], scratch)[0]

    run(project, range(0, len(axes), TILE))
    return Histograms(low, step, counts)


def _distance(real: Histograms, patches: Tensor, axes: Tensor, run: Map) -> float:
    """Return the mean over directions of the Wasserstein-1 distance of projections.

    The distance is the integral of |F - G| over the two distribution functions, which is the mean
    difference of sorted samples. It is summed on the grid of the real histogram, exactly as if
    each sample were rounded to it; what lies beyond the grid is added unrounded. Rounding errors
    have no sign: over 512 directions they leave less than 1e-5 of the number (measured on faces,
    noise and spikes, 1 to 512 pictures), in a fifth of the time of a sort.
    """
    distances = np.empty(len(axes))

    def project(start: int) -> None:
        projected = axes[start : start + TILE] @ patches.T
        scratch = _scratch(len(patches))
        for row, values in enumerate(projected, start):
            counts, beyond = _count(values, real.low[row], real.step[row], scratch)
            gap = torch.cumsum(counts - real.counts[row], 0).abs_().sum()
            distances[row] = (int(gap) + beyond) * float(real.step[row]) / len(patches)

    run(project, range(0, len(axes), TILE))
    return float(distances.mean())


def _scratch(size: int) -> tuple[Tensor, Tensor, Tensor]:
    # fresh megabytes for every row would cost more in page faults than the counting itself
    return torch.empty(size), torch.empty(size), torch.empty(size, dtype=torch.int64)


def _count(
    values: Tensor, low: Tensor, step: Tensor, scratch: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, float]:
    """Return counts by bin (int64), and in bins how far all values lie beyond the grid."""
    position, inside, bins = scratch
    torch.sub(values, low, out=position).div_(step)
    bins.copy_(torch.clamp(position, 0, BINS, out=inside))
    beyond = float(position.sub_(inside).abs_().sum(dtype=torch.float64))
    return torch.bincount(bins, minlength=BINS + 1), beyond


def _summary(passes: list[dict[int, float]]) -> dict[str, float]:
    table = {f"swd_{side}": np.array([one[side] for one in passes]) for side in passes[0]}
    table["swd_avg"] = np.mean(list(table.values()), axis=0)
    result = {name: float(values.mean()) for name, values in table.items()}
    if len(passes) > 1:
        result |= {f"{name}_sd": float(values.std(ddof=1)) for name, values in table.items()}
    return result


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


def _bits(*key: int) -> np.random.Philox:
    return np.random.Philox(np.random.SeedSequence(key))


def _pictures(images: np.ndarray | Tensor, which: str) -> np.ndarray:
    array = images.detach().cpu().numpy() if isinstance(images, Tensor) else np.asarray(images)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[1] not in (1, 3) or not len(array):
        raise DataError(
            f"{which} pictures are {array.dtype} {list(array.shape)}",
            "give uint8 [N, 3, S, S], N at least 1",
            code="metric.images",
        )
    if array.shape[2] != array.shape[3]:
        raise DataError(
            f"{which} pictures are {array.shape[3]} x {array.shape[2]} px, not square",
            "resize them to one side, as in --size 64",
            code="metric.size",
        )
    return np.broadcast_to(array, (len(array), 3, *array.shape[2:]))


@contextmanager
def _workers() -> Iterator[Map]:
    """Yield a parallel map over as many threads as torch has, each of one torch thread."""
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield lambda task, items: list(pool.map(task, items))
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


@hookimpl
def animekit_metrics() -> list[type[Metric]]:
    """Bring the metric in."""
    return [SWD]
