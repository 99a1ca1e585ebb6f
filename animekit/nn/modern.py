"""Networks without normalisation, after R3GAN (Huang et al., 2024): residual blocks of their own.

A block is a 1x1, a grouped 3x3 and a 1x1 convolution that widens in the middle; stages of blocks
are joined by low-pass resampling. First weights are those of Fixup (Zhang et al., 2019): each block
begins silent, its other layers small enough that the depth does not matter.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from animekit.nn.attention import ExcitedStages, attention_at
from animekit.nn.chance import random_layers
from animekit.nn.layers import MinibatchStd, Skip, activation_layer, norm_layer
from animekit.nn.networks import Discriminator, Generator, Shape, auto, doublings

BLOCKS = 2  # of a stage
EXPANSION = 2  # of a block's middle
GROUP = 16  # channels that a grouped convolution mixes


class Up(nn.Module):
    """Twice the side, bilinear: a low-pass filter of 1, 3, 3, 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, C, 2H, 2W]."""
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class Down(nn.Module):
    """Half the side behind the low-pass filter of 1, 3, 3, 1, as `Up` has it."""

    taps: Tensor

    def __init__(self) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("taps", taps[:, None] * taps, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, C, H/2, W/2]."""
        channels = x.shape[1]
        kernel = self.taps.to(x.dtype).expand(channels, 1, 4, 4)
        return F.conv2d(x, kernel, stride=2, padding=1, groups=channels)


class Basis(nn.Module):
    """Learned maps of 4x4, weighed by z: [N, Z] -> [N, C, 4, 4]."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.maps = nn.Parameter(torch.randn(width, 4, 4))
        self.weigh = nn.Linear(inputs, width)

    def forward(self, z: Tensor) -> Tensor:
        """Return [N, C, 4, 4]."""
        return self.weigh(z)[:, :, None, None] * self.maps


class Summary(nn.Module):
    """The opposite of `Basis`: maps of 4x4 to numbers, [N, C, 4, 4] -> [N, outputs]."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.collect = nn.Conv2d(width, width, 4, groups=width)
        self.outputs = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, outputs]."""
        return self.outputs(self.collect(x).flatten(1))


def modern_generator(shape: Shape) -> Generator:
    """Return the generator: a basis of 4x4, stages that double the side, no tanh."""
    widths = _widths(shape)[::-1]
    stages = []
    for index, width in enumerate(widths):
        layers: list[nn.Module] = []
        if index:
            # A 1x1 convolution and bilinear resampling commute; in this order it is a quarter.
            layers += [nn.Conv2d(widths[index - 1], width, 1, bias=False), Up()]
        layers += _blocks(shape, width)
        layers += random_layers(shape)
        layers += attention_at(4 * 2**index, shape, width)
        stages.append(nn.Sequential(*layers))
    body = ExcitedStages(stages, widths) if shape.skip else nn.Sequential(*stages)
    last = nn.Conv2d(widths[-1], shape.channels, 1)
    main = nn.Sequential(Basis(shape.inputs, widths[0]), body, last)
    _fix_up(main)
    return Generator(main, spatial=False, open=True)


def modern_discriminator(shape: Shape) -> Discriminator:
    """Return the discriminator: the generator's stages in the opposite order."""
    widths = _widths(shape)
    layers: list[nn.Module] = [nn.Conv2d(shape.channels, widths[0], 1)]
    for index, width in enumerate(widths):
        if index:
            layers += [Down(), nn.Conv2d(widths[index - 1], width, 1, bias=False)]
        layers += _blocks(shape, width)
        layers += attention_at(shape.size // 2**index, shape, width)
    layers += [MinibatchStd()] if shape.minibatch_std else []
    last = widths[-1] + int(shape.minibatch_std)
    main = nn.Sequential(*layers, Summary(last, 1 + shape.labels))
    _fix_up(main)
    return Discriminator(main)


def _widths(shape: Shape) -> list[int]:
    """Return the widths of the stages, from the image's side to 4x4."""
    return [shape.width * min(2**k, 8) for k in range(doublings(shape.size) + 1)]


def _blocks(shape: Shape, width: int) -> list[nn.Module]:
    norm, act = auto(shape.norm, "none"), auto(shape.activation, "lrelu")
    count = BLOCKS if shape.blocks is None else shape.blocks
    middle = EXPANSION * width
    groups = math.gcd(middle, max(1, middle // GROUP))
    return [
        Skip(
            nn.Conv2d(width, middle, 1),
            activation_layer(act),
            nn.Conv2d(middle, middle, 3, 1, 1, groups=groups),
            *norm_layer(norm, middle),
            activation_layer(act),
            nn.Conv2d(middle, width, 1, bias=False),
        )
        for _ in range(count)
    ]


def _fix_up(network: nn.Module) -> None:
    """Set the first weights: variance-keeping, blocks silent and scaled by their number.

    With three layers in each of L blocks, the first two are L^(-1/4) as large (Fixup's
    L^(-1 / (2m - 2)) for m = 3).
    """
    skips = [module for module in network.modules() if isinstance(module, Skip)]
    inside = {id(module) for skip in skips for module in skip.modules()}
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            gain = 2**0.5 * max(1, len(skips)) ** -0.25 if id(module) in inside else 1.0
            fan = module.weight[0].numel()
            nn.init.normal_(module.weight, 0.0, gain / fan**0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for skip in skips:
        skip.silence()
