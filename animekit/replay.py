"""Replay: a memory of past fakes, so that D does not forget them (Shrivastava et al., 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from animekit.model import ImageSpec


class Replay(nn.Module):
    """A memory of up to `size` fakes with their labels, all of it in buffers.

    A share of the fakes of each batch is kept back, and as many old ones take their places: each
    fake is shown now or later. A full memory forgets at random. Images are kept in 8 bits, as real
    ones are.
    """

    images: Tensor
    labels: Tensor
    filled: Tensor

    def __init__(self, size: int, share: float, spec: ImageSpec) -> None:
        super().__init__()
        self.size, self.share = size, share
        self.register_buffer("images", torch.zeros((size, *spec.shape), dtype=torch.uint8))
        self.register_buffer("labels", torch.zeros(size, len(spec.labels)))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def exchange(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return fakes [N, C, S, S] and labels [N, L], some out of the memory.

        Before the memory holds anything they are those that were given.
        """
        count = min(round(self.share * len(images)), self.size)
        rows = (torch.rand(count, device=images.device) * self.filled).long()
        rows = rows.minimum((self.filled - 1).clamp(min=0))  # a product may be rounded up
        old, their_labels = self.images[rows] / 127.5 - 1, self.labels[rows]
        there = self.filled > 0
        shown = torch.where(there, old.to(images.dtype), images[:count])
        asked = torch.where(there, their_labels.to(labels.dtype), labels[:count])
        self._keep(images[:count], labels[:count])
        return torch.cat([shown, images[count:]]), torch.cat([asked, labels[count:]])

    def _keep(self, images: Tensor, labels: Tensor) -> None:
        count = len(images)
        growing = self.filled + count <= self.size
        free = self.filled + torch.arange(count, device=images.device)
        taken = torch.randperm(self.size, device=images.device)[:count]
        places = torch.where(growing, free, taken)
        self.images[places] = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        self.labels[places] = labels.to(self.labels.dtype)
        self.filled += torch.where(growing, count, 0)
