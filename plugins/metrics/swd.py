"""Sliced Wasserstein distance between two sets of pictures (Karras et al., 2018, PGGAN).

Written from the paper's text. Pictures are split into a Laplacian pyramid; at each level random
7x7 patches are normalised over their set, projected on random directions, and the mean of the
one-dimensional Wasserstein-1 distances is reported, times 1000, finest level first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from animekit.components import Metric
from animekit.config import Params
from animekit.errors import DataError, UnusableError
from animekit.hookspecs import hookimpl

from ._common import Map, checked, workers
from ._patches import WIDTH, corners, descriptors, levels

BINS = 1 << 15  # of the histogram of a direction: see `_distance` for what it costs in precision
TILE = 64  # directions projected by one task
REAL, FAKE, DIRECTIONS, SUBSET = range(4)  # streams of random numbers


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
    counts: Tensor  # [D, BINS + 1] int32


@dataclass(frozen=True)
class Prepared:
    """Real pictures whose half of the work is done: about 70 MB a level and pass."""

    pictures: np.ndarray  # uint8 [N, 3, S, S]
    params: SWDParams
    histograms: dict[tuple[int, int], Histograms]  # by (pass, side)


class SWD(Metric):
    """Sliced Wasserstein distance on Laplacian pyramid patches, x1000, as in PGGAN.

    Gives `swd_<side>` for each level and `swd_avg`, their plain mean; with `passes` above 1 also
    the standard deviation over passes, as `swd_<side>_sd`. Comparable only at equal numbers of
    pictures: the floor between two halves of one set falls with n, about as 1/sqrt(n). Each set
    is normalised by itself, so the brightness and contrast of a whole set are not seen. Where one
    set is larger, a subset of it is drawn with the seed. The numbers depend on the seed and on
    the pictures in their order, not on threads.
    """

    name = "swd"
    better = "lower"
    protocol: ClassVar[str] = "swd/pggan"
    Params = SWDParams
    params: SWDParams

    def prepare(self, real: np.ndarray | Tensor) -> Prepared:
        """Do the real pictures' half of the work once, for many calls of `compute`."""
        pictures = _square(real, "real")
        with workers() as run:
            histograms = {
                (draw, side): self._reference(pictures, draw, side, run)
                for draw in range(self.params.passes)
                for side in levels(pictures.shape[2])
            }
        return Prepared(pictures, self.params, histograms)

    def compute(
        self, real: np.ndarray | Tensor | Prepared, fake: np.ndarray | Tensor
    ) -> dict[str, float]:
        """Return the distances; pictures are uint8 [N, 3, S, S] or [N, 1, S, S].

        Raises DataError for pictures of other shapes or of a side that does not halve evenly down
        to 16 px, and UnusableError (code "metric.undefined") where a set is flat: it then has no
        standard deviation to be divided by.
        """
        if not isinstance(real, Prepared):
            real = Prepared(_square(real, "real"), self.params, {})
        ours, theirs = real.pictures, _square(fake, "fake")
        done = real.histograms if real.params == self.params else {}
        if ours.shape[2] != theirs.shape[2]:
            raise DataError(
                f"real pictures are {ours.shape[2]} px and fake ones {theirs.shape[2]} px",
                f"make both of one size, as in --size {min(ours.shape[2], theirs.shape[2])}",
                code="metric.size",
            )
        sides = levels(ours.shape[2])
        count = min(len(ours), len(theirs))
        if count < len(ours):
            ours, done = subset(ours, count, self.params.seed), {}
        theirs = subset(theirs, count, self.params.seed)
        with workers() as run:
            passes = [
                [self._level(ours, done, theirs, draw, side, run) for side in sides]
                for draw in range(self.params.passes)
            ]
        return _summary(sides, 1000 * np.array(passes))

    def _level(
        self,
        real: np.ndarray,
        done: dict[tuple[int, int], Histograms],
        fake: np.ndarray,
        draw: int,
        side: int,
        run: Map,
    ) -> float:
        histograms = done.get((draw, side)) or self._reference(real, draw, side, run)
        patches = self._descriptors(fake, FAKE, draw, side, run)
        return _distance(histograms, patches, self.axes(draw, side), run)

    def _reference(self, pictures: np.ndarray, draw: int, side: int, run: Map) -> Histograms:
        patches = self._descriptors(pictures, REAL, draw, side, run)
        return _histograms(patches, self.axes(draw, side), run)

    def _descriptors(
        self, pictures: np.ndarray, stream: int, draw: int, side: int, run: Map
    ) -> Tensor:
        places = self.places(stream, draw, side, len(pictures))
        try:
            return descriptors(pictures, side, places, run)
        except UnusableError as error:
            which = "real" if stream == REAL else "fake"
            raise UnusableError(
                f"{which} pictures: {error.message}", error.hint, code=error.code
            ) from None

    def places(self, stream: int, draw: int, side: int, count: int) -> np.ndarray:
        """Return corners (y, x) of a set's patches in a pass: int64 [N, patches, 2]."""
        return corners(
            _bits(self.params.seed, stream, draw, side), side, count, self.params.patches
        )

    def axes(self, draw: int, side: int) -> Tensor:
        """Return the directions of one pass and level, unit vectors: float32 [D, 147]."""
        normal = np.random.Generator(_bits(self.params.seed, DIRECTIONS, draw, side))
        vectors = normal.standard_normal((self.params.repeats * self.params.directions, WIDTH))
        return torch.from_numpy(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).float()


def subset(pictures: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return `count` of the pictures, drawn with the seed, in their order."""
    if count == len(pictures):
        return pictures
    order = np.random.Generator(_bits(seed, SUBSET)).permutation(len(pictures))
    return pictures[np.sort(order[:count])]


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
    have no sign: over 512 directions they leave less than 1e-5 of the number (measured on faces
    and noise, 1 to 512 pictures), in a fraction of the time and memory of two sorts.
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


def _summary(sides: list[int], passes: np.ndarray) -> dict[str, float]:
    names = [*(f"swd_{side}" for side in sides), "swd_avg"]
    table = np.column_stack([passes, passes.mean(1)])  # [passes, levels + 1]
    result = dict(zip(names, table.mean(0).tolist(), strict=True))
    if len(table) > 1:
        spread = table.std(0, ddof=1).tolist()
        result |= {f"{name}_sd": value for name, value in zip(names, spread, strict=True)}
    return result


def _square(images: np.ndarray | Tensor, which: str) -> np.ndarray:
    pictures = checked(images, which)
    height, width = pictures.shape[2:]
    if height != width:
        raise DataError(
            f"{which} pictures are {width} x {height} px, not square",
            "resize them to one side, as in --size 64",
            code="metric.size",
        )
    return pictures


def _bits(*key: int) -> np.random.Philox:
    return np.random.Philox(np.random.SeedSequence(key))


@hookimpl
def animekit_metrics() -> list[type[Metric]]:
    """Bring the metric in."""
    return [SWD]
