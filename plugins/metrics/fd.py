"""Fréchet distance between the features of two sets of pictures (Heusel et al., 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from animekit.evaluation.metric import Metric
from animekit.hookspecs import hookimpl
from animekit.models.features import single_threads

from ._features.shared import FeatureDistance, to_bytes, to_text


@dataclass(frozen=True)
class Gaussian:
    """Mean and covariance of features, in float64: 8 D (D + 1) bytes."""

    mean: Tensor  # [D]
    covariance: Tensor  # [D, D], divided by count - 1
    count: int
    extractor: str

    @cached_property
    def root(self) -> Tensor:
        """A matrix R [D, D] with R^T R the covariance."""
        values, vectors = torch.linalg.eigh(self.covariance)
        return values.clamp(min=0).sqrt()[:, None] * vectors.T


class FD(FeatureDistance[Gaussian]):
    """Fréchet distance of features between reals and fakes; FID on Inception.

    Gives `fd_<extractor>`, and `fid` where the extractor is the FID's own Inception. Each set is
    taken for a Gaussian. The distance of two halves of one set is far above 0 and falls with n,
    so it is comparable at equal n only; with fewer images than features nearly all of it is that
    bias, and a warning says so.
    """

    name = "fd"
    better = "lower"
    known_as: ClassVar[str] = "fid"
    kept: ClassVar[type] = Gaussian

    def keep(self, features: np.ndarray) -> Gaussian:
        """Return mean and covariance of the real images' features."""
        return gaussian(features, self.extractor.identity)

    def export(self, prepared: Gaussian) -> dict[str, np.ndarray]:
        """Return mean and covariance: 0.5 MB for 256 features, 34 MB for 2,048."""
        return {
            "mean": prepared.mean.numpy(),
            "covariance": prepared.covariance.numpy(),
            "count": np.array(prepared.count),
            "extractor": to_bytes(prepared.extractor),
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> Gaussian:
        """Return what `prepare` returned."""
        return Gaussian(
            torch.from_numpy(np.array(arrays["mean"], np.float64)),
            torch.from_numpy(np.array(arrays["covariance"], np.float64)),
            int(arrays["count"]),
            to_text(arrays["extractor"]),
        )

    def compute(
        self, real: Any, fake: np.ndarray | Tensor, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        """Return the distance of two or more images each.

        Pictures are uint8 [N, 3, S, S] or [N, 1, S, S]; `real` may be what `prepare` returned.
        """
        ours, features = self.both(real, fake)
        theirs = gaussian(features, ours.extractor)
        for which, fitted in (("real", ours), ("fake", theirs)):
            if fitted.count < len(fitted.mean) + 1:
                self.context.warn(
                    f"{self.key()}: {fitted.count:,} {which} images for {len(fitted.mean):,}"
                    " features: nearly all of the distance is bias, kd has none"
                )
        value = distance(ours, theirs)
        self.context.progress(1.0)
        return {self.key(): value}


def gaussian(features: np.ndarray, extractor: str = "") -> Gaussian:
    """Return mean and covariance of features [N, D]."""

    def work() -> Gaussian:
        rows = torch.from_numpy(features).double()
        mean = rows.mean(0)
        rows -= mean
        return Gaussian(mean, rows.T @ rows / (len(rows) - 1), len(rows), extractor)

    with single_threads() as pool:
        return pool.submit(work).result()


def distance(first: Gaussian, second: Gaussian) -> float:
    """Return |m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2)), never below 0.

    The trace of the root is the sum of singular values of R1 R2^T. It is exact too where a
    covariance has no full rank, as with fewer images than features.
    """

    def work() -> float:
        shift = (first.mean - second.mean).square().sum()
        spread = first.covariance.trace() + second.covariance.trace()
        shared = torch.linalg.svdvals(first.root @ second.root.T).sum()
        return max(0.0, float(shift + spread - 2 * shared))

    with single_threads() as pool:
        return pool.submit(work).result()


@hookimpl
def animekit_metrics() -> list[type[Metric]]:
    """Bring the metric in."""
    return [FD]
