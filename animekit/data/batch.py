"""Batch: the images of one step, and what goes with them."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


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
