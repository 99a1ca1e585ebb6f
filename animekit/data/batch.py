"""Batch: the images of one step, and what goes with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from torch import Tensor

ROWS = ("images", "labels", "z", "mask", "others")
"""What a batch has a row of for each image, before a model has seen it."""


@dataclass
class Batch:
    """One batch: images [N, C, H, W] in [-1, 1], labels [N, L], noise z.

    `others` are images of the second domain where the data are two unpaired sets.

    `target` [N, L] is what fakes are asked to be in this step. In the batch of fakes that an
    objective sees, `labels` are what those were asked to be, which may be past ones.
    """

    images: Tensor
    labels: Tensor | None = None
    z: Tensor | None = None
    mask: Tensor | None = None  # [N, L], 1 where the label is known
    target: Tensor | None = None
    fake: Tensor | None = None  # [N, C, H, W], drawn once a step, with a graph if "g" is due
    others: Tensor | None = None  # [N, C, H, W]
    progress: Tensor | None = None  # (), share of the training that is over; None: not known
    step: int = 0  # which one it is, counted from 1 in updates of the phases that see it
    kept: dict[str, Tensor] = field(default_factory=dict)  # what else prepare() keeps for phases
    scores: Tensor | None = None  # what D says of the images, kept to be measured

    def scored(self, scores: Tensor) -> Tensor:
        """Return what a discriminator says of the images, and keep it to be measured.

        The share of its right answers is reported. Larger must mean more like real ones. A model
        whose objective keeps none is asked again.
        """
        self.scores = scores.detach()
        return scores

    def each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """Return a batch of the rows as `change` makes them, which no model has seen yet."""
        named = {name: getattr(self, name) for name in ROWS}
        own = {name: change(value) for name, value in named.items() if value is not None}
        return replace(self, **own, kept={})  # type: ignore[arg-type]

    def double(self) -> Batch:
        """Return a batch of the rows with floats in float64."""
        return self.each(lambda x: x.double() if x.is_floating_point() else x)

    def parts(self, count: int) -> list[Batch]:
        """Return so many batches of equally many rows, one after the other."""
        rows = len(self.images) // count
        starts = range(0, rows * count, rows)
        return [self.each(lambda x, at=at: x[at : at + rows]) for at in starts]  # type: ignore[misc]
