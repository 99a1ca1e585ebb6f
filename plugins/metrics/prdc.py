"""Precision, recall, density and coverage of features.

Precision and recall are those of Kynkäänniemi et al. (2019), density and coverage of Naeem et al.
(2020), whose protocol is followed: the k-th neighbour without the image itself, strictly nearer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from animekit.errors import UnusableError
from animekit.evaluation.metric import Metric
from animekit.hookspecs import hookimpl
from animekit.models.features import single_threads

from ._features.shared import FeatureParams, RealFeaturesMetric

BLOCK = 1 << 21  # distances that are in memory together, 16 MB in float64
SAME = 1e-13  # of the squared lengths: float64 cannot tell a smaller squared distance from 0
TIE = 1e-12  # of the squared radius: rounding must not decide between two equal distances


class PRDCParams(FeatureParams):
    """Which network, and how far a neighbourhood reaches."""

    k: int = Field(5, ge=1, description="the k-th nearest image of its own set bounds an image")


class PRDC(RealFeaturesMetric):
    """Precision, recall, density, coverage of fakes among real features.

    An image's neighbourhood reaches to its k-th nearest image of the same set. `precision` is the
    share of fakes within a real neighbourhood, `recall` of reals within a fake one, `density` how
    many real ones a fake lies in, over k (it may pass 1), `coverage` the share of real
    neighbourhoods that hold a fake; each name ends in the extractor's. Sets of other sizes give
    other values: compare at equal n.
    """

    name = "prdc"
    better = "higher"
    Params = PRDCParams
    params: PRDCParams

    @property
    def least(self) -> int:
        """Number of images that a set must have: one more than neighbours."""
        return self.params.k + 1

    def details(self) -> list[str]:
        """Return the neighbourhood."""
        return [f"k {self.params.k}, strictly nearer"]

    def among(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Return the squared distance of each real image to its k-th neighbour, and k."""
        return {"radii": radii(features, self.params.k), "k": np.array(self.params.k)}

    def compute(
        self, real: Any, fake: np.ndarray | Tensor, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        """Return the four shares, of more than k images each.

        Pictures are uint8 [N, 3, S, S] or [N, 1, S, S]; `real` may be what `prepare` returned.
        Raises UnusableError (code "metric.undefined") where all real features are the same.
        """
        ours, theirs = self.both(real, fake)
        reach = ours.found["radii"]
        if ours.found["k"] != self.params.k:
            reach = radii(ours.values, self.params.k)
        if not reach.any():
            raise UnusableError(
                f"real pictures: each of the {len(reach):,} has {self.params.k} others with its"
                " features, so that no neighbourhood reaches anywhere",
                "give real pictures that are not copies of each other",
                code="metric.undefined",
            )
        others = radii(theirs, self.params.k)
        for which, own in (("real", reach), ("fake", others)):
            if empty := int((own == 0).sum()):
                self.context.warn(
                    f"prdc: {empty:,} of {len(own):,} {which} images have {self.params.k} others"
                    " with the same features, so nothing is strictly nearer"
                )
        shares = neighbourhoods(ours.values, theirs, reach, others, self.params.k)
        self.context.progress(1.0)
        return {self.key(stem): value for stem, value in shares.items()}


def radii(features: np.ndarray, k: int) -> np.ndarray:
    """Return each row's squared distance to its k-th nearest other: float64 [N]."""
    rows = torch.from_numpy(features).double()
    rows = rows - rows.mean(0)  # short vectors: less is lost where lengths are subtracted
    step = max(1, BLOCK // len(rows))

    def work(start: int) -> np.ndarray:
        squares = _squares(rows[start : start + step], rows).numpy()
        own = np.arange(len(squares))
        squares[own, start + own] = np.inf
        squares.partition(k - 1, axis=1)
        return squares[:, k - 1].copy()  # a view would keep the whole block in memory

    with single_threads() as pool:
        return np.concatenate(list(pool.map(work, range(0, len(rows), step))))


def neighbourhoods(
    real: np.ndarray, fake: np.ndarray, reach: np.ndarray, others: np.ndarray, k: int
) -> dict[str, float]:
    """Return precision, recall, density and coverage of features [N, D] and [M, D].

    `reach` and `others` are the squared radii of the real and the fake rows.
    """
    first, second = torch.from_numpy(real).double(), torch.from_numpy(fake).double()
    middle = first.mean(0)
    first, second = first - middle, second - middle
    inner, outer = (torch.from_numpy(own * (1 - TIE)) for own in (reach, others))
    step = max(1, BLOCK // len(second))

    def work(start: int) -> tuple[Tensor, int, int]:
        squares = _squares(first[start : start + step], second)  # [rows, M]
        held = squares < inner[start : start + step, None]  # fakes in each real neighbourhood
        recalled = (squares < outer).any(1)
        return held.sum(0), int(recalled.sum()), int(held.any(1).sum())

    with single_threads() as pool:
        parts = list(pool.map(work, range(0, len(first), step)))
    times = torch.stack([part[0] for part in parts]).sum(0)  # [M] real neighbourhoods of each fake
    return {
        "precision": float((times > 0).sum()) / len(second),
        "recall": sum(part[1] for part in parts) / len(first),
        "density": float(times.sum()) / (k * len(second)),
        "coverage": sum(part[2] for part in parts) / len(first),
    }


def _squares(x: Tensor, y: Tensor) -> Tensor:
    lengths = x.square().sum(1)[:, None] + y.square().sum(1)  # [rows, M]
    squares = torch.addmm(lengths, x, y.T, alpha=-2)
    return squares.masked_fill_(squares <= SAME * lengths, 0)


@hookimpl
def animekit_metrics() -> list[type[Metric]]:
    """Bring the metric in."""
    return [PRDC]
