"""SRResNet for faces: the networks of MakeGirlsMoe (Jin et al., 2017), in two orders of block.

The paper's images have 128 px. At 64 px all layers are the same: the generator begins with maps of
8x8 in place of 16x16, and the discriminator ends in 1x1 in place of 2x2.
"""

from __future__ import annotations

from functools import partial

from torch import nn

from animekit.nn.chance import random_layers
from animekit.nn.layers import MinibatchStd, Skip, activation_layer, doubling, norm_layer
from animekit.nn.networks import Generator, HeadedDiscriminator, Shape, auto

G_BLOCKS, D_BLOCKS = 16, 4


def srresnet_generator(shape: Shape, *, before: bool = False) -> Generator:
    """Return a generator of residual blocks, then three pixel shuffles.

    `before`: norms and activations come before each convolution of a block (He et al., 2016), not
    behind it (Ledig et al., 2017).
    """
    norm, act = auto(shape.norm, "batch"), auto(shape.activation, "relu")
    side, width = shape.size // 8, shape.width
    block = _before if before else _behind
    blocks = G_BLOCKS if shape.blocks is None else shape.blocks
    layers: list[nn.Module] = [
        nn.Linear(shape.inputs, width * side * side),
        nn.Unflatten(1, (width, side, side)),
        *norm_layer(norm, width),
        activation_layer(act),
        Skip(
            *(Skip(*block(width, norm, act)) for _ in range(blocks)),
            *norm_layer(norm, width),
            activation_layer(act),
        ),
    ]
    for _ in range(3):
        layers += doubling(auto(shape.upsample, "pixelshuffle"), width, width, bias=True)
        layers += [*norm_layer(norm, width), activation_layer(act)]
        layers += random_layers(shape)
    layers += [nn.Conv2d(width, shape.channels, 9, 1, 4), nn.Tanh()]
    return Generator(nn.Sequential(*layers), spatial=False)


def srresnet_discriminator(shape: Shape, *, before: bool = False) -> HeadedDiscriminator:
    """Return a discriminator of six halvings with residual blocks between them.

    Widths of x 1, 2, 4, 8, 16, 32; `shape.blocks` between two of them, half as many behind the
    first. No norm by default: a penalty looks at single images.
    """
    norm, act = auto(shape.norm, "none"), auto(shape.activation, "lrelu")
    block = _before if before else _behind
    blocks = D_BLOCKS if shape.blocks is None else shape.blocks
    counts = [(blocks + 1) // 2, *[blocks] * 4, 0]
    layers: list[nn.Module] = []
    last, side = shape.channels, shape.size
    for index, count in enumerate(counts):
        width = shape.width * 2**index
        kernel = 4 if index < 3 else 3
        layers += [nn.Conv2d(last, width, kernel, 2, 1), *norm_layer(norm, width)]
        layers += [activation_layer(act)]
        for _ in range(count):
            layers += [Skip(*block(width, norm, act))]
            layers += [] if before else [activation_layer(act)]
        last, side = width, (side + 1) // 2
    layers += [MinibatchStd()] if shape.minibatch_std else []
    features = (last + int(shape.minibatch_std)) * side * side
    heads = [nn.Linear(features, shape.labels)] if shape.labels else []
    body = nn.Sequential(*layers, nn.Flatten())
    return HeadedDiscriminator(body, nn.Linear(features, 1), heads)


def _behind(width: int, norm: str, act: str) -> list[nn.Module]:
    return [
        nn.Conv2d(width, width, 3, 1, 1, bias=norm == "none"),
        *norm_layer(norm, width),
        activation_layer(act),
        nn.Conv2d(width, width, 3, 1, 1, bias=norm == "none"),
        *norm_layer(norm, width),
    ]


def _before(width: int, norm: str, act: str) -> list[nn.Module]:
    return [
        *norm_layer(norm, width),
        activation_layer(act),
        nn.Conv2d(width, width, 3, 1, 1, bias=norm == "none"),
        *norm_layer(norm, width),
        activation_layer(act),
        nn.Conv2d(width, width, 3, 1, 1),
    ]


preactivation_generator = partial(srresnet_generator, before=True)
preactivation_discriminator = partial(srresnet_discriminator, before=True)
