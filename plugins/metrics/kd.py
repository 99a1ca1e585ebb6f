"""Kernel distance between the features of two sets of pictures (Binkowski et al., 2018)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from animekit.evaluation.metric import Metric
from animekit.hookspecs import hookimpl
from animekit.models.features import single_threads

from ._features.shared import FeatureParams, RealFeaturesMetric

SCALE = 1000.0
DEGREE = 3
BLOCK = 1 << 21  # entries of a kernel matrix that are in memory together, 16 MB


class KDParams(FeatureParams):
    """Which network, and how the spread over subsets is drawn."""

    seed: int = Field(0, ge=0, description="seed of the subsets")
    subsets: int = Field(100, ge=2, description="number of random subsets for the spread")
    subset_size: int = Field(1000, ge=2, description="images in a subset, at most the smaller set")


class KD(RealFeaturesMetric):
    """Kernel distance of features between reals and fakes, x1000; KID on Inception.

    Gives `kd_<extractor>`, the unbiased squared distance over all images under the kernel
    (x.y / D + 1)^3, and over random subsets `kd_<extractor>_subsets`, the mean that other tools
    report, with its standard deviation. That is no error of the full value, since subsets overlap;
    both are left out where a subset would be all. On the FID's own Inception the names begin with
    `kid`. Two halves of one set differ by 0 on average, so a value may be negative.
    """

    name = "kd"
    better = "lower"
    known_as: ClassVar[str] = "kid"
    Params = KDParams
    params: KDParams

    def details(self) -> list[str]:
        """Return the scale, the kernel and the subsets."""
        p = self.params
        subsets = f"{p.subsets} subsets of {p.subset_size:,} or all"
        return ["x1000", "kernel (x.y/D + 1)^3, unbiased", subsets, f"seed {p.seed}"]

    def among(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Return the mean kernel between two of the real images."""
        return {"within": np.array(_mean_kernel(features))}

    def compute(
        self, real: Any, fake: np.ndarray | Tensor, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        """Return the distance of two or more images each.

        Pictures are uint8 [N, 3, S, S] or [N, 1, S, S]; `real` may be what `prepare` returned.
        """
        ours, theirs = self.both(real, fake)
        value = (
            float(ours.found["within"])
            + _mean_kernel(theirs)
            - 2 * _mean_kernel(ours.values, theirs)
        )
        result = {self.key(): SCALE * value}
        size = min(self.params.subset_size, len(ours.values), len(theirs))
        if size < max(len(ours.values), len(theirs)):
            values = SCALE * self._over_subsets(ours.values, theirs, size)
            result[f"{self.key()}_subsets"] = float(values.mean())
            result[f"{self.key()}_subsets_sd"] = float(values.std())
        self.context.progress(1.0)
        return result

    def _over_subsets(self, real: np.ndarray, fake: np.ndarray, size: int) -> np.ndarray:
        def work(number: int) -> float:
            bits = np.random.Philox(np.random.SeedSequence((self.params.seed, number)))
            random = np.random.Generator(bits)
            x, y = (
                torch.from_numpy(values[random.permutation(len(values))[:size]]).double()
                for values in (real, fake)
            )
            return _unbiased(x) + _unbiased(y) - 2 * _sum(x, y) / size**2

        with single_threads() as pool:
            return np.array(list(pool.map(work, range(self.params.subsets))))


def squared_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Return the unbiased squared distance of features [N, D] and [M, D], not scaled."""
    return _mean_kernel(real) + _mean_kernel(fake) - 2 * _mean_kernel(real, fake)


def _mean_kernel(x: np.ndarray, y: np.ndarray | None = None) -> float:
    """Return the mean kernel over pairs from x and y, or over pairs of two different rows of x."""
    first = torch.from_numpy(x).double()
    second = first if y is None else torch.from_numpy(y).double()
    rows = max(1, BLOCK // len(second))

    def work(start: int) -> float:
        return _sum(first[start : start + rows], second)

    with single_threads() as pool:
        total = sum(pool.map(work, range(0, len(first), rows)))
        if y is not None:
            return total / (len(first) * len(second))
        own = pool.submit(_diagonal, first).result()
    return (total - own) / (len(first) * (len(first) - 1))


def _sum(x: Tensor, y: Tensor) -> float:
    return float((x @ y.T).div_(x.shape[1]).add_(1).pow_(DEGREE).sum())


def _diagonal(x: Tensor) -> float:
    return float((x.square().mean(1) + 1).pow(DEGREE).sum())


def _unbiased(x: Tensor) -> float:
    return (_sum(x, x) - _diagonal(x)) / (len(x) * (len(x) - 1))


@hookimpl
def animekit_metrics() -> list[type[Metric]]:
    """Bring the metric in."""
    return [KD]
