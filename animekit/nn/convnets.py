"""Architectures of images alone: DCGAN, the course's baseline, seed 000, residual networks."""

from __future__ import annotations

import math

from torch import nn

from animekit.nn.attention import attention_at
from animekit.nn.chance import random_layers
from animekit.nn.layers import (
    MinibatchStd,
    ResBlock,
    Same,
    activation_layer,
    doubling,
    halving,
    norm_layer,
    pool_layer,
)
from animekit.nn.networks import (
    Discriminator,
    Generator,
    Shape,
    auto,
    doublings,
    generator_of,
)


def dcgan_generator(shape: Shape) -> Generator:
    """Return the transposed-convolution generator of Radford et al., 2016.

    Layers of width x 8, 4, 2, 1 at 64 px; larger images begin wider, up to x 16.
    """
    norm, act = auto(shape.norm, "batch"), auto(shape.activation, "relu")
    up, bias = auto(shape.upsample, "transposed"), norm == "none"
    widths = [shape.width * min(2**k, 16) for k in reversed(range(doublings(shape.size)))]
    layers: list[nn.Module] = []
    last = shape.inputs
    for index, width in enumerate(widths):
        if index:
            layers += doubling(up, last, width, bias=bias)
        else:
            layers += [nn.ConvTranspose2d(last, width, 4, bias=bias)]  # from 1x1 to 4x4
        layers += [*norm_layer(norm, width, shape.labels)]
        layers += random_layers(shape)
        layers += [activation_layer(act)]
        layers += attention_at(4 * 2**index, shape, width)
        last = width
    layers += [*doubling(up, last, shape.channels, bias=bias), nn.Tanh()]
    return generator_of(layers, shape, spatial=True)


def dcgan_discriminator(shape: Shape) -> Discriminator:
    """Return the strided-convolution discriminator of Radford et al., 2016.

    With pool avg or max the convolutions keep the size and a 2x2 pool halves it.
    """
    norm, act = auto(shape.norm, "batch"), auto(shape.activation, "lrelu")
    pool = auto(shape.pool, "stride")
    layers: list[nn.Module] = []
    last = shape.channels
    for index in range(doublings(shape.size)):
        width = shape.width * min(2**index, 16)
        layers += halving(pool, last, width, 4, bias=norm == "none")
        layers += norm_layer(norm, width) if index else []
        layers += [activation_layer(act)]
        layers += attention_at(shape.size // 2 ** (index + 1), shape, width)
        last = width
    if shape.minibatch_std:
        layers += [MinibatchStd()]
    last += int(shape.minibatch_std)
    layers += [nn.Conv2d(last, 1 + shape.labels, 4, 1, 0, bias=norm == "none")]
    return Discriminator(nn.Sequential(*layers))


def course_generator(shape: Shape) -> Generator:
    """Return the course's baseline generator: dense, then 4x4 convolutions."""
    norm, act = auto(shape.norm, "none"), auto(shape.activation, "relu")
    side, wide, up = shape.size // 4, 2 * shape.width, auto(shape.upsample, "nearest")
    layers: list[nn.Module] = [
        nn.Linear(shape.inputs, wide * side * side),
        activation_layer(act),
        nn.Unflatten(1, (wide, side, side)),
    ]
    for last, width in ((wide, wide), (wide, shape.width)):
        if up == "nearest":
            layers += [nn.Upsample(scale_factor=2), Same(4), nn.Conv2d(last, width, 4)]
        else:
            layers += doubling(up, last, width, bias=True)
        layers += [*norm_layer(norm, width)]
        layers += random_layers(shape)
        layers += [activation_layer(act)]
    layers += [Same(4), nn.Conv2d(shape.width, shape.channels, 4), nn.Tanh()]
    return Generator(nn.Sequential(*layers), spatial=False)


def course_discriminator(shape: Shape) -> Discriminator:
    """Return the course's baseline discriminator: four 4x4 convolutions.

    Strides 2, 2, 2, 1 and the zero padding behind the second layer follow the Keras original.
    """
    norm, act = auto(shape.norm, "none"), auto(shape.activation, "relu")
    pool = auto(shape.pool, "stride")
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
    return _seed000_generator(shape, norm=auto(shape.norm, "batch"), kernels=(16, 4))


def seed000_discriminator(shape: Shape) -> Discriminator:
    """Return the discriminator of seed 000, table III: each layer with a pool."""
    return _seed000_discriminator(shape, kernels=(8, 6, 4, 3))


def table_one_generator(shape: Shape) -> Generator:
    """Return the generator of seed 000, table I: its last column is the kernel."""
    return _seed000_generator(shape, norm=auto(shape.norm, "none"), kernels=(2, 2))


def table_one_discriminator(shape: Shape) -> Discriminator:
    """Return the discriminator of seed 000, table I: its last kernel is 4, not 3."""
    return _seed000_discriminator(shape, kernels=(8, 6, 4, 4))


def _seed000_generator(shape: Shape, *, norm: str, kernels: tuple[int, int]) -> Generator:
    act = auto(shape.activation, "selu")
    side, wide, narrow = shape.size // 4, 2 * shape.width, shape.width
    up = auto(shape.upsample, "transposed")

    def doubled(first: int, last: int, kernel: int) -> list[nn.Module]:
        if up != "transposed":
            return doubling(up, first, last, bias=True)
        return [nn.ConvTranspose2d(first, last, kernel, 2, kernel // 2 - 1)]

    layers: list[nn.Module] = [
        nn.Linear(shape.inputs, wide * side * side),
        activation_layer(act),
        nn.Unflatten(1, (wide, side, side)),
        *norm_layer(norm, wide),
        *doubled(wide, wide, kernels[0]),
        activation_layer(act),
        Same(4),
        nn.Conv2d(wide, wide, 4),
        activation_layer(act),
        *doubled(wide, narrow, kernels[1]),
        activation_layer(act),
        *norm_layer(norm, narrow),
    ]
    layers += random_layers(shape)
    layers += [Same(4), nn.Conv2d(narrow, shape.channels, 4), nn.Tanh()]
    return Generator(nn.Sequential(*layers), spatial=False)


def _seed000_discriminator(shape: Shape, kernels: tuple[int, ...]) -> Discriminator:
    norm, act = auto(shape.norm, "none"), auto(shape.activation, "relu")
    pool = auto(shape.pool, "avg")
    layers: list[nn.Module] = []
    last, side = shape.channels, shape.size
    for kernel, factor in zip(kernels, (1, 1, 2, 4), strict=True):
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
    norm, act = auto(shape.norm, "batch"), auto(shape.activation, "relu")
    stages = doublings(shape.size)
    widths = [shape.width * min(2**k, 8) for k in reversed(range(stages))]
    last = shape.width * min(2**stages, 8)
    layers: list[nn.Module] = [
        nn.Linear(shape.inputs, last * 16),
        nn.Unflatten(1, (last, 4, 4)),
    ]
    for index, width in enumerate(widths):
        layers += [ResBlock(last, width, resample="up", norm=norm, act=act, labels=shape.labels)]
        layers += random_layers(shape)
        layers += attention_at(8 * 2**index, shape, width)
        last = width
    layers += [*norm_layer(norm, last, shape.labels), activation_layer(act)]
    layers += [nn.Conv2d(last, shape.channels, 3, 1, 1), nn.Tanh()]
    return generator_of(layers, shape, spatial=False)


def resnet_discriminator(shape: Shape) -> Discriminator:
    """Return the residual critic of WGAN-GP for 64 px, with layer normalisation."""
    norm, act = auto(shape.norm, "layer"), auto(shape.activation, "relu")
    layers: list[nn.Module] = [nn.Conv2d(shape.channels, shape.width, 3, 1, 1)]
    last = shape.width
    for index in range(doublings(shape.size)):
        width = shape.width * min(2 ** (index + 1), 8)
        layers += [ResBlock(last, width, resample="down", norm=norm, act=act)]
        layers += attention_at(shape.size // 2 ** (index + 1), shape, width)
        last = width
    layers += [MinibatchStd()] if shape.minibatch_std else []
    last += int(shape.minibatch_std)
    layers += [nn.Flatten(), nn.Linear(last * 16, 1 + shape.labels)]
    return Discriminator(nn.Sequential(*layers))
