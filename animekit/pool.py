"""A pool of older fakes, so that a discriminator does not forget what it has seen."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from animekit.model import ImageSpec


class ImagePool(nn.Module):
    """Up to `size` older images, which half of the answers are (Shrivastava, 2017).

    The images are buffers, of one byte a number as in a file, so that a checkpoint holds them and a
    resumed run goes on with the same ones. A pool of size 0 returns what it is given.
    """

    images: Tensor
    filled: Tensor

    def __init__(self, size: int, spec: ImageSpec) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.zeros(size, *spec.shape, dtype=torch.uint8))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def exchange(self, images: Tensor) -> Tensor:
        """Return each image or an older one in its place, [N, C, S, S] in [-1, 1].

        While the pool fills up, each image is kept and returned. After that, every second one at
        random takes the place of an older one, which is returned. No value is read on the host, so
        that a GPU does not wait.
        """
        if not self.size:
            return images
        count, device = len(images), images.device
        old = torch.randint(self.size, (count,), device=device)
        swap = torch.rand(count, device=device) < 0.5
        found = []
        for index, image in enumerate(images):
            full = self.filled >= self.size
            place = torch.where(full, old[index], self.filled).clamp(max=self.size - 1)
            kept = self.images[place]
            swapped = full & swap[index]
            found.append(torch.where(swapped, _to_image(kept).to(image.dtype), image))
            self.images[place] = torch.where(swapped | ~full, _to_bytes(image), kept)
            self.filled += (~full).to(torch.int64)
        return torch.stack(found)


def _to_bytes(image: Tensor) -> Tensor:
    return (image.float().clamp(-1, 1) + 1).mul(127.5).round().to(torch.uint8)


def _to_image(pixels: Tensor) -> Tensor:
    return pixels.float() / 127.5 - 1
