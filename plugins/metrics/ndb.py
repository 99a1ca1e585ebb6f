"""Number of statistically different bins (Richardson and Weiss, 2018, "On GANs and GMMs").

Real pictures are divided into bins by k-means; a bin differs where the share of the fakes that
fall into it is not the share of the real ones, by the two-proportion z-test.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from animekit.config import Params
from animekit.errors import DataError
from animekit.evaluation.metric import Exhibit, Metric
from animekit.hookspecs import hookimpl

from ._bins import FEWEST_IN_BIN, by_content, divide, nearest
from ._common import checked, workers
from ._reduced import reduced
from ._sheet import SheetRow, sheet

REAL_IN_BIN = 20  # real pictures a bin, on the average: below, the z-test sees next to nothing
GONE = 0.25  # of the real share: a bin where fakes have less is a mode that is lost
LEAST_SCALE = 1.0  # grey level: a cell that hardly varies is not blown up to unit variance
SHOWN_BINS, SHOWN_PICTURES = 5, 5


class NDBParams(Params):
    """How the real pictures are divided, and when a bin differs."""

    bins: int = Field(
        100, ge=2, description=f"bins; fewer where there are under {REAL_IN_BIN} real pictures each"
    )
    seed: int = Field(0, ge=0, description="seed of the bins")
    side: int = Field(16, ge=1, le=64, description="px that pictures are averaged down to")
    level: float = Field(0.05, gt=0, lt=1, description="significance level of the test of a bin")


@dataclass(frozen=True)
class Bins:
    """Real pictures as bins: all that `compute` needs of them."""

    mean: Tensor  # [3, side, side] float32, of the real pictures made small
    scale: Tensor  # [3, side, side] float32, their standard deviation
    centres: Tensor  # [K, 3 * side * side] float32 of float16 precision, whitened
    counts: np.ndarray  # [K] int64, real pictures in each bin


@dataclass(frozen=True)
class BinTest:
    """The two-proportion z-test of every bin."""

    real: np.ndarray  # [K] shares
    fake: np.ndarray
    z: np.ndarray  # above 0 where the fakes have too few
    differs: np.ndarray  # [K] bool


class NDB(Metric):
    """Share of bins of real pictures that fakes fill otherwise (2018).

    Pictures are averaged down to side x side RGB and each value is divided by the standard
    deviation of the real pictures there (the whitening that the paper gives as an option, without
    its random choice of values). The real pictures are divided by k-means from a k-means++ start;
    bins of fewer than 5 are given up and the largest ones split instead. Fakes go to the nearest
    centre. All pictures of both sets are used; they may be of different number.

    Gives `ndb`, the share of bins (0 to 1) that differ by the z-test with the pooled standard
    error, at 5 % if not told otherwise, so that two halves of one set get about 0.05; `ndb_js`,
    the Jensen-Shannon divergence of the two histograms in nats (0 to 0.693); and `ndb_lost`, the
    share of real pictures in bins that differ and where fakes have less than a quarter of the
    real share: modes that are gone. The test finds more with more pictures: compare `ndb` at
    equal numbers only; `ndb_lost` depends on them much less.

    Measured with 2,000 faces at 64 px: other real faces have an `ndb` of 0.02 to 0.05, the bundled
    generators 0.1 to 0.25 with an `ndb_lost` of 0.01 to 0.05, copies of 8 pictures 1.0 and 0.9.

    Colours and layout are seen, not detail: a blurred set passes. The numbers depend on the seed
    and on the two sets, not on the order of the pictures nor on threads.
    """

    name = "ndb"
    better = "lower"
    protocol: ClassVar[str] = "ndb/richardson2018"
    fewest: ClassVar[int] = 10 * REAL_IN_BIN
    Params = NDBParams
    params: NDBParams

    def definition(self, count: int) -> str:
        """Return the line that fixes the numbers, with the number of bins."""
        text = super().definition(count)
        return text.replace(f"bins {self.params.bins}", f"bins {self._bins(count)}", 1)

    def _bins(self, count: int) -> int:
        return min(self.params.bins, count // REAL_IN_BIN)

    def prepare(self, real: np.ndarray | Tensor) -> Bins:
        """Divide the real pictures into bins.

        Raises DataError for other pictures than uint8 [N, 3, H, W] or [N, 1, H, W], for fewer
        than 40, and where too few of them are different.
        """
        pictures = checked(real, "real", least=2 * REAL_IN_BIN)
        pictures = pictures[by_content(pictures)]
        with workers() as run:
            small = reduced(pictures, self.params.side, run)
            mean = small.double().mean(0).float()
            scale = small.double().std(0, correction=0).float().clamp(min=LEAST_SCALE)
            points = ((small - mean) / scale).flatten(1)
            centres, members = divide(
                points, self._bins(len(points)), self.params.seed, run, self.context.progress
            )
        if len(centres) < 2:
            raise DataError(
                f"real pictures: too few of the {len(pictures):,} are different to make two bins"
                f" of {FEWEST_IN_BIN}",
                "give real pictures that are not copies of each other",
                code="metric.undefined",
            )
        return Bins(mean, scale, centres, np.bincount(members, minlength=len(centres)))

    def export(self, prepared: Bins) -> dict[str, np.ndarray]:
        """Return the bins as arrays: means of at least five pictures, side px wide.

        A bin of pictures that are nearly the same has a mean that looks like them, and small: who
        must not pass on 16 px of any real picture should not pass on these arrays.
        """
        return {
            "mean": prepared.mean.numpy(),
            "scale": prepared.scale.numpy(),
            "centres": prepared.centres.half().numpy(),
            "counts": prepared.counts.astype(np.int32),
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> Bins:
        """Return the bins that `export` gave as arrays; they give the very same numbers."""
        mean, scale, centres = (
            torch.from_numpy(arrays[name].astype(np.float32))
            for name in ("mean", "scale", "centres")
        )
        return Bins(mean, scale, centres, arrays["counts"].astype(np.int64))

    def compute(
        self, real: np.ndarray | Tensor | Bins, fake: np.ndarray | Tensor, labels: object = None
    ) -> dict[str, float]:
        """Return `ndb`, `ndb_js` and `ndb_lost`; pictures are uint8 [N, 3, H, W].

        The two sets may be of different size in pixels too: both are made small first.
        """
        bins = real if isinstance(real, Bins) else self.prepare(real)
        test = self._test(bins, self._members(bins, checked(fake, "fake", least=2)))
        gone = test.differs & (test.fake < GONE * test.real)
        return {
            "ndb": float(test.differs.mean()),
            "ndb_js": jensen_shannon(test.real, test.fake),
            "ndb_lost": float(test.real[gone].sum()),
        }

    def _points(self, bins: Bins, pictures: np.ndarray) -> Tensor:
        with workers() as run:
            small = reduced(pictures, bins.mean.shape[-1], run)
        return ((small - bins.mean) / bins.scale).flatten(1)

    def _members(self, bins: Bins, pictures: np.ndarray) -> np.ndarray:
        points = self._points(bins, pictures)
        with workers() as run:
            return nearest(points, bins.centres, run)

    def _test(self, bins: Bins, members: np.ndarray) -> BinTest:
        fakes = np.bincount(members, minlength=len(bins.counts))
        return proportions(bins.counts, fakes, self.params.level)

    def illustrate(
        self, real: np.ndarray, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> list[Exhibit]:
        """Return the bins that differ most, as real pictures beside fakes."""
        real, fake = checked(real, "real"), checked(fake, "fake")
        bins = self.prepare(real)
        members = self._members(bins, fake)
        test = self._test(bins, members)
        order = np.argsort(-test.z, kind="stable")
        lost = [k for k in order[:SHOWN_BINS] if test.differs[k] and test.z[k] > 0]
        crowded = [k for k in order[::-1][:SHOWN_BINS] if test.differs[k] and test.z[k] < 0]
        if not lost and not crowded:
            return []
        sets = [
            (real, self._points(bins, real), self._members(bins, real)),
            (fake, self._points(bins, fake), members),
        ]
        rows = []
        for k in [*lost, *crowded]:
            text = (
                f"{'too few' if test.z[k] > 0 else 'too many'} fakes: {100 * test.real[k]:.1f} %"
                f" of real | {100 * test.fake[k]:.1f} % of fake (z {test.z[k]:+.1f})"
            )
            groups = [
                pictures[_typical(points, bins.centres[k], inside != k)]
                for pictures, points, inside in sets
            ]
            rows.append(SheetRow(text, groups, [None, None]))
        caption = (
            f"bins that fakes fill too little ({len(lost)} rows) and too much ({len(crowded)});"
            " left real pictures of the bin, right fakes of the bin or, where there are none, the"
            f" fakes nearest to it; {int(test.differs.sum())} of {len(test.z)} bins differ"
        )
        table = {
            "bin": order.tolist(),
            "real_share": test.real[order].tolist(),
            "fake_share": test.fake[order].tolist(),
            "z": test.z[order].tolist(),
            "differs": test.differs[order].tolist(),
        }
        return [Exhibit("bins", caption, sheet(rows), table)]


def proportions(real: np.ndarray, fake: np.ndarray, level: float) -> BinTest:
    """Test every bin's counts of two sets: is its share of the one that of the other.

    >>> test = proportions(np.array([50, 50]), np.array([30, 70]), 0.05)
    >>> test.z.round(3).tolist(), test.differs.tolist()
    ([2.887, -2.887], [True, True])
    """
    total_real, total_fake = real.sum(), fake.sum()
    first, second = real / total_real, fake / total_fake
    pooled = (real + fake) / (total_real + total_fake)
    error = np.sqrt(pooled * (1 - pooled) * (1 / total_real + 1 / total_fake))
    z = np.divide(first - second, error, out=np.zeros(len(real)), where=error > 0)
    return BinTest(first, second, z, np.abs(z) > NormalDist().inv_cdf(1 - level / 2))


def jensen_shannon(first: np.ndarray, second: np.ndarray) -> float:
    """Return the Jensen-Shannon divergence of two histograms, in nats.

    >>> round(jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])), 6)
    0.693147
    """
    middle = (first + second) / 2
    logs = [
        share * np.log(np.divide(share, middle, out=np.ones(len(share)), where=share > 0))
        for share in (first, second)
    ]
    return float(max(0.0, sum(values.sum() for values in logs) / 2))


def _typical(points: Tensor, centre: Tensor, outside: np.ndarray) -> np.ndarray:
    """Return the points nearest to a centre: those of its bin, then others if they are few."""
    distances = (points - centre).square().sum(1).numpy()
    return np.lexsort((distances, outside))[:SHOWN_PICTURES]


@hookimpl
def animekit_metrics() -> list[type[Metric]]:
    """Bring the metric in."""
    return [NDB]
