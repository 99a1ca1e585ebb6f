"""The Inception network of the FID (Szegedy et al., 2015; Heusel et al., 2017).

It is the network that TensorFlow published on 2015-12-05, in which three things differ from the
usual Inception v3: average pools do not count the padding, the last block pools by the maximum,
and there are 1008 classes. Names of the weights are those of pytorch-fid and torch-fidelity.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIZE = 299  # px
CLASSES = 1008
CENTRE, SCALE = 128.0, 128.0  # pixels become (x - 128) / 128
FINER = ("MaxPool_1", "MaxPool_2", "Mixed_5d", "Mixed_6e", "Mixed_7c")  # whose output is a map

Kernel = int | tuple[int, int]
Step = tuple[int, Kernel]  # output channels, kernel; stride 1, and the size stays
ROW, COLUMN = (1, 7), (7, 1)


def tensorflow_bilinear(images: Tensor, side: int) -> Tensor:
    """Return images of a side as TensorFlow 1 resized them, not antialiased.

    The first pixel of the output is that of the input, and so on in steps of old / new side.

    >>> tensorflow_bilinear(torch.tensor([[[[0.0, 8.0]]]]).expand(1, 1, 2, 2), 4)[0, 0, 0].tolist()
    [0.0, 4.0, 8.0, 8.0]
    """
    return _stretch(_stretch(images, side, 3), side, 2)


def _stretch(images: Tensor, side: int, dim: int) -> Tensor:
    length = images.shape[dim]
    place = torch.arange(side, dtype=torch.float32) * torch.tensor(length / side)
    low = place.long()
    first = images.index_select(dim, low)
    second = images.index_select(dim, (low + 1).clamp(max=length - 1))
    weight = (place - low).view(-1, *[1] * (3 - dim))
    return first + (second - first) * weight


class Unit(nn.Sequential):
    """A convolution without bias, batch normalisation and ReLU."""

    def __init__(
        self, last: int, width: int, kernel: Kernel, stride: int = 1, *, same: bool = True
    ) -> None:
        sides = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        padding = (sides[0] // 2, sides[1] // 2) if same else (0, 0)
        conv = nn.Conv2d(last, width, sides, stride, padding, bias=False)
        norm = nn.BatchNorm2d(width, eps=1e-3)
        super().__init__(OrderedDict(conv=conv, bn=norm, relu=nn.ReLU(inplace=True)))


class Mixed(nn.Module):
    """Branches of units side by side, and a pool; what they give is put together.

    `halving` branches end in a unit of stride 2 without padding. `forked` ones end in two units
    side by side, one along rows and one along columns.
    """

    def __init__(
        self,
        last: int,
        branches: dict[str, list[Step]],
        pool: int | None = None,
        *,
        halving: tuple[str, ...] = (),
        forked: tuple[str, ...] = (),
        maximum: bool = False,
    ) -> None:
        super().__init__()
        self.paths: list[tuple[list[str], list[str]]] = []
        self.maximum = maximum
        for name, steps in branches.items():
            width, chain, ends = last, [], []
            for number, (output, kernel) in enumerate(steps, 1):
                label = name if len(steps) == 1 else f"{name}_{number}"
                closing = number == len(steps)
                if closing and name in forked:
                    ends = [f"{label}a", f"{label}b"]
                    self.add_module(ends[0], Unit(width, output, (1, 3)))
                    self.add_module(ends[1], Unit(width, output, (3, 1)))
                    continue
                half = closing and name in halving
                self.add_module(label, Unit(width, output, kernel, 1 + half, same=not half))
                chain.append(label)
                width = output
            self.paths.append((chain, ends))
        if pool is not None:
            self.branch_pool = Unit(last, pool, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the branches' maps and then the pool's, along the channels."""
        outputs = []
        for chain, ends in self.paths:
            y = x
            for label in chain:
                y = self.get_submodule(label)(y)
            outputs += [self.get_submodule(label)(y) for label in ends] if ends else [y]
        return torch.cat([*outputs, self._pool(x)], 1)

    def _pool(self, x: Tensor) -> Tensor:
        if not hasattr(self, "branch_pool"):
            return F.max_pool2d(x, 3, 2)
        if self.maximum:
            return self.branch_pool(F.max_pool2d(x, 3, 1, 1))
        return self.branch_pool(F.avg_pool2d(x, 3, 1, 1, count_include_pad=False))


def _fine(last: int, pool: int) -> Mixed:
    branches: dict[str, list[Step]] = {
        "branch1x1": [(64, 1)],
        "branch5x5": [(48, 1), (64, 5)],
        "branch3x3dbl": [(64, 1), (96, 3), (96, 3)],
    }
    return Mixed(last, branches, pool)


def _middle(width: int) -> Mixed:
    branches: dict[str, list[Step]] = {
        "branch1x1": [(192, 1)],
        "branch7x7": [(width, 1), (width, ROW), (192, COLUMN)],
        "branch7x7dbl": [
            (width, 1),
            (width, COLUMN),
            (width, ROW),
            (width, COLUMN),
            (192, ROW),
        ],
    }
    return Mixed(768, branches, 192)


def _coarse(last: int, *, maximum: bool) -> Mixed:
    branches: dict[str, list[Step]] = {
        "branch1x1": [(320, 1)],
        "branch3x3": [(384, 1), (384, 3)],
        "branch3x3dbl": [(448, 1), (384, 3), (384, 3)],
    }
    return Mixed(last, branches, 192, forked=("branch3x3", "branch3x3dbl"), maximum=maximum)


def _shrink_to_17() -> Mixed:
    branches: dict[str, list[Step]] = {
        "branch3x3": [(384, 3)],
        "branch3x3dbl": [(64, 1), (96, 3), (96, 3)],
    }
    return Mixed(288, branches, halving=tuple(branches))


def _shrink_to_8() -> Mixed:
    branches: dict[str, list[Step]] = {
        "branch3x3": [(192, 1), (320, 3)],
        "branch7x7x3": [(192, 1), (192, ROW), (192, COLUMN), (192, 3)],
    }
    return Mixed(768, branches, halving=tuple(branches))


class Inception(nn.Module):
    """The network of the FID: 2048 features and 1008 logits of images of 299 px."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Unit(3, 32, 3, 2, same=False)  # 149 px
        self.Conv2d_2a_3x3 = Unit(32, 32, 3, same=False)  # 147 px
        self.Conv2d_2b_3x3 = Unit(32, 64, 3)
        self.MaxPool_1 = nn.MaxPool2d(3, 2)  # 73 px
        self.Conv2d_3b_1x1 = Unit(64, 80, 1)
        self.Conv2d_4a_3x3 = Unit(80, 192, 3, same=False)  # 71 px
        self.MaxPool_2 = nn.MaxPool2d(3, 2)  # 35 px
        self.Mixed_5b = _fine(192, 32)
        self.Mixed_5c = _fine(256, 64)
        self.Mixed_5d = _fine(288, 64)
        self.Mixed_6a = _shrink_to_17()
        for letter, width in zip("bcde", (128, 160, 160, 192), strict=True):
            self.add_module(f"Mixed_6{letter}", _middle(width))
        self.Mixed_7a = _shrink_to_8()
        self.Mixed_7b = _coarse(1280, maximum=False)
        self.Mixed_7c = _coarse(2048, maximum=True)
        self.fc = nn.Linear(2048, CLASSES)

    def maps(self, pixels: Tensor) -> list[Tensor]:
        """Return maps of 73, 35, 35, 17 and 8 px for pixels [N, 3, 299, 299] in 0..255."""
        x, found = (pixels - CENTRE) / SCALE, []
        for name, module in self.named_children():
            if name == "fc":
                continue
            x = module(x)
            if name in FINER:
                found.append(x)
        return found

    def features(self, pixels: Tensor) -> Tensor:
        """Return features [N, 2048] for pixels [N, 3, 299, 299] in 0..255."""
        return self.maps(pixels)[-1].mean((2, 3))

    def classify(self, pixels: Tensor) -> Tensor:
        """Return logits [N, 1008] without bias, as the Inception score takes them."""
        return F.linear(self.features(pixels), self.fc.weight)
