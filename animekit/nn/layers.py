"""Layers that the architectures share: norms, activations, padding, pools, blocks, weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from animekit.engines import whole


def full_precision(x: Tensor) -> Tensor:
    """Return half-precision tensors as float32, others as they are."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


@torch.no_grad()
def clip_weights(network: nn.Module, bound: float) -> None:
    """Bring every weight of a network within +-bound (Arjovsky et al., 2017)."""
    for parameter in network.parameters():
        parameter.clamp_(-bound, bound)


class ConditionalNorm(nn.Module):
    """Batch norm that follows labels [N, L] (Miyato and Koyama, 2018)."""

    told = True

    def __init__(self, width: int, labels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width, affine=False)
        self.tune = nn.Linear(labels, 2 * width)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return [N, width, H, W]."""
        scale, shift = self.tune(labels)[:, :, None, None].chunk(2, 1)
        return self.norm(x) * (1 + scale) + shift


class Told(nn.Sequential):
    """A stack that hands the labels to those of its layers that are told them."""

    told = True

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        """Return what the last layer makes of x."""
        for layer in self:
            x = layer(x, labels) if getattr(layer, "told", False) else layer(x)
        return x


def stack(layers: Iterable[nn.Module], *, told: bool) -> nn.Sequential:
    """Return layers as one, which takes labels where it is told them."""
    return (Told if told else nn.Sequential)(*layers)


def norm_layer(kind: str, width: int, labels: int = 0) -> list[nn.Module]:
    """Return a normalisation layer by name, as a list that is empty for "none".

    "conditional" follows that many labels: its stack has to be `Told` them.
    """
    layers: dict[str, Callable[[], nn.Module]] = {
        "batch": lambda: nn.BatchNorm2d(width),
        "instance": lambda: nn.InstanceNorm2d(width, affine=True),
        "layer": lambda: nn.GroupNorm(1, width),
        "conditional": lambda: ConditionalNorm(width, labels),
    }
    return [] if kind == "none" else [layers[kind]()]


def activation_layer(kind: str) -> nn.Module:
    """Return an activation by name: relu, selu, lrelu (slope 0.2) or lrelu:SLOPE."""
    name, _, slope = kind.partition(":")
    if name == "lrelu":
        return nn.LeakyReLU(float(slope or 0.2))
    return {"relu": nn.ReLU, "selu": nn.SELU}[name]()


class Same(nn.Module):
    """Padding that keeps the size at stride 1, as TensorFlow's "same" does."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.pad = nn.ZeroPad2d(((kernel - 1) // 2, kernel // 2) * 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, C, H + kernel - 1, W + kernel - 1]."""
        return self.pad(x)


class MinibatchStd(nn.Module):
    """One more map: the standard deviation over the batch (Karras et al., 2018).

    In groups of up to four images, as in the source: [N, C, H, W] -> [N, C + 1, H, W].
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return x with the map appended."""
        n, c, h, w = x.shape
        group = math.gcd(whole.count(n), 4)
        y, across = full_precision(x), n % group > 0  # else a group's images are in one process
        y = whole.rows(y) if across else y
        y = y.reshape(group, len(y) // group, c, h, w)
        std = ((y - y.mean(0)).square().mean(0) + 1e-8).sqrt().mean((1, 2, 3))  # [N / group]
        std = whole.own(std.repeat(group)) if across else std.repeat(group)
        return torch.cat([x, std.view(n, 1, 1, 1).expand(n, 1, h, w).to(x.dtype)], 1)


def pool_layer(kind: str, kernel: int) -> nn.Module:
    """Return a pool that halves the side: avg (padding is not counted) or max."""
    pad = kernel // 2 if kernel % 2 else 0
    if kind == "max":
        return nn.MaxPool2d(kernel, 2, pad)
    return nn.AvgPool2d(kernel, 2, pad, count_include_pad=False)


def halving(kind: str, last: int, width: int, kernel: int, *, bias: bool) -> list[nn.Module]:
    """Return layers that halve the side: a stride, or a convolution and a pool."""
    if kind == "stride":
        return [nn.Conv2d(last, width, kernel, 2, 1, bias=bias)]
    return [nn.Conv2d(last, width, 3, 1, 1, bias=bias), pool_layer(kind, 2)]


def doubling(kind: str, last: int, width: int, *, bias: bool) -> list[nn.Module]:
    """Return layers that double the side: transposed, nearest or pixelshuffle."""
    if kind == "transposed":
        return [nn.ConvTranspose2d(last, width, 4, 2, 1, bias=bias)]
    if kind == "nearest":
        return [nn.Upsample(scale_factor=2), nn.Conv2d(last, width, 3, 1, 1, bias=bias)]
    return [nn.Conv2d(last, 4 * width, 3, 1, 1, bias=bias), nn.PixelShuffle(2)]


class ResBlock(nn.Module):
    """Pre-activation residual block that resizes by two (Gulrajani et al., 2017)."""

    def __init__(
        self, last: int, width: int, *, resample: str, norm: str, act: str, labels: int = 0
    ) -> None:
        super().__init__()
        up = resample == "up"
        middle = width if up else last
        self.told = norm == "conditional"
        scale = nn.Upsample(scale_factor=2) if up else nn.AvgPool2d(2)
        self.shortcut = nn.Sequential(scale, nn.Conv2d(last, width, 1))
        layers = [
            *norm_layer(norm, last, labels),
            activation_layer(act),
            *([nn.Upsample(scale_factor=2)] if up else []),
            nn.Conv2d(last, middle, 3, 1, 1, bias=norm == "none"),
            *norm_layer(norm, middle, labels),
            activation_layer(act),
            nn.Conv2d(middle, width, 3, 1, 1),
            *([] if up else [nn.AvgPool2d(2)]),
        ]
        self.main = stack(layers, told=self.told)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return [N, width, 2H, 2W] (up) or [N, width, H/2, W/2] (down)."""
        changed: Tensor = self.main(x, labels) if self.told else self.main(x)
        return self.shortcut(x) + changed


class Skip(nn.Module):
    """A stack of layers whose output is added to its input: [N, C, H, W] -> the same."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.main = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return x and what the stack makes of it, added."""
        return x + self.main(x)

    def silence(self) -> None:
        """Let the stack begin with nothing to add, where its last layer has weights."""
        weight = getattr(self.main[-1], "weight", None) if len(self.main) else None
        if isinstance(weight, Tensor):
            nn.init.zeros_(weight)


def initialise(network: nn.Module, kind: str) -> None:
    """Set the weights: normal (0.02, as DCGAN), he (fan-in), default (torch's).

    With he, each `Skip` begins silent: it would double the variance (Zhang et al., 2019).
    """
    if kind == "default":
        return
    silent = []
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            if kind == "normal":
                nn.init.normal_(module.weight, 0.0, 0.02)
            else:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d) and module.affine and kind == "normal":
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
        elif isinstance(module, Skip) and kind == "he":
            silent.append(module)
    for skip in silent:
        skip.silence()


def normalise_spectrally(network: nn.Module) -> None:
    """Bound the spectral norm of every linear map (Miyato et al., 2018)."""
    for module in list(network.modules()):
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            spectral_norm(module)
