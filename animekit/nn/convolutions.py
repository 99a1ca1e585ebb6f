"""Convolutions that choose, layer by layer, between torch's kernels and products of matrices.

Where maps are small and channels many, as in the deep layers of a DCGAN, a convolution is one large
product of matrices, and on a CPU that is up to six times as fast as the convolution itself. The
three maps of a convolution are closed under differentiation: each is the derivative of the others.
So a penalty on gradients takes them again, where torch would copy images into another order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Pair = tuple[int, int]
M = TypeVar("M", bound=nn.Module)
LEAST = 1 << 20
"""Numbers of the largest weight of networks that gain: with 64 channels, DCGAN of 64 px has two
million. With 32 channels both ways take as long, and below Python takes more than it saves."""
SMALL, MIDDLE = 16, 64
"""Places of a map up to which all three are products; the weights' gradient alone, in half
precision."""


@dataclass(frozen=True)
class Geometry:
    """How a convolution from images [N, C, H, W] to maps [N, D, h, w] lies."""

    image: Pair
    kernel: Pair
    stride: Pair
    padding: Pair

    @property
    def map(self) -> Pair:
        """Height and width of the map."""
        (first, second) = (
            (side + 2 * pad - kernel) // stride + 1 for side, kernel, stride, pad in self._sides()
        )
        return first, second

    @property
    def exact(self) -> bool:
        """Whether kernels tile the padded image without a rest, and strides the kernel."""
        return all(
            side + 2 * pad >= kernel
            and (side + 2 * pad - kernel) % stride == 0
            and kernel % stride == 0
            for side, kernel, stride, pad in self._sides()
        )

    def _sides(self) -> zip[tuple[int, int, int, int]]:
        return zip(self.image, self.kernel, self.stride, self.padding, strict=True)

    def products(self, *, half: bool) -> tuple[bool, bool]:
        """Return whether the maps, and whether the weights' gradient, are products."""
        places = self.map[0] * self.map[1]
        return places <= SMALL, places <= (MIDDLE if half else SMALL)


@lru_cache(maxsize=256)
def geometry_of(
    image: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
) -> Geometry | None:
    """Return the geometry of a layer, None where it has no place here."""
    found = Geometry(image, kernel, stride, padding)
    return found if found.exact else None


def _columns(images: Tensor, at: Geometry) -> Tensor:
    """Return what each place of the map sees, [N * h * w, kernel * C]."""
    (down, across), (high, wide) = at.padding, at.map
    rows = images.permute(0, 2, 3, 1)
    if down or across:
        rows = nn.functional.pad(rows, (0, 0, across, across, down, down))
    rows = rows.contiguous()
    n, _, _, channels = rows.shape
    step = rows.stride()
    seen = rows.as_strided(
        (n, high, wide, at.kernel[0], at.kernel[1] * channels),
        (step[0], at.stride[0] * step[1], at.stride[1] * step[2], step[1], 1),
    )
    return seen.reshape(n * high * wide, -1)


def _spread(columns: Tensor, n: int, channels: int, at: Geometry) -> Tensor:
    """Return images in which each place of the map adds its columns to what it sees."""
    (high, wide), (tall, broad) = at.map, at.stride
    times = at.kernel[0] // tall, at.kernel[1] // broad
    parts = columns.view(n, high, wide, times[0], tall, times[1], broad, channels)
    parts = parts.permute(3, 5, 0, 1, 4, 2, 6, 7)  # [times, times, N, h, tall, w, broad, C]
    if times == (1, 1):
        whole = parts[0, 0].reshape(n, high * tall, wide * broad, channels)
    else:
        blocks = columns.new_zeros(
            n, high + times[0] - 1, tall, wide + times[1] - 1, broad, channels
        )
        for i in range(times[0]):
            for j in range(times[1]):
                blocks[:, i : i + high, :, j : j + wide] += parts[i, j]
        whole = blocks.view(n, (high + times[0] - 1) * tall, -1, channels)
    (down, across), (height, width) = at.padding, at.image
    return whole[:, down : down + height, across : across + width].permute(0, 3, 1, 2)


def _rows(maps: Tensor) -> Tensor:
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def _matrix(weight: Tensor) -> Tensor:
    return weight.permute(0, 2, 3, 1).reshape(len(weight), -1)


def _torch_gradient(maps: Tensor, images: Tensor, weight: Tensor, at: Geometry, which: int) -> Any:
    mask = [which == 0, which == 1, False]
    found = torch.ops.aten.convolution_backward(
        maps, images, weight, None, at.stride, at.padding, (1, 1), False, (0, 0), 1, mask
    )
    return found[which]


def _half(tensor: Tensor) -> bool:
    return tensor.dtype in (torch.bfloat16, torch.float16)


def _placeholder(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Return a tensor of which only the shape counts."""
    return torch.empty(
        shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last
    )


class _ToMaps(torch.autograd.Function):
    """Images and weights to maps: the convolution."""

    @staticmethod
    def forward(images: Tensor, weight: Tensor, at: Geometry) -> Tensor:
        if not at.products(half=_half(images))[0]:
            return torch.conv2d(images, weight, None, at.stride, at.padding)
        made = _columns(images, at).mm(_matrix(weight).t())
        return made.view(len(images), *at.map, len(weight)).permute(0, 3, 1, 2)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        images, weight, ctx.at = inputs
        ctx.save_for_backward(images, weight)

    @staticmethod
    def backward(ctx: Any, maps: Tensor) -> Any:
        images, weight = ctx.saved_tensors
        return (
            _ToImages.apply(maps, weight, ctx.at) if ctx.needs_input_grad[0] else None,
            _ToWeights.apply(images, maps, ctx.at) if ctx.needs_input_grad[1] else None,
            None,
        )


class _ToImages(torch.autograd.Function):
    """Maps and weights to images: the transposed convolution."""

    @staticmethod
    def forward(maps: Tensor, weight: Tensor, at: Geometry) -> Tensor:
        channels = weight.shape[1]
        if at.products(half=_half(maps))[0]:
            return _spread(_rows(maps).mm(_matrix(weight)), len(maps), channels, at)
        images = _placeholder((len(maps), channels, *at.image), maps)
        made: Tensor = _torch_gradient(maps, images, weight, at, 0)
        return made

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        maps, weight, ctx.at = inputs
        ctx.save_for_backward(maps, weight)

    @staticmethod
    def backward(ctx: Any, images: Tensor) -> Any:
        maps, weight = ctx.saved_tensors
        return (
            _ToMaps.apply(images, weight, ctx.at) if ctx.needs_input_grad[0] else None,
            _ToWeights.apply(images, maps, ctx.at) if ctx.needs_input_grad[1] else None,
            None,
        )


class _ToWeights(torch.autograd.Function):
    """Images and maps to weights: the gradient of both with respect to those."""

    @staticmethod
    def forward(images: Tensor, maps: Tensor, at: Geometry) -> Tensor:
        shape = maps.shape[1], *at.kernel, images.shape[1]
        if at.products(half=_half(images))[1]:
            made = _rows(maps).t().mm(_columns(images, at))
            return made.view(shape).permute(0, 3, 1, 2)
        weight = _placeholder((shape[0], shape[3], *at.kernel), images)
        found: Tensor = _torch_gradient(maps, images, weight, at, 1)
        return found

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        images, maps, ctx.at = inputs
        ctx.save_for_backward(images, maps)

    @staticmethod
    def backward(ctx: Any, weight: Tensor) -> Any:
        images, maps = ctx.saved_tensors
        return (
            _ToImages.apply(maps, weight, ctx.at) if ctx.needs_input_grad[0] else None,
            _ToMaps.apply(images, weight, ctx.at) if ctx.needs_input_grad[1] else None,
            None,
        )


def _cast(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return both as autocast would hand them to a convolution."""
    kind = x.device.type
    if not torch.is_autocast_enabled(kind):
        return x, weight
    half = torch.get_autocast_dtype(kind)
    return x.to(half), weight.to(half)


def _biased(made: Tensor, bias: Tensor | None) -> Tensor:
    return made if bias is None else made + bias.to(made.dtype)[:, None, None]


class ChosenConv2d(nn.Conv2d):
    """A convolution with the kernels of this module where they pay."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps [N, D, h, w] of images [N, C, H, W]."""
        form = _pair(self.kernel_size), _pair(self.stride), _pair(self.padding)
        at = geometry_of(_pair(x.shape[2:]), *form) if x.ndim == 4 else None
        if at is None or not self.training:
            return super().forward(x)
        images, weight = _cast(x, self.weight)
        return _biased(_ToMaps.apply(images, weight, at), self.bias)


class ChosenConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution with the kernels of this module where they pay."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return the images [N, C, H, W] of maps [N, D, h, w]."""
        form = _pair(self.kernel_size), _pair(self.stride), _pair(self.padding)
        sides = zip(x.shape[2:], *form, strict=False)
        image = [(side - 1) * stride + kernel - 2 * pad for side, kernel, stride, pad in sides]
        at = geometry_of(_pair(image), *form) if x.ndim == 4 else None
        if at is None or output_size or not self.training:
            return super().forward(x, output_size)
        maps, weight = _cast(x, self.weight)
        return _biased(_ToImages.apply(maps, weight, at), self.bias)


def _pair(values: Any) -> Pair:
    first, second = values
    return int(first), int(second)


KINDS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv2d: ChosenConv2d,
    nn.ConvTranspose2d: ChosenConvTranspose2d,
}


def choose_kernels(network: M) -> M:
    """Let the plain convolutions of a network choose; return it, its names as before.

    Those in groups, dilated, with other padding than zeros, or with a parametrised weight keep
    torch's own, and so do all of networks that are too narrow to gain.
    """
    if max((each.numel() for each in network.parameters() if each.ndim == 4), default=0) < LEAST:
        return network
    for module in network.modules():
        kind = KINDS.get(type(module))
        if (
            kind is not None
            and module.groups == 1
            and module.dilation == (1, 1)
            and module.padding_mode == "zeros"
            and not isinstance(module.padding, str)
            and module.output_padding == (0, 0)
        ):
            module.__class__ = kind
    return network
