"""FastGAN's networks (Liu et al., 2021), which learn quickly from few pictures.

Without the noise that the source adds to its maps: a seed would not be one picture. The
discriminator is without the decoders that give images back.
"""

from __future__ import annotations

from torch import Tensor, nn

from animekit.nn.attention import ExcitedStages, attention_at
from animekit.nn.chance import random_layers
from animekit.nn.layers import MinibatchStd, activation_layer, doubling, norm_layer, stack
from animekit.nn.networks import Discriminator, Generator, Shape, auto, doublings, generator_of


def fastgan_generator(shape: Shape) -> Generator:
    """Return a generator of gated linear units, one 3x3 convolution a stage.

    Low maps gate those of eight times their side, unless `skip` is off.
    """
    norm = auto(shape.norm, "batch")
    widths = [shape.width * min(2**k, 8) for k in reversed(range(doublings(shape.size) + 1))]
    stages: list[nn.Module] = []
    for index, width in enumerate(widths):
        layers: list[nn.Module] = [nn.ConvTranspose2d(shape.inputs, 2 * width, 4, bias=False)]
        if index:
            last = widths[index - 1]
            layers = doubling(auto(shape.upsample, "nearest"), last, 2 * width, bias=False)
        layers += [*norm_layer(norm, 2 * width, shape.labels), nn.GLU(1)]
        layers += random_layers(shape)
        layers += attention_at(4 * 2**index, shape, width)
        stages.append(stack(layers, told=norm == "conditional"))
    end = [nn.Conv2d(widths[-1], shape.channels, 3, 1, 1), nn.Tanh()]
    if shape.skip is not False:
        stages = [ExcitedStages(stages, widths, told=norm == "conditional")]
    return generator_of([*stages, *end], shape, spatial=True)


class TwoWays(nn.Module):
    """Half the side by two ways, averaged: convolutions, and a pool with one of 1x1."""

    def __init__(self, last: int, width: int, norm: str, act: str) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(last, width, 4, 2, 1, bias=norm == "none"),
            *norm_layer(norm, width),
            activation_layer(act),
            nn.Conv2d(width, width, 3, 1, 1, bias=norm == "none"),
            *norm_layer(norm, width),
            activation_layer(act),
        )
        self.short = nn.Sequential(
            nn.AvgPool2d(2),
            nn.Conv2d(last, width, 1, bias=norm == "none"),
            *norm_layer(norm, width),
            activation_layer(act),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, width, H/2, W/2]."""
        return (self.main(x) + self.short(x)) / 2


def fastgan_discriminator(shape: Shape) -> Discriminator:
    """Return a discriminator whose stages halve the side in two ways, down to 4x4."""
    norm, act = auto(shape.norm, "batch"), auto(shape.activation, "lrelu")
    layers: list[nn.Module] = []
    last = shape.channels
    for index in range(doublings(shape.size)):
        width = shape.width * min(2**index, 8)
        if index:
            layers += [TwoWays(last, width, norm, act)]
        else:
            layers += [nn.Conv2d(last, width, 4, 2, 1), activation_layer(act)]
        layers += attention_at(shape.size // 2 ** (index + 1), shape, width)
        last = width
    layers += [MinibatchStd()] if shape.minibatch_std else []
    last += int(shape.minibatch_std)
    return Discriminator(nn.Sequential(*layers, nn.Conv2d(last, 1 + shape.labels, 4)))
