"""Counting instead of sorting: how projections of a set are spread over each direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .._common import Map, Meter
from .patches import WIDTH, Patches

UNIT = 2.0**-14  # what one standard deviation becomes: below it half precision is evenly spaced
CODES = 1 << 15  # half-precision numbers of one sign, in order
OCTAVE = 1 << 10  # of them to a doubling
TILE = 128  # directions projected at a time
STRIP = 16  # of them counted at a time, in the cache


@dataclass(frozen=True)
class Ranks:
    """How many projections lie at or below the points of a grid, for each direction.

    Projections are rounded to half precision after they were scaled by 2^-14: to 1/1024 up to 2
    standard deviations, to three digits beyond. The numbers that this can give, -reach to reach in
    order, are the points; of every `stride` of them the middle one is kept.
    """

    total: int  # projections in a direction
    stride: int
    below: Tensor  # int32 [D, 2 * reach // stride]

    @property
    def reach(self) -> int:
        """Return how many codes there are on each side of zero."""
        return self.below.shape[1] * self.stride // 2

    @classmethod
    def of(cls, patches: Patches, axes: Tensor, run: Map, meter: Meter) -> Ranks:
        """Project the patches of a set on directions float32 [D, 147], and count."""
        weights = (axes.double() / torch.from_numpy(patches.deviation) * UNIT).float()
        starts, spare, desks = patches.starts, list[_Desk](), list[_Desk]()

        def count(start: int) -> None:
            try:
                desk = spare.pop()
            except IndexError:  # as many as there are workers
                desks.append(desk := _Desk(len(axes), starts.step * patches.places.shape[1]))
            found = patches.cut(start, desk.patches)
            desk.count(found, weights)
            spare.append(desk)
            meter.add(len(found))

        run(count, starts)
        reach = (max(desk.highest for desk in desks) // OCTAVE + 1) * OCTAVE
        below = torch.empty(len(axes), 2 * reach, dtype=torch.int32)

        def add_up(start: int) -> None:
            rows = slice(start, start + TILE)
            counts = torch.stack(
                [desk.counts[rows].view(-1, 2, CODES)[..., :reach] for desk in desks]
            )
            positive, negative = counts.sum(0, dtype=torch.int32).unbind(1)
            ordered = torch.cat([negative.flip(1), positive], 1)
            torch.cumsum(ordered, 1, dtype=torch.int32, out=below[rows])

        run(add_up, range(0, len(axes), TILE))
        return cls(len(patches), 1, below)

    def thinned(self, stride: int) -> Ranks:
        """Return fewer points, so that the distance is a sum over samples of terms."""
        return Ranks(self.total, stride, self.below[:, stride // 2 :: stride].contiguous())

    def reaching(self, reach: int) -> Tensor:
        """Return `below` for at least so many codes on each side of zero."""
        more = (reach - self.reach) // self.stride
        if more <= 0:
            return self.below
        below = torch.nn.functional.pad(self.below, (more, more))
        below[:, -more:] = self.total
        return below


def distance(real: Ranks, fake: Ranks, run: Map) -> float:
    """Return the mean over directions of the Wasserstein-1 distance of projections.

    It is the integral of |F - G| over the two distribution functions, which is the mean difference
    of sorted samples: here of the rounded ones. Rounding has no sign, and over hundreds of
    directions leaves less than 4e-5 of the number on faces and noise, and 3e-4 on nearly flat
    sets of rare spikes (measured against sorting), in a fraction of the time and memory of two
    sorts. `fake` has all points, `real` perhaps fewer.
    """
    reach = max(real.reach, fake.reach)
    edges = _values(reach)[:: real.stride]
    widths = torch.from_numpy(np.diff(edges, append=edges[-1]))
    ours, theirs = real.reaching(reach), fake.reaching(reach)[:, real.stride // 2 :: real.stride]

    def integrate(start: int) -> float:
        gaps = ours[start : start + TILE] - theirs[start : start + TILE]
        return float((gaps.abs_().double() @ widths).sum())

    tiles = range(0, len(ours), TILE)
    return sum(run(integrate, tiles)) / len(ours) / fake.total


class _Desk:
    """What one worker writes to, again and again: fresh memory would cost more than the sums."""

    def __init__(self, directions: int, patches: int) -> None:
        rows, strip = min(TILE, directions), min(STRIP, directions)
        self.patches = torch.empty(patches, WIDTH)
        self.projected = torch.empty(rows * patches)
        self.halves = torch.empty(strip * patches, dtype=torch.float16)
        self.codes = torch.empty(strip * patches, dtype=torch.int64)
        self.ones = torch.ones(strip * patches, dtype=torch.int32)
        # numpy's zeros are not touched before they are needed, and most never are
        self.counts = torch.from_numpy(np.zeros((directions, 2 * CODES), np.int32))
        self.highest = 0

    def count(self, found: Tensor, weights: Tensor) -> None:
        for start in range(0, len(weights), TILE):
            rows = weights[start : start + TILE]
            projected = self.projected[: len(rows) * len(found)].view(len(rows), len(found))
            torch.mm(rows, found.T, out=projected)
            counts = self.counts[start : start + TILE]
            for part, into in zip(projected.split(STRIP), counts.split(STRIP), strict=True):
                self._count(part, into)

    def _count(self, projected: Tensor, counts: Tensor) -> None:
        shape, size = projected.shape, projected.numel()
        halves = self.halves[:size].view(shape).copy_(projected)
        # the bits of half precision: positive numbers in order, and then negative ones
        codes = self.codes[:size].view(shape).copy_(halves.view(torch.uint16))
        counts.scatter_add_(1, codes, self.ones[:size].view(shape))
        least, most = torch.aminmax(projected)
        self.highest = max(self.highest, _code(max(-float(least), float(most))))


def _code(value: float) -> int:
    return int(np.float16(value).view(np.uint16))


def _values(reach: int) -> np.ndarray:
    """Return the numbers that codes stand for, -reach to reach, in standard deviations."""
    positive = np.arange(reach, dtype=np.uint16).view(np.float16).astype(np.float64) / UNIT
    return np.concatenate([-positive[::-1], positive])
