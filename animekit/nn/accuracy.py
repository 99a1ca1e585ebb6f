"""Which share of real and of fake images a discriminator puts on the right side.

Every function takes logits of real and of fake images, float of any shape, and returns two scalars
in [0, 1]. What stands on the boundary counts half: who cannot tell is right half of the time.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from animekit.engines import whole

Accuracy = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def by_sign(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return the shares of real above 0 and of fake below it.

    >>> [x.item() for x in by_sign(torch.tensor([2.0, -1.0]), torch.tensor([-1.0, -3.0]))]
    [0.5, 1.0]
    """
    return _above(real), _above(-fake)


def by_median(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return the same beside the median of all: the logits of a critic have no 0.

    The Wasserstein objectives do not change when a constant is added to all logits.

    >>> [x.item() for x in by_median(torch.tensor([9.0, 7.0]), torch.tensor([8.0, 5.0]))]
    [0.5, 0.5]
    """
    both = torch.cat([*map(torch.flatten, map(whole.rows, (real, fake)))]).float()
    middle = both.sort().values[[(len(both) - 1) // 2, len(both) // 2]].mean()
    return by_sign(real - middle, fake - middle)


def by_pairs(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return twice the share of pairs whose real image is above the fake one.

    Relativistic objectives judge pairs alone: one that is right is right on both sides.

    >>> [x.item() for x in by_pairs(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 3.0]))]
    [0.5, 0.5]
    """
    share = _above(real - fake)
    return share, share


BY_OBJECTIVE: dict[str, Accuracy] = {
    "gan": by_sign,
    "hinge": by_sign,
    "wasserstein": by_median,
    "difference": by_median,
    "relativistic": by_pairs,
}
"""How the objectives are measured that a parameter names."""


def _above(values: Tensor) -> Tensor:
    return values.float().sign().mean().mul(0.5).add(0.5)
