"""Networks from an image to an image, and the critics that look at it patch by patch.

A translator maps images [N, C, H, W] in [-1, 1] to images of the same shape; H and W are multiples
of its `multiple`, whatever size it was trained at. Outputs are float32 whatever runs inside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from animekit.errors import ConfigError
from animekit.nn.layers import full_precision

NORMS: dict[str, Callable[[int], nn.Module]] = {
    "instance": lambda width: nn.InstanceNorm2d(width),
    "affine": lambda width: nn.InstanceNorm2d(width, affine=True),
    "batch": lambda width: nn.BatchNorm2d(width),
}
"""Norms by name; "affine" is a batch norm with the statistics of each image."""

UNET_LEAST = 5  # halvings: four that widen, and the innermost
WIDEST = 8  # times the width of the first layer
INNER = 0.995  # of [-1, 1] is where a change begins: atanh(1) is infinite


@dataclass(frozen=True)
class TranslatorShape:
    """What a translator is built from; `width` is that of its first layer."""

    channels: int = 3
    width: int = 64
    blocks: int = 9  # of a residual translator
    halvings: int = 8  # of a U-Net: an image of 2 ** halvings pixels becomes one pixel
    norm: str = "instance"
    labels: int = 0

    @property
    def bias(self) -> bool:
        """Whether convolutions have a bias before a norm: not where that has a shift."""
        return self.norm == "instance"


class Residual(nn.Module):
    """A stack `main` whose output is added to its input."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.main = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return x + main(x)."""
        return x + self.main(x)


class ResnetTranslator(nn.Module):
    """Two halvings, residual blocks, two doublings (Zhu et al., 2017).

    After Johnson et al., 2016.
    """

    multiple = 4

    def __init__(self, shape: TranslatorShape) -> None:
        super().__init__()
        width, bias, norm = shape.width, shape.bias, NORMS[shape.norm]
        layers: list[nn.Module] = [nn.ReflectionPad2d(3)]
        layers += [nn.Conv2d(shape.channels, width, 7, bias=bias), norm(width), nn.ReLU()]
        for _ in range(2):
            layers += [nn.Conv2d(width, 2 * width, 3, 2, 1, bias=bias), norm(2 * width), nn.ReLU()]
            width *= 2
        layers += [_mirrored_block(width, shape) for _ in range(shape.blocks)]
        for _ in range(2):
            layers += [nn.ConvTranspose2d(width, width // 2, 3, 2, 1, 1, bias=bias)]
            layers += [norm(width // 2), nn.ReLU()]
            width //= 2
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, shape.channels, 7), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Return images [N, C, H, W] in [-1, 1]."""
        return full_precision(self.main(images))


def _mirrored_block(width: int, shape: TranslatorShape) -> Residual:
    layers: list[nn.Module] = []
    for after in ([nn.ReLU()], []):
        layers += [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=shape.bias)]
        layers += [NORMS[shape.norm](width), *after]
    return Residual(*layers)


class UNetTranslator(nn.Module):
    """Halvings to one pixel, doublings that see what was there (Isola, 2017).

    `down[i]` halves, `up[i]` doubles back to the size that `down[i]` was given.
    """

    def __init__(self, shape: TranslatorShape) -> None:
        super().__init__()
        if shape.halvings < UNET_LEAST:
            raise ConfigError(
                f"a U-Net for images of {2**shape.halvings} px has too few layers",
                f"use --size {2**UNET_LEAST} or more",
            )
        self.multiple = 2**shape.halvings
        widths = [shape.width * min(2**i, WIDEST) for i in range(shape.halvings)]
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        for index, width in enumerate(widths):
            first, last = index == 0, index == shape.halvings - 1
            before = shape.channels if first else widths[index - 1]
            norm = NORMS[shape.norm]
            down: list[nn.Module] = [] if first else [nn.LeakyReLU(0.2)]
            down += [nn.Conv2d(before, width, 4, 2, 1, bias=shape.bias)]
            down += [] if first or last else [norm(width)]
            inside = width if last else 2 * width  # what comes from below, and what was here
            up = [nn.ReLU(), nn.ConvTranspose2d(inside, before, 4, 2, 1, bias=first or shape.bias)]
            up += [nn.Tanh()] if first else [norm(before)]
            self.down.append(nn.Sequential(*down))
            self.up.append(nn.Sequential(*up))

    def forward(self, images: Tensor) -> Tensor:
        """Return images [N, C, H, W] in [-1, 1]."""
        seen: list[Tensor] = []
        x = images
        for down in self.down:
            x = down(x)
            seen.append(x)
        x = self.up[-1](seen.pop())
        for up in list(self.up)[-2::-1]:
            x = up(torch.cat([seen.pop(), x], 1))
        return full_precision(x)


class LabelTranslator(nn.Module):
    """A residual translator that is told labels (Choi et al., 2018).

    The labels are tiled over all places and lie behind the colours. Padding is with zeros: behind
    a mirror a label would be a constant plane, which the instance norm takes out. `halvings` lie
    before the blocks, as many doublings behind them: two in the paper, for 128 pixels and more. A
    `residual` translator draws the change alone (Shen & Liu, 2017), before the last tanh: what it
    leaves at 0 stays as it was.
    """

    def __init__(
        self, shape: TranslatorShape, halvings: int = 2, *, residual: bool = False
    ) -> None:
        super().__init__()
        self.multiple, self.residual = 2**halvings, residual
        width, norm = shape.width, NORMS["affine"]
        layers: list[nn.Module] = [
            nn.Conv2d(shape.channels + shape.labels, width, 7, 1, 3, bias=False),
            norm(width),
            nn.ReLU(),
        ]
        for _ in range(halvings):
            layers += [nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), norm(2 * width), nn.ReLU()]
            width *= 2
        for _ in range(shape.blocks):
            layers += [
                Residual(
                    nn.Conv2d(width, width, 3, 1, 1, bias=False),
                    norm(width),
                    nn.ReLU(),
                    nn.Conv2d(width, width, 3, 1, 1, bias=False),
                    norm(width),
                )
            ]
        for _ in range(halvings):
            layers += [nn.ConvTranspose2d(width, width // 2, 4, 2, 1, bias=False)]
            layers += [norm(width // 2), nn.ReLU()]
            width //= 2
        layers += [nn.Conv2d(width, shape.channels, 7, 1, 3, bias=False)]
        layers += [] if residual else [nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return images [N, C, H, W] in [-1, 1] of images and labels [N, L]."""
        tiled = labels[:, :, None, None].expand(-1, -1, *images.shape[2:])
        drawn = full_precision(self.main(torch.cat([images, tiled.to(images.dtype)], 1)))
        if not self.residual:
            return drawn
        return torch.tanh(drawn + torch.atanh(INNER * full_precision(images)))


class PatchDiscriminator(nn.Module):
    """A critic of overlapping patches of an image (Isola et al., 2017).

    It maps images [N, C, H, W] to logits [N, h, w]. A logit sees 16 pixels a side with one halving,
    34 with two, 70 with three.
    """

    def __init__(self, channels: int, width: int, halvings: int, norm: str) -> None:
        super().__init__()
        bias = norm == "instance"
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        last = width
        for index in range(1, halvings + 1):
            wide, stride = width * min(2**index, WIDEST), 2 if index < halvings else 1
            layers += [nn.Conv2d(last, wide, 4, stride, 1, bias=bias)]
            layers += [NORMS[norm](wide), nn.LeakyReLU(0.2)]
            last = wide
        self.main = nn.Sequential(*layers, nn.Conv2d(last, 1, 4, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [N, h, w]: real or fake."""
        return full_precision(self.main(images)).squeeze(1)


class LabelPatchDiscriminator(nn.Module):
    """A critic of patches that also names an image's labels (Choi et al., 2018)."""

    def __init__(self, size: int, channels: int, width: int, halvings: int, labels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        last = channels
        for index in range(halvings):
            layers += [nn.Conv2d(last, width * 2**index, 4, 2, 1), nn.LeakyReLU(0.01)]
            last = width * 2**index
        self.main = nn.Sequential(*layers)
        self.patches = nn.Conv2d(last, 1, 3, 1, 1, bias=False)
        self.labels = nn.Conv2d(last, labels, size >> halvings, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [N, h, w]: real or fake."""
        return full_precision(self.patches(self.main(images))).squeeze(1)

    def judge(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [N, h, w], and label logits [N, L]."""
        features = self.main(images)
        labels = full_precision(self.labels(features)).flatten(1)
        return full_precision(self.patches(features)).squeeze(1), labels
