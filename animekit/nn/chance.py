"""Random layers of a generator: dropout and noise, in training and when pictures are made.

When pictures are made, an image's own z says what is dropped of it and added to it: so it is the
same alone and in any batch, on any number of threads, and made twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from animekit.nn.networks import Shape


class RandomLayer(nn.Module):
    """A layer that draws numbers; in eval mode from `streams`, one an image."""

    streams: tuple[torch.Generator, ...] = ()

    def drawn(self, draw: Callable[..., Tensor], like: Tensor) -> Tensor:
        """Return numbers in the shape of maps [N, C, H, W], by image."""
        shape = like.shape[1:]
        return torch.stack([draw(shape, generator=each) for each in self.streams]).to(like)


class SeededDropout(nn.Dropout, RandomLayer):
    """Dropout that can stay on when pictures are made (Chintala et al., 2016)."""

    def __init__(self, p: float, *, sampling: bool) -> None:
        super().__init__(p)
        self.sampling = sampling

    def forward(self, x: Tensor) -> Tensor:
        """Return x, a share of its numbers 0 and the others larger by as much."""
        if self.training or not (self.sampling and self.streams):
            return super().forward(x)
        kept = self.drawn(torch.rand, x) >= self.p
        return x * kept / (1 - self.p)


class LayerNoise(RandomLayer):
    """Normal noise on maps (ganhacks tip 13, Chintala, 2016)."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        """Return x with noise."""
        if self.training:
            return x + self.std * torch.randn_like(x)
        return x + self.std * self.drawn(torch.randn, x) if self.streams else x


def random_layers(shape: Shape) -> list[nn.Module]:
    """Return what a shape has of noise and dropout, for one place of a generator."""
    layers: list[nn.Module] = [LayerNoise(shape.noise)] if shape.noise else []
    if shape.dropout:
        layers += [SeededDropout(shape.dropout, sampling=shape.dropout_sampling)]
    return layers


@contextmanager
def seeded(network: nn.Module, z: Tensor) -> Iterator[None]:
    """Lend random layers a stream for each row of z [N, Z], in the block."""
    layers = [each for each in network.modules() if isinstance(each, RandomLayer)]
    if layers and not z.is_meta:
        rows = z.detach().float().cpu().contiguous().numpy()
        streams = tuple(
            torch.Generator().manual_seed(
                int.from_bytes(hashlib.sha256(row.tobytes()).digest()[:8], "little") >> 1
            )
            for row in rows
        )
        for layer in layers:
            layer.streams = streams
    try:
        yield
    finally:
        for layer in layers:
            layer.streams = ()
