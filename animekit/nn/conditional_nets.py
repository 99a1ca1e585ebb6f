"""Architectures of images with labels: seeds 000, 001 and 002, and the ACGAN of Odena et al."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from animekit.errors import ConfigError
from animekit.nn.chance import random_layers
from animekit.nn.convnets import dcgan_discriminator
from animekit.nn.layers import (
    MinibatchStd,
    Same,
    activation_layer,
    doubling,
    full_precision,
    halving,
    norm_layer,
    pool_layer,
)
from animekit.nn.networks import (
    Discriminator,
    Generator,
    HeadedDiscriminator,
    Shape,
    auto,
    doublings,
)


class MatchingDiscriminator(nn.Module):
    """A critic of images together with labels: [N, C, S, S] and [N, L] -> scores [N].

    The maps that another discriminator ends in, before its last layer, meet the labels, tiled over
    all places, in a 1x1 convolution (seed 001, after Reed et al., 2016).
    """

    def __init__(self, other: Discriminator, size: int, labels: int, width: int) -> None:
        super().__init__()
        self.trunk, maps, sides = trunk_of(other, size)
        self.head = nn.Sequential(
            nn.Conv2d(maps + labels, width, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 1, sides),
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


class ProjectionDiscriminator(nn.Module):
    """A critic of images together with labels: the sum of two scores.

    What the maps of an image sum up to is scored alone, and by its inner product with a vector for
    each label (Miyato and Koyama, 2018).
    """

    def __init__(self, other: Discriminator, size: int, labels: int) -> None:
        super().__init__()
        self.trunk, maps, sides = trunk_of(other, size)
        self.collect = nn.Conv2d(maps, maps, sides, groups=maps)
        self.alone = nn.Linear(maps, 1)
        self.embed = nn.Linear(labels, maps, bias=False)

    def features(self, images: Tensor) -> Tensor:
        """Return the numbers [N, F] of images, which any labels can be held against."""
        return self.collect(self.trunk(images)).flatten(1)

    def score(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return how real numbers [N, F] are, and go with labels: scores [N]."""
        fit = (features * self.embed(labels)).sum(1) / features.shape[1] ** 0.5
        return full_precision(self.alone(features).flatten() + fit)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return scores [N]."""
        return self.score(self.features(images), labels)


def trunk_of(other: Discriminator, size: int) -> tuple[nn.Sequential, int, tuple[int, int]]:
    """Return a discriminator without its end, how many maps it has, their sides."""
    layers = list(other.main)
    if not isinstance(other, HeadedDiscriminator):
        layers.pop()  # what ends in the logit
    if any(isinstance(layer, nn.Linear) for layer in layers):
        raise ConfigError("this architecture ends in dense layers", "use architecture=dcgan")
    trunk = nn.Sequential(*(x for x in layers if not isinstance(x, nn.Flatten)))
    channels = next(x.in_channels for x in layers if isinstance(x, nn.Conv2d))
    with torch.no_grad():
        maps = trunk(torch.zeros(1, channels, size, size))
    return trunk, maps.shape[1], (maps.shape[2], maps.shape[3])


def text_generator(shape: Shape) -> Generator:
    """Return the text-to-image generator of seed 000: kernels of 4, 4, 9 and 5.

    Widths of x 16, 8, 4, 2, 1 from the first maps, of size / 32 pixels, to the last.
    """
    norm, act = auto(shape.norm, "batch"), auto(shape.activation, "selu")
    side, wide = shape.size // 32, 16 * shape.width
    layers: list[nn.Module] = [
        nn.Conv2d(shape.inputs, wide * side * side, 1),
        activation_layer(act),
        nn.Flatten(),
        nn.Unflatten(1, (wide, side, side)),
    ]
    last = wide
    for kernel, stride, factor, normed in ((4, 2, 8, 1), (4, 2, 4, 0), (9, 4, 2, 1), (5, 2, 1, 0)):
        width, odd = shape.width * factor, kernel % 2
        pad = (kernel - stride + odd) // 2
        layers += [nn.ConvTranspose2d(last, width, kernel, stride, pad, odd), activation_layer(act)]
        layers += norm_layer(norm, width) if normed else []
        layers += random_layers(shape)
        last = width
    layers += [nn.Conv2d(last, shape.channels, 1), nn.Tanh()]
    return Generator(nn.Sequential(*layers), spatial=True)


def text_discriminator(shape: Shape) -> HeadedDiscriminator:
    """Return the extractor of seed 000, its critic, a head for each attribute."""
    norm, act = auto(shape.norm, "none"), auto(shape.activation, "lrelu")
    width = shape.width
    layers: list[nn.Module] = []
    last = shape.channels
    for kernel, factor, stride in ((5, 4, 2), (3, 3, 1), (3, 2, 1), (3, 1, 2)):
        layers += [Same(kernel), nn.Conv2d(last, width * factor, kernel, stride)]
        layers += [*norm_layer(norm, width * factor), activation_layer(act)]
        layers += [pool_layer("avg", 3)] if factor == 3 else []
        last = width * factor
    layers += [MinibatchStd()] if shape.minibatch_std else []
    last += int(shape.minibatch_std)
    side, features = shape.size // 8, 4 * width
    layers += [nn.Flatten(), nn.Linear(last * side * side, features), activation_layer(act)]
    return HeadedDiscriminator(
        nn.Sequential(*layers),
        _dense(act, features, 2 * width, width, 1),
        [_dense(act, features, 2 * width, count) for count in shape.attributes],
    )


def _dense(act: str, *widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for last, width in itertools.pairwise(widths):
        layers += [nn.Linear(last, width), activation_layer(act)]
    return nn.Sequential(*layers[:-1])


def seed002_discriminator(shape: Shape) -> HeadedDiscriminator:
    """Return the ACGAN discriminator of seed 002: DCGAN's body and two heads."""
    *layers, final = dcgan_discriminator(shape).main
    assert isinstance(final, nn.Conv2d)
    features = max(1, shape.width // 2)
    layers += [nn.Conv2d(final.in_channels, features, 4), nn.Flatten()]
    return _two_heads(layers, features, shape.labels)


def odena_generator(shape: Shape) -> Generator:
    """Return the generator of Odena et al., 2017: 5x5 transposed convolutions.

    Widths of x 12, 6, 4, 3 at 64 px and one of x 1 more at 128 px, where the paper's begins too.
    """
    norm, act = auto(shape.norm, "batch"), auto(shape.activation, "relu")
    up, last = auto(shape.upsample, "transposed"), 12 * shape.width

    def enlarge(last: int, width: int, *, bias: bool) -> list[nn.Module]:
        if up == "transposed":
            return [nn.ConvTranspose2d(last, width, 5, 2, 2, 1, bias=bias)]
        return doubling(up, last, width, bias=bias)

    layers: list[nn.Module] = [
        nn.Linear(shape.inputs, last * 16),
        activation_layer(act),
        nn.Unflatten(1, (last, 4, 4)),
    ]
    for factor in (6, 4, 3, 1, 1)[: doublings(shape.size) - 1]:
        width = shape.width * factor
        layers += enlarge(last, width, bias=norm == "none")
        layers += [*norm_layer(norm, width), activation_layer(act)]
        layers += random_layers(shape)
        last = width
    layers += [*enlarge(last, shape.channels, bias=True), nn.Tanh()]
    return Generator(nn.Sequential(*layers), spatial=False)


def odena_discriminator(shape: Shape) -> HeadedDiscriminator:
    """Return the discriminator of Odena et al., 2017: 3x3, with dropout of 1/2."""
    norm, act = auto(shape.norm, "batch"), auto(shape.activation, "lrelu")
    pool = auto(shape.pool, "stride")
    layers: list[nn.Module] = []
    last = shape.channels
    for index in range(6):
        width, plain = shape.width * 2**index, norm == "none" or not index
        if index % 2:
            layers += [nn.Conv2d(last, width, 3, 1, 1, bias=plain)]
        else:
            layers += halving(pool, last, width, 3, bias=plain)
        layers += norm_layer(norm, width) if index else []
        layers += [activation_layer(act), nn.Dropout(0.5)]
        last = width
    layers += [MinibatchStd()] if shape.minibatch_std else []
    last += int(shape.minibatch_std)
    return _two_heads([*layers, nn.Flatten()], last * (shape.size // 8) ** 2, shape.labels)


def _two_heads(layers: list[nn.Module], features: int, labels: int) -> HeadedDiscriminator:
    heads = [nn.Linear(features, labels)] if labels else []
    return HeadedDiscriminator(nn.Sequential(*layers), nn.Linear(features, 1), heads)
