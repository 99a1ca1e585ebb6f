"""A pool of older fakes, so that a discriminator does not forget what it has seen."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from animekit.data.spec import ImageSpec
from animekit.engines import whole
from animekit.engines.parts import at_once
from animekit.nn.layers import full_precision


class ImagePool(nn.Module):
    """Up to `size` older images, which half of the answers are (Shrivastava, 2017).

    The images are buffers, of one byte a number as in a file, so that a checkpoint holds them and a
    resumed run goes on with the same ones. A pool of size 0 returns what it is given.
    """

    images: Tensor
    filled: Tensor
    sees_all = True  # of a batch at once

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
        (found,) = at_once([images], self._exchange)
        return found

    @torch.no_grad()
    def _exchange(self, rows: list[Tensor]) -> list[Tensor]:
        (images,) = rows
        count, device = len(images), images.device
        with whole.together():
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
        return [torch.stack(found)]


def _to_bytes(image: Tensor) -> Tensor:
    return (full_precision(image).clamp(-1, 1) + 1).mul(127.5).round().to(torch.uint8)


def _to_image(pixels: Tensor) -> Tensor:
    return pixels.float() / 127.5 - 1


class Replay(nn.Module):
    """A memory of up to `size` fakes with their labels, all of it in buffers.

    A share of the fakes of each batch is kept back, and as many old ones take their places: each
    fake is shown now or later. A full memory forgets at random. Images are kept in 8 bits, as real
    ones are.
    """

    images: Tensor
    labels: Tensor
    filled: Tensor
    sees_all = True  # of a batch at once

    def __init__(self, size: int, share: float, spec: ImageSpec) -> None:
        super().__init__()
        self.size, self.share = size, share
        self.register_buffer("images", torch.zeros((size, *spec.shape), dtype=torch.uint8))
        self.register_buffer("labels", torch.zeros(size, len(spec.labels)))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def exchange(self, images: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return fakes [N, C, S, S] and labels [N, L], some out of the memory.

        Those are the first `exchanged(N)`. Before the memory holds anything they are those that
        were given. Fakes of no labels are kept without.
        """
        here = self.exchanged(len(images))
        told = [] if labels is None else [labels[:here]]
        shown, *first = at_once([images[:here], *told], self._exchange)
        asked = None if labels is None else torch.cat([first[0], labels[here:]])
        return torch.cat([shown, images[here:]]), asked

    @torch.no_grad()
    def _exchange(self, values: list[Tensor]) -> list[Tensor]:
        given, *told = values
        with whole.together():
            rows = (torch.rand(len(given), device=given.device) * self.filled).long()
        rows = rows.minimum((self.filled - 1).clamp(min=0))  # a product may be rounded up
        there, old = self.filled > 0, self.images[rows] / 127.5 - 1
        shown = [torch.where(there, old.to(given.dtype), given)]
        shown += [torch.where(there, self.labels[rows].to(each.dtype), each) for each in told]
        self._keep(given, told[0] if told else None)
        return shown

    def exchanged(self, count: int) -> int:
        """Return how many of a batch of so many fakes come out of the memory."""
        return min(round(self.share * count), self.size // whole.stride())

    def _keep(self, images: Tensor, labels: Tensor | None) -> None:
        count = len(images)
        growing = self.filled + count <= self.size
        free = self.filled + torch.arange(count, device=images.device)
        taken = torch.randperm(self.size, device=images.device)[:count]
        places = torch.where(growing, free, taken)
        self.images[places] = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        if labels is not None:
            self.labels[places] = labels.to(self.labels.dtype)
        self.filled += torch.where(growing, count, 0)
