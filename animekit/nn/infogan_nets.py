"""The networks of InfoGAN: dense layers at the small end, 4x4 kernels of stride 2 elsewhere."""

from __future__ import annotations

from torch import nn

from animekit.nn.chance import random_layers
from animekit.nn.layers import activation_layer, doubling, halving, norm_layer
from animekit.nn.networks import Generator, HeadedDiscriminator, Shape, auto, doublings

DENSE = 448  # maps behind the generator's dense layer, at any width of the others
WIDEST = 8  # times the width of the layer nearest to the image


def infogan_generator(shape: Shape) -> Generator:
    """Return the generator of Chen et al., 2016: dense to 2x2 px, then doubled up.

    Layers of width x 8, 4, 2, 1 at 64 px, the one nearest to the image last.
    """
    norm, act = auto(shape.norm, "batch"), auto(shape.activation, "relu")
    bias, up = norm == "none", auto(shape.upsample, "transposed")
    layers: list[nn.Module] = [
        nn.Linear(shape.inputs, DENSE * 4, bias=bias),
        nn.Unflatten(1, (DENSE, 2, 2)),
        *norm_layer(norm, DENSE),
        activation_layer(act),
    ]
    last = DENSE
    for index in reversed(range(doublings(shape.size))):
        width = shape.width * min(2**index, WIDEST)
        layers += [*doubling(up, last, width, bias=bias), *norm_layer(norm, width)]
        layers += random_layers(shape)
        layers += [activation_layer(act)]
        last = width
    layers += [*doubling(up, last, shape.channels, bias=True), nn.Tanh()]
    return Generator(nn.Sequential(*layers), spatial=False)


def infogan_discriminator(shape: Shape) -> HeadedDiscriminator:
    """Return the discriminator of Chen et al., 2016: halved to 4x4 px, then dense."""
    norm, act = auto(shape.norm, "batch"), auto(shape.activation, "lrelu:0.1")
    pool = auto(shape.pool, "stride")
    layers: list[nn.Module] = []
    last = shape.channels
    for index in range(doublings(shape.size)):
        width = shape.width * min(2**index, WIDEST)
        norms = norm_layer(norm, width) if index else []
        layers += halving(pool, last, width, 4, bias=not norms)
        layers += [*norms, activation_layer(act)]
        last = width
    features = last * 16
    heads = [nn.Linear(features, shape.labels)] if shape.labels else []
    return HeadedDiscriminator(nn.Sequential(*layers, nn.Flatten()), nn.Linear(features, 1), heads)
