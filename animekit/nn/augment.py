"""Differentiable augmentation: changes at random to all that a discriminator sees.

After Zhao et al., 2020. Real and fake images go through the same functions, so that the
discriminator cannot learn the few real ones by heart, and the generator learns through the changes:
each is differentiable. Images are [N, C, H, W] in [-1, 1], 0 is grey; an image's own draws decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from animekit.engines import whole

Kind = Literal["color", "translation", "cutout"]

ADAPT_EVERY = 4  # steps between two looks at the discriminator (Karras et al., 2020)
ADAPT_IMAGES = 100_000  # real images in which the strength can go from 0 to 1


def _draw(images: Tensor, *shape: int) -> Tensor:
    """Return uniform numbers in [0, 1) for each image: [N, *shape]."""
    return torch.rand(len(images), *shape, device=images.device, dtype=images.dtype)


def color(images: Tensor) -> Tensor:
    """Return images with another brightness, saturation and contrast.

    Brightness moves by up to 1/2; saturation is 0 to 2 times, contrast 1/2 to 3/2 times as large.
    """
    images = images + _draw(images, 1, 1, 1) - 0.5
    grey = images.mean(1, keepdim=True)
    images = torch.lerp(grey, images, 2 * _draw(images, 1, 1, 1))
    mean = images.mean((1, 2, 3), keepdim=True)
    return torch.lerp(mean, images, 0.5 + _draw(images, 1, 1, 1))


def translation(images: Tensor, share: float = 1 / 8) -> Tensor:
    """Return images moved by up to a share of their side; what comes in is grey."""
    n, _, height, width = images.shape
    for axis, side in ((2, height), (3, width)):
        reach = int(share * side + 0.5)
        shift = torch.floor(_draw(images, 1) * (2 * reach + 1)).long() - reach
        places = torch.arange(side, device=images.device) + shift  # [N, side]
        inside = ((places >= 0) & (places < side)).to(images.dtype)
        view = (n, 1, side, 1) if axis == 2 else (n, 1, 1, side)
        rows = places.clamp(0, side - 1).view(view).expand_as(images)
        images = images.gather(axis, rows) * inside.view(view)
    return images


def cutout(images: Tensor, share: float = 1 / 2) -> Tensor:
    """Return images with a grey square of a share of their side, wherever it falls."""
    keep = torch.ones(len(images), 1, 1, 1, device=images.device, dtype=images.dtype)
    inside = []
    for axis, side in ((2, images.shape[2]), (3, images.shape[3])):
        length = int(share * side + 0.5)
        first = torch.floor(_draw(images, 1) * (side + (1 - length % 2))) - length // 2
        places = torch.arange(side, device=images.device, dtype=images.dtype)
        hit = (places >= first) & (places < first + length)
        inside.append(hit.view(-1, 1, side, 1) if axis == 2 else hit.view(-1, 1, 1, side))
    return images * (keep - (inside[0] & inside[1]).to(images.dtype))


AUGMENTATIONS: dict[Kind, Callable[[Tensor], Tensor]] = {
    "color": color,
    "translation": translation,
    "cutout": cutout,
}
KINDS = tuple(AUGMENTATIONS)
"""In the order in which they are done."""


class Augmentation(nn.Module):
    """Some kinds of change, each on a share of the images; without a kind, nothing.

    With a `target` the share follows the discriminator: it grows while more pairs of a real and a
    fake image are told apart than that, else it falls. The share is then part of the state dict.
    """

    strength: Tensor

    def __init__(
        self, kinds: Sequence[Kind], strength: float = 1.0, target: float | None = None
    ) -> None:
        super().__init__()
        self.kinds, self.target = tuple(kinds), target
        self.everywhere = target is None and strength == 1
        self.register_buffer("strength", torch.tensor(strength), persistent=self.adapts)

    @property
    def adapts(self) -> bool:
        """Whether the share follows the discriminator."""
        return bool(self.kinds) and self.target is not None

    def forward(self, images: Tensor) -> Tensor:
        """Return what the discriminator sees of images [N, C, H, W]."""
        for kind in self.kinds:
            changed = AUGMENTATIONS[kind](images)
            if not self.everywhere:
                reached = _draw(images, 1, 1, 1) < self.strength
                changed = torch.where(reached, changed, images)
            images = changed
        return images

    @torch.no_grad()
    def adapt(self, real: Tensor, fake: Tensor) -> None:
        """Take a step of the share, by logits [N] of both, every `ADAPT_EVERY` steps.

        The heuristic of Karras et al., 2020, is the mean sign of D(real). Here it is that of
        D(real) - D(fake) over all pairs, which needs no logit that stands for "undecided".
        """
        assert self.target is not None
        real, fake = whole.rows(real), whole.rows(fake)
        told = (real[:, None] - fake[None]).sign().mean()
        pace = ADAPT_EVERY * len(real) / ADAPT_IMAGES
        self.strength.add_((told - self.target).sign().to(self.strength), alpha=pace).clamp_(0, 1)
