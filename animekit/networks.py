"""Generators and discriminators by named architecture, for square images of 32 to 256 pixels.

A generator maps z [N, z_dim] to images [N, C, S, S] in [-1, 1]; a discriminator maps images to
logits [N]. Both return float32 (or float64) whatever precision runs inside.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from animekit.errors import ConfigError
from animekit.layers import (
    MinibatchStd,
    ResBlock,
    Same,
    activation_layer,
    full_precision,
    norm_layer,
    pool_layer,
)


@dataclass(frozen=True)
class Shape:
    """Everything that an architecture needs to know to build one network."""

    size: int
    channels: int  # of the image
    width: int  # of the layer nearest to the image; layers farther away are multiples of it
    z_dim: int = 100
    norm: str = "auto"
    activation: str = "auto"
    pool: str = "auto"
    dropout: float = 0.0
    minibatch_std: bool = False
    labels: int = 0  # a generator's inputs behind z, a discriminator's outputs behind the logit

    @property
    def inputs(self) -> int:
        """How many numbers a generator starts from: z, then labels."""
        return self.z_dim + self.labels


@dataclass(frozen=True)
class Architecture:
    """A named pair of builders, and what sizes they can do."""

    name: str
    source: str
    generator: Callable[[Shape], nn.Module]
    discriminator: Callable[[Shape], nn.Module]
    d_norm: str = "none"  # what "auto" means for the discriminator
    init: str = "normal"
    power_of_two: bool = True
    pools: bool = True  # whether the discriminator can halve the side in several ways

    def check(self, size: int) -> None:
        """Raise ConfigError where the architecture cannot do images of this size."""
        fits = size & (size - 1) == 0 if self.power_of_two else size % 16 == 0
        if not (fits and 32 <= size <= 256):
            sizes = "32, 64, 128 or 256" if self.power_of_two else "a multiple of 16, 32 to 256"
            raise ConfigError(
                f"architecture {self.name} cannot make images of {size} px", f"use --size {sizes}"
            )


def _auto(value: str, default: str) -> str:
    return default if value == "auto" else value


class Generator(nn.Module):
    """A stack `main` from z [N, z_dim] to images [N, C, S, S] in [-1, 1]."""

    def __init__(self, main: nn.Sequential, *, spatial: bool) -> None:
        super().__init__()
        self.main = main
        self.spatial = spatial

    def forward(self, z: Tensor) -> Tensor:
        """Return images [N, C, S, S] in [-1, 1]."""
        return full_precision(self.main(z[:, :, None, None] if self.spatial else z))


class Discriminator(nn.Module):
    """A stack `main` that ends in one number an image, and one for each label where it has any."""

    def __init__(self, main: nn.Sequential) -> None:
        super().__init__()
        self.main = main

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [N]: real or fake."""
        return self.judge(images)[0]

    def judge(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [N], and label logits [N, L]."""
        outputs = full_precision(self.main(images)).flatten(1)
        return outputs[:, 0], outputs[:, 1:]


class MatchingDiscriminator(nn.Module):
    """A critic of images together with labels: [N, C, S, S] and [N, L] -> scores [N].

    The maps that another discriminator ends in, before its last layer, meet the labels, tiled over
    all places, in a 1x1 convolution (seed 001, after Reed et al., 2016).
    """

    def __init__(self, other: Discriminator, size: int, labels: int, width: int) -> None:
        super().__init__()
        layers = list(other.main)[:-1]
        self.trunk = nn.Sequential(*(x for x in layers if not isinstance(x, nn.Flatten)))
        channels = next(x.in_channels for x in other.main if isinstance(x, nn.Conv2d))
        with torch.no_grad():
            maps = self.trunk(torch.zeros(1, channels, size, size))
        if maps.ndim != 4:
            raise ConfigError("this architecture ends in dense layers", "use architecture=dcgan")
        self.head = nn.Sequential(
            nn.Conv2d(maps.shape[1] + labels, width, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 1, tuple(maps.shape[2:])),
        )

    def features(self, images: Tensor) -> Tensor:
        """Return the maps [N, F, h, w] of images, which any labels can be held against."""
        return self.trunk(images)

    def score(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return how well maps [N, F, h, w] and labels [N, L] go together: scores [N]."""
        tiled = labels[:, :, None, None].expand(-1, -1, *features.shape[2:])
        return full_precision(
            self.head(torch.cat([features, tiled.to(features.dtype)], 1))
        ).flatten()

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return scores [N]."""
        return self.score(self.features(images), labels)


def _stages(size: int) -> int:
    return int(math.log2(size)) - 2  # doublings from 4 px


def dcgan_generator(shape: Shape) -> Generator:
    """Return the transposed-convolution generator of Radford et al., 2016.

    Layers of width x 8, 4, 2, 1 at 64 px; larger images begin wider, up to x 16.
    """
    norm, act = _auto(shape.norm, "batch"), _auto(shape.activation, "relu")
    widths = [shape.width * min(2**k, 16) for k in reversed(range(_stages(shape.size)))]
    layers: list[nn.Module] = []
    last = shape.inputs
    for index, width in enumerate(widths):
        stride, pad = (1, 0) if index == 0 else (2, 1)
        layers += [nn.ConvTranspose2d(last, width, 4, stride, pad, bias=norm == "none")]
        layers += [*norm_layer(norm, width)]
        layers += [nn.Dropout(shape.dropout)] if shape.dropout else []
        layers += [activation_layer(act)]
        last = width
    layers += [nn.ConvTranspose2d(last, shape.channels, 4, 2, 1, bias=norm == "none"), nn.Tanh()]
    return Generator(nn.Sequential(*layers), spatial=True)


def dcgan_discriminator(shape: Shape) -> Discriminator:
    """Return the strided-convolution discriminator of Radford et al., 2016.

    With pool avg or max the convolutions keep the size and a 2x2 pool halves it.
    """
    norm, act = _auto(shape.norm, "batch"), _auto(shape.activation, "lrelu")
    pool = _auto(shape.pool, "stride")
    layers: list[nn.Module] = []
    last = shape.channels
    for index in range(_stages(shape.size)):
        width = shape.width * min(2**index, 16)
        bias = norm == "none"
        if pool == "stride":
            layers += [nn.Conv2d(last, width, 4, 2, 1, bias=bias)]
        else:
            layers += [nn.Conv2d(last, width, 3, 1, 1, bias=bias), pool_layer(pool, 2)]
        layers += norm_layer(norm, width) if index else []
        layers += [activation_layer(act)]
        last = width
    if shape.minibatch_std:
        layers += [MinibatchStd()]
    last += int(shape.minibatch_std)
    layers += [nn.Conv2d(last, 1 + shape.labels, 4, 1, 0, bias=norm == "none")]
    return Discriminator(nn.Sequential(*layers))


def course_generator(shape: Shape) -> Generator:
    """Return the course's baseline generator: dense, then 4x4 convolutions."""
    norm, act = _auto(shape.norm, "none"), _auto(shape.activation, "relu")
    side, wide = shape.size // 4, 2 * shape.width
    layers: list[nn.Module] = [
        nn.Linear(shape.inputs, wide * side * side),
        activation_layer(act),
        nn.Unflatten(1, (wide, side, side)),
    ]
    for last, width in ((wide, wide), (wide, shape.width)):
        layers += [nn.Upsample(scale_factor=2), Same(4), nn.Conv2d(last, width, 4)]
        layers += [*norm_layer(norm, width)]
        layers += [nn.Dropout(shape.dropout)] if shape.dropout else []
        layers += [activation_layer(act)]
    layers += [Same(4), nn.Conv2d(shape.width, shape.channels, 4), nn.Tanh()]
    return Generator(nn.Sequential(*layers), spatial=False)


def course_discriminator(shape: Shape) -> Discriminator:
    """Return the course's baseline discriminator: four 4x4 convolutions.

    Strides 2, 2, 2, 1 and the zero padding behind the second layer follow the Keras original.
    """
    norm, act = _auto(shape.norm, "none"), _auto(shape.activation, "relu")
    pool = _auto(shape.pool, "stride")
    layers: list[nn.Module] = []
    last, side = shape.channels, shape.size
    for index, (factor, stride) in enumerate(((1, 2), (2, 2), (4, 2), (8, 1))):
        width = shape.width * factor
        # "Same" padding: an odd side of 17 px takes 2 + 1, an even one 1 + 1.
        pad = (1, 2, 1, 2) if stride == 1 or side % 2 else (1, 1, 1, 1)
        if pool == "stride" or stride == 1:
            layers += [nn.ZeroPad2d(pad), nn.Conv2d(last, width, 4, stride)]
        else:
            layers += [Same(4), nn.Conv2d(last, width, 4), pool_layer(pool, 2 + side % 2)]
        side = math.ceil(side / stride)
        layers += norm_layer(norm, width) if index else []
        if index == 1:
            layers += [nn.ZeroPad2d((0, 1, 0, 1))]
            side += 1
        layers += [activation_layer(act)]
        last = width
    layers += [MinibatchStd()] if shape.minibatch_std else []
    last += int(shape.minibatch_std)
    layers += [nn.Flatten(), nn.Linear(last * side * side, 1 + shape.labels)]
    return Discriminator(nn.Sequential(*layers))


def seed000_generator(shape: Shape) -> Generator:
    """Return the generator of seed 000, table III, in its repaired reading."""
    norm, act = _auto(shape.norm, "batch"), _auto(shape.activation, "selu")
    side, wide, narrow = shape.size // 4, 2 * shape.width, shape.width
    layers: list[nn.Module] = [
        nn.Linear(shape.inputs, wide * side * side),
        activation_layer(act),
        nn.Unflatten(1, (wide, side, side)),
        *norm_layer(norm, wide),
        nn.ConvTranspose2d(wide, wide, 16, 2, 7),
        activation_layer(act),
        Same(4),
        nn.Conv2d(wide, wide, 4),
        activation_layer(act),
        nn.ConvTranspose2d(wide, narrow, 4, 2, 1),
        activation_layer(act),
        *norm_layer(norm, narrow),
    ]
    layers += [nn.Dropout(shape.dropout)] if shape.dropout else []
    layers += [Same(4), nn.Conv2d(narrow, shape.channels, 4), nn.Tanh()]
    return Generator(nn.Sequential(*layers), spatial=False)


def seed000_discriminator(shape: Shape) -> Discriminator:
    """Return the discriminator of seed 000, table III: each layer with a pool."""
    norm, act = _auto(shape.norm, "none"), _auto(shape.activation, "relu")
    pool = _auto(shape.pool, "avg")
    layers: list[nn.Module] = []
    last, side = shape.channels, shape.size
    for kernel, factor in ((8, 1), (6, 1), (4, 2), (3, 4)):
        width = shape.width * factor
        stride = 2 if pool == "stride" else 1
        layers += [Same(kernel), nn.Conv2d(last, width, kernel, stride)]
        layers += [*norm_layer(norm, width), activation_layer(act)]
        layers += [] if pool == "stride" else [pool_layer(pool, 3)]
        last, side = width, side // 2
    layers += [MinibatchStd()] if shape.minibatch_std else []
    last += int(shape.minibatch_std)
    dense = 16 * shape.width
    layers += [nn.Flatten(), nn.Linear(last * side * side, dense), activation_layer(act)]
    layers += [nn.Linear(dense, dense), activation_layer(act)]
    layers += [nn.Linear(dense, 1 + shape.labels)]
    return Discriminator(nn.Sequential(*layers))


def resnet_generator(shape: Shape) -> Generator:
    """Return the residual generator of WGAN-GP for 64 px."""
    norm, act = _auto(shape.norm, "batch"), _auto(shape.activation, "relu")
    stages = _stages(shape.size)
    widths = [shape.width * min(2**k, 8) for k in reversed(range(stages))]
    last = shape.width * min(2**stages, 8)
    layers: list[nn.Module] = [
        nn.Linear(shape.inputs, last * 16),
        nn.Unflatten(1, (last, 4, 4)),
    ]
    for width in widths:
        layers += [ResBlock(last, width, resample="up", norm=norm, act=act)]
        layers += [nn.Dropout(shape.dropout)] if shape.dropout else []
        last = width
    layers += [*norm_layer(norm, last), activation_layer(act)]
    layers += [nn.Conv2d(last, shape.channels, 3, 1, 1), nn.Tanh()]
    return Generator(nn.Sequential(*layers), spatial=False)


def resnet_discriminator(shape: Shape) -> Discriminator:
    """Return the residual critic of WGAN-GP for 64 px, with layer normalisation."""
    norm, act = _auto(shape.norm, "layer"), _auto(shape.activation, "relu")
    layers: list[nn.Module] = [nn.Conv2d(shape.channels, shape.width, 3, 1, 1)]
    last = shape.width
    for index in range(_stages(shape.size)):
        width = shape.width * min(2 ** (index + 1), 8)
        layers += [ResBlock(last, width, resample="down", norm=norm, act=act)]
        last = width
    layers += [MinibatchStd()] if shape.minibatch_std else []
    last += int(shape.minibatch_std)
    layers += [nn.Flatten(), nn.Linear(last * 16, 1 + shape.labels)]
    return Discriminator(nn.Sequential(*layers))


ARCHITECTURES = {
    entry.name: entry
    for entry in (
        Architecture(
            "dcgan", "Radford et al., 2016", dcgan_generator, dcgan_discriminator, d_norm="batch"
        ),
        Architecture(
            "course",
            "NTU MLDS 2018 homework 3 baseline",
            course_generator,
            course_discriminator,
            init="default",
            power_of_two=False,
        ),
        Architecture(
            "seed000",
            "MLDS 2018 group report, table III",
            seed000_generator,
            seed000_discriminator,
            init="default",
            power_of_two=False,
        ),
        Architecture(
            "resnet",
            "Gulrajani et al., 2017",
            resnet_generator,
            resnet_discriminator,
            d_norm="layer",
            init="he",
            pools=False,
        ),
    )
}
