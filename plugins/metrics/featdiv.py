"""Variety of fakes as the mean distance of feature maps over pairs.

It is made like the diversity measured by LPIPS (Zhang et al., 2018), but by any network and
without weights learned from people's judgements, so it has a name of its own.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from animekit.evaluation.metric import Metric
from animekit.hookspecs import hookimpl

from ._features.shared import FeatureMetric, FeatureParams, square


class FeatDivParams(FeatureParams):
    """Which network, and how images are paired."""

    seed: int = Field(0, ge=0, description="seed of the random disjoint pairs")


class FeatDiv(FeatureMetric):
    """Mean distance of feature maps over pairs of fakes: how varied they are.

    Gives `featdiv_<extractor>` and its standard error over pairs, `featdiv_<extractor>_se`: N
    images make N // 2 random pairs. At each place of each map the features become a unit vector;
    the distance of a pair is half the squared difference (0 for equal, 1 for unlike ones) averaged
    over places and then over maps. Real images are not looked at: give them as `fake` to get the
    value to come near.
    """

    name = "featdiv"
    better = "real"
    uses_real: ClassVar[bool] = False
    fewest: ClassVar[int] = 4
    Params = FeatDivParams
    params: FeatDivParams

    def details(self) -> list[str]:
        """Return the pairing."""
        return ["random disjoint pairs", f"seed {self.params.seed}"]

    def compute(
        self, real: object, fake: np.ndarray | Tensor, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        """Return the mean over pairs of fakes, and its standard error.

        Fakes are uint8 [N, 3, S, S] or [N, 1, S, S], four or more. Raises UnusableError where
        the extractor gives no maps.
        """
        images = square(fake, "fake", self.least)
        bits = np.random.Philox(np.random.SeedSequence(self.params.seed))
        order = np.random.Generator(bits).permutation(len(images))
        values = self.distances(images[order[: len(images) // 2 * 2]])
        error = values.std(ddof=1) / np.sqrt(len(values))
        return {self.key(): float(values.mean()), f"{self.key()}_se": float(error)}

    def distances(self, images: np.ndarray) -> np.ndarray:
        """Return the distance of images (0, 1), (2, 3), ...: float64 [N // 2]."""
        maps_of = self.extractor.to_maps
        if maps_of is None:
            raise self.extractor.lacks("maps")

        def compare(pixels: Tensor) -> Tensor:
            maps = maps_of(pixels)
            return torch.stack([pair_distances(found) for found in maps]).mean(0)

        return self.extractor.over(images, compare, per=2, progress=self.context.progress)


def pair_distances(maps: Tensor) -> Tensor:
    """Return the distance of rows (0, 1), (2, 3), ... of maps: float64 [N // 2].

    Maps are [N, C, h, w].

    >>> across, down = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 3.0])
    >>> pair_distances(torch.stack([across, down, down, down]).view(4, 2, 1, 1)).tolist()
    [1.0, 0.0]
    """
    units = normalize(maps.double(), dim=1)
    return (units[0::2] - units[1::2]).square().sum(1).mean((1, 2)) / 2


@hookimpl
def animekit_metrics() -> list[type[Metric]]:
    """Bring the metric in."""
    return [FeatDiv]
