"""Sliced Wasserstein distance between two sets of pictures (Karras et al., 2018, PGGAN).

Written from the paper's text. Pictures are split into a Laplacian pyramid; at each level random
7x7 patches are normalised over their set, projected on random directions, and the mean of the
one-dimensional Wasserstein-1 distances is reported, times 1000, finest level first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from animekit.config import Params
from animekit.errors import AnimekitError, DataError, UnusableError
from animekit.evaluation.metric import Metric
from animekit.foreign import parse_json
from animekit.hookspecs import hookimpl

from ._common import Map, Meter, square, workers
from ._swd.histograms import Ranks, distance
from ._swd.patches import COARSEST, PATCH, WIDTH, Patches, corners, levels

REAL, FAKE, DIRECTIONS, SUBSET = range(4)  # streams of random numbers
FORMAT = 1  # of what `export` gives
THINNED = 16  # points of a distribution to one that is exported
SHARES = (1 << 16) - 1  # exported shares of a distribution are counted in these


class SWDParams(Params):
    """How many patches and directions are drawn, and from which seed."""

    seed: int = Field(0, ge=0, description="seed of patch positions, directions and subsets")
    patches: int = Field(128, ge=1, description="patches per picture and level")
    repeats: int = Field(4, ge=1, description="times that a set of directions is drawn")
    directions: int = Field(128, ge=1, description="random directions per repeat")
    passes: int = Field(1, ge=1, description="times that everything is drawn again and averaged")


@dataclass(frozen=True)
class RealPatches:
    """Real pictures whose half of the work is done: about 30 MB a level and pass."""

    count: int
    size: int
    params: SWDParams
    ranks: dict[tuple[int, int], Ranks]  # by (pass, side)
    pictures: np.ndarray | None  # uint8 [N, 3, S, S]; None if restored from a file


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

    def definition(self, count: int) -> str:
        """Return one line that fixes the numbers: protocol, parameters and image count."""
        values = self.params
        return (
            f"{self.protocol}, levels halved down to {COARSEST} px, {values.patches} patches of"
            f" {PATCH} px a picture and level, {values.repeats} x {values.directions} directions,"
            f" passes {values.passes}, seed {values.seed}, n {count:,}"
        )

    def prepare(self, real: np.ndarray | Tensor) -> RealPatches:
        """Do the real pictures' half of the work once, for many calls of `compute`."""
        pictures = square(real, "real")
        sides = levels(pictures.shape[2])
        meter = self._meter(len(pictures), sides, sets=1)
        with workers() as run:
            ranks = {
                (draw, side): self._ranks(pictures, REAL, draw, side, run, meter)
                for draw in range(self.params.passes)
                for side in sides
            }
        return RealPatches(len(pictures), pictures.shape[2], self.params, ranks, pictures)

    def export(self, prepared: RealPatches) -> dict[str, np.ndarray]:
        """Return the distributions at every 16th point, to 1/65,535, as uint8 arrays.

        About 0.6 MB a level and pass, whatever the number of pictures. The distances from them
        were within 0.1 % of the full ones at the floor (two halves of 4,096 faces).
        """
        about = {
            "format": FORMAT,
            "protocol": self.protocol,
            "count": prepared.count,
            "size": prepared.size,
            "params": prepared.params.model_dump(mode="json"),
        }
        arrays = {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}
        for (draw, side), ranks in prepared.ranks.items():
            thinned = ranks.thinned(THINNED) if ranks.stride == 1 else ranks
            shares = np.rint(thinned.below.numpy() * (SHARES / ranks.total))
            arrays[f"{draw}/{side}"] = shares.astype("<u2").view(np.uint8)
        return arrays

    def restore(self, arrays: dict[str, np.ndarray]) -> RealPatches:
        """Return the real half of the work from what `export` gave.

        Fakes must then be as many as the real pictures were, or more. Raises UnusableError for
        arrays of another version.
        """
        try:
            about = parse_json(arrays["about"].tobytes(), "what the reference says of itself")
            if (about["format"], about["protocol"]) != (FORMAT, self.protocol):
                raise ValueError(f"format {about['format']} of {about['protocol']}")
            count, params = about["count"], SWDParams(**about["params"])
            total = count * params.patches
            if type(count) is not int or not 0 < total < 2**31:  # they are counted in int32
                raise ValueError(f"{params.patches} patches of {count} pictures")
            ranks = {}
            for draw in range(params.passes):
                for side in levels(about["size"]):
                    shares = arrays[f"{draw}/{side}"].view("<u2") * (total / SHARES)
                    below = torch.from_numpy(np.rint(shares).astype(np.int32))
                    ranks[draw, side] = Ranks(total, THINNED, below)
        except (AnimekitError, KeyError, TypeError, ValueError) as error:
            raise UnusableError(
                f"the real half of {self.name} cannot be read: {error}",
                "make it again from the real pictures",
                code="metric.reference",
            ) from None
        return RealPatches(count, about["size"], params, ranks, None)

    def compute(
        self,
        real: np.ndarray | Tensor | RealPatches,
        fake: np.ndarray | Tensor,
        labels: np.ndarray | None = None,
    ) -> dict[str, float]:
        """Return the distances; pictures are uint8 [N, 3, S, S] or [N, 1, S, S].

        Raises DataError for pictures of other shapes or of a side that does not halve evenly down
        to 16 px, and UnusableError (code "metric.undefined") where a set is flat: it then has no
        standard deviation to be divided by.
        """
        if not isinstance(real, RealPatches):
            pictures = square(real, "real")
            real = RealPatches(len(pictures), pictures.shape[2], self.params, {}, pictures)
        theirs = square(fake, "fake")
        if real.size != theirs.shape[2]:
            raise DataError(
                f"real pictures are {real.size} px and fake ones {theirs.shape[2]} px",
                f"make both of one size, as in --size {min(real.size, theirs.shape[2])}",
                code="metric.size",
            )
        sides = levels(real.size)
        count = min(real.count, len(theirs))
        ours, done = self._reals(real, count)
        theirs = subset(theirs, count, self.params.seed)
        meter = self._meter(count, sides, sets=1 if done else 2)
        with workers() as run:
            passes = [
                [self._level(ours, done, theirs, draw, side, run, meter) for side in sides]
                for draw in range(self.params.passes)
            ]
        return _summary(sides, 1000 * np.array(passes))

    def _reals(
        self, real: RealPatches, count: int
    ) -> tuple[np.ndarray | None, dict[tuple[int, int], Ranks]]:
        """Return so many real pictures, and what is done of them with the same parameters."""
        if count == real.count and real.params == self.params:
            return real.pictures, real.ranks
        if real.pictures is not None:
            return subset(real.pictures, count, self.params.seed), {}
        if real.params != self.params:
            raise UnusableError(
                f"the real half of {self.name} was made with other parameters: {real.params}",
                "use the same, or give the real pictures",
                code="metric.reference",
            )
        raise DataError(
            f"fake pictures: {count:,}, where the real half was made of {real.count:,}",
            f"the distance falls with their number: give as many, as in --num {real.count}",
            code="metric.count",
        )

    def _level(
        self,
        real: np.ndarray | None,
        done: dict[tuple[int, int], Ranks],
        fake: np.ndarray,
        draw: int,
        side: int,
        run: Map,
        meter: Meter,
    ) -> float:
        ours = done.get((draw, side))
        if ours is None:
            ours = self._ranks(real, REAL, draw, side, run, meter)
        return distance(ours, self._ranks(fake, FAKE, draw, side, run, meter), run)

    def _ranks(
        self, pictures: Any, stream: int, draw: int, side: int, run: Map, meter: Meter
    ) -> Ranks:
        places = self.places(stream, draw, side, len(pictures))
        try:
            patches = Patches.of(pictures, side, places, run)
        except UnusableError as error:
            which = "real" if stream == REAL else "fake"
            raise UnusableError(
                f"{which} pictures: {error.message}", error.hint, code=error.code
            ) from None
        return Ranks.of(patches, self.axes(draw, side), run, meter)

    def _meter(self, pictures: int, sides: list[int], sets: int) -> Meter:
        patches = pictures * self.params.patches
        return Meter(self.context.progress, patches * len(sides) * self.params.passes * sets)

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


def _summary(sides: list[int], passes: np.ndarray) -> dict[str, float]:
    names = [*(f"swd_{side}" for side in sides), "swd_avg"]
    table = np.column_stack([passes, passes.mean(1)])  # [passes, levels + 1]
    result = dict(zip(names, table.mean(0).tolist(), strict=True))
    if len(table) > 1:
        spread = table.std(0, ddof=1).tolist()
        result |= {f"{name}_sd": value for name, value in zip(names, spread, strict=True)}
    return result


def _bits(*key: int) -> np.random.Philox:
    return np.random.Philox(np.random.SeedSequence(key))


@hookimpl
def animekit_metrics() -> list[type[Metric]]:
    """Bring the metric in."""
    return [SWD]
