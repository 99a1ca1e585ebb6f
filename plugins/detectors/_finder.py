"""The network of the detector `own`, and the step from its maps to boxes."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

STRIDE = 8  # pixels of a cell: the network says one thing for each
SMALLEST, LARGEST = 24.0, 56.0  # sides in pixels of the faces that it is trained to see
MIDDLE = 36.0  # the side that an output of 0 stands for
PAD = 16  # pixels of border that are repeated round a picture at each of its sizes
CHANNELS, WIDTH, DILATIONS = (16, 32), 64, (1, 2, 1, 2)
NESTED = 0.7  # a box is part of a better one if so much of the smaller lies in the larger
OUTPUTS = 4  # logit, offset to the right and down in MIDDLE, logarithm of side / MIDDLE


class FinderBlock(nn.Module):
    """A 3x3 convolution that adds to what it is given."""

    def __init__(self, width: int, dilation: int, *, norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=not norm)
        self.norm = nn.BatchNorm2d(width) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum, [N, C, H, W]."""
        return x + torch.relu_(self.norm(self.conv(x)))


class Stem(nn.Module):
    """A 3x3 convolution that halves the sides."""

    def __init__(self, given: int, width: int, *, norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(given, width, 3, stride=2, padding=1, bias=not norm)
        self.norm = nn.BatchNorm2d(width) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return half the sides, [N, C, H / 2, W / 2]."""
        return torch.relu_(self.norm(self.conv(x)))


class Finder(nn.Module):
    """Says for each 8x8 cell whether a face of 24 to 56 px is there, and where.

    Takes RGB [N, 3, H, W] in [-1, 1], sides a multiple of 8; returns [N, 4, H / 8, W / 8]. It is
    trained with batch normalisation, which is then worked into the convolutions.
    """

    def __init__(self, *, norm: bool = False) -> None:
        super().__init__()
        widths = (3, *CHANNELS, WIDTH)
        stems = [Stem(a, b, norm=norm) for a, b in pairwise(widths)]
        blocks = [FinderBlock(WIDTH, dilation, norm=norm) for dilation in DILATIONS]
        self.body = nn.Sequential(*stems, *blocks)
        self.head = nn.Conv2d(WIDTH, OUTPUTS, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps of logit, offsets and size."""
        return self.head(self.body(x))


def boxes_of(maps: np.ndarray, scale: float, threshold: float, pad: int = PAD) -> list[np.ndarray]:
    """Return for each picture the boxes [K, 5] of its cells over a threshold.

    A row is x, y, sides, score. `maps` are [N, 4, H, W] of pictures that were resized by `scale`,
    then padded by `pad`.
    """
    over = maps[:, 0] > math.log(threshold / (1 - threshold))
    which, rows, columns = np.nonzero(over)
    logit, right, down, size = maps[which, :, rows, columns].T.astype(np.float64)
    side = MIDDLE * np.exp(np.clip(size, -2, 2))
    boxes = np.empty((len(which), 5))
    boxes[:, 0] = columns * STRIDE + STRIDE / 2 + MIDDLE * right - side / 2 - pad
    boxes[:, 1] = rows * STRIDE + STRIDE / 2 + MIDDLE * down - side / 2 - pad
    boxes[:, 2] = boxes[:, 3] = side
    boxes[:, :4] /= scale
    boxes[:, 4] = 1 / (1 + np.exp(-logit))
    ends = np.searchsorted(which, np.arange(1, len(maps)))
    return np.split(boxes, ends)


def merge(boxes: np.ndarray, overlap: float) -> np.ndarray:
    """Return one box for each face, best score first: boxes [N, 5] -> [M, 5].

    The best box takes in all that overlap it (intersection over union, or the share of the smaller
    one that lies inside) and becomes the mean of those that overlap well, weighted by score.
    """
    boxes = boxes[np.argsort(-boxes[:, 4], kind="stable")]
    kept = []
    while len(boxes):
        union, inside = overlaps(boxes[0], boxes)
        same = boxes[union >= max(overlap, 0.5)]  # the best box itself is among them
        shares = same[:, 4] / same[:, 4].sum()
        kept.append([*(shares @ same[:, :4]), boxes[0, 4]])
        boxes = boxes[(union < overlap) & (inside < NESTED)]
    return np.array(kept, dtype=np.float64).reshape(-1, 5)


def overlaps(box: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return intersection over union, and over the smaller box, of one box with many."""
    starts = np.maximum(box[:2], boxes[:, :2])
    ends = np.minimum(box[:2] + box[2:4], boxes[:, :2] + boxes[:, 2:4])
    common = np.clip(ends - starts, 0, None).prod(axis=1)
    area, areas = box[2] * box[3], boxes[:, 2] * boxes[:, 3]
    return common / (area + areas - common), common / np.minimum(area, areas)
