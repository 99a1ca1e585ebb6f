"""Pictures made small and flat, as vectors that distances are taken between."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ._common import Map

TILE = 256  # pictures reduced by one task


def reduced(pictures: np.ndarray, side: int, run: Map) -> Tensor:
    """Return pictures averaged over areas: float32 [N, 3, side, side].

    Each cell is the mean of what it covers, parts of pixels included, so that any size will do.
    """
    height, width = pictures.shape[2:]
    rows, columns = _cells(height, side), _cells(width, side)
    result = torch.empty(len(pictures), 3, side, side)

    def reduce(start: int) -> None:
        part = torch.from_numpy(pictures[start : start + TILE].astype(np.float32))
        result[start : start + TILE] = rows @ part @ columns.T

    run(reduce, range(0, len(pictures), TILE))
    return result


@lru_cache(maxsize=16)
def _cells(length: int, side: int) -> Tensor:
    """Return how much of each pixel is in each cell, over the cell's size: [side, length].

    >>> (3 * _cells(3, 2)).tolist()
    [[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]
    """
    edges = np.arange(side + 1) * length / side
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return torch.from_numpy(np.maximum(overlap, 0) * side / length).float()
