"""Large pictures in tiles: overlapping, blended, and all seeing the statistics of the whole.

A network of convolutions gives a pixel the same value in a tile as in the whole picture, once the
pixel lies further from the tile's border than the network looks. So the outer `HALO` of a tile is
thrown away and the next `RAMP` is blended with the neighbour.

An instance norm looks at the whole picture: in a tile of sky it would stretch the sky, and each
tile would have a contrast of its own. So means and variances are measured first, over all tiles at
once, at every norm in its turn; then each tile is normalised by these. Up to about two megapixels
that gives what the whole picture would give. A larger picture is measured when shrunk: one contrast
for all of it, without seams, but not quite that of the whole at full size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

# pixels at a tile's border that its neighbours draw: there a network lacks what lies beyond
HALO = 48
# pixels over which two tiles go over into each other
RAMP = 32
OVERLAP = 2 * HALO + RAMP
# pixels that the side of a tile has at least
SMALLEST = 2 * OVERLAP
# side and number of the tiles over which norms are measured, all at once: 4 megapixels
SAMPLE, SAMPLES = 512, 16
SHRINK = 0.9
EPSILON = 1e-6

Run = Callable[[Tensor], Tensor]


def starts(length: int, tile: int, multiple: int) -> list[int]:
    """Return where tiles begin along a side of `length` pixels, on multiples.

    The side and the tile are multiples too, so that a network with strides sees the same grid.

    >>> starts(1000, 512, 4), starts(400, 512, 4)
    ([0, 244, 488], [0])
    """
    if length <= tile:
        return [0]
    room = length - tile
    steps = -(-room // (tile - OVERLAP))
    return [room * step // steps // multiple * multiple for step in range(steps)] + [room]


def weights(begin: int, tile: int, length: int) -> np.ndarray:
    """Return how much each pixel of a tile counts along one side, float32 [tile].

    Where the tile ends at the picture's own border, its pixels count in full.
    """
    along = np.arange(tile, dtype=np.float32) + 0.5
    left = np.clip((along - HALO) / RAMP, 0, 1) if begin > 0 else np.ones(tile, np.float32)
    right = np.clip((tile - along - HALO) / RAMP, 0, 1)
    return (left * (right if begin + tile < length else 1.0)).astype(np.float32)


def windows(height: int, width: int, tile: int, multiple: int) -> Iterator[tuple[slice, slice]]:
    """Yield rows and columns of all tiles of a picture, row by row."""
    for top in starts(height, tile, multiple):
        for left in starts(width, tile, multiple):
            yield slice(top, min(top + tile, height)), slice(left, min(left + tile, width))


def translate_tiled(
    run: Run, model: nn.Module, pixels: np.ndarray, tile: int, multiple: int
) -> np.ndarray:
    """Translate a picture uint8 [H, W, 3] to float32 in [-1, 1], tile by tile.

    `run` maps [N, 3, h, w] in [-1, 1] to the same, by way of `model`, whose instance norms are held
    to statistics of the whole picture. H and W are multiples of `multiple`.
    """
    height, width = pixels.shape[:2]
    norms = _Norms(model)
    norms.measure(run, pixels, multiple)
    made = np.zeros((height, width, 3), np.float32)
    total = np.zeros((height, width, 1), np.float32)
    with norms.holding():
        for part in windows(height, width, tile, multiple):
            share = _share(part, height, width)[..., None]  # [h, w, 1]
            drawn = run(_as_input(pixels[part][None]))[0]  # [3, h, w]
            drawn_pixels = drawn.permute(1, 2, 0).cpu().numpy()
            made[part] += drawn_pixels * share
            total[part] += share
    return made / total


def samples(height: int, width: int, multiple: int) -> list[tuple[slice, slice]]:
    """Return rows and columns of the tiles over which norms are measured."""
    side = -(-SAMPLE // multiple) * multiple
    return list(windows(height, width, side, multiple))


def small_enough(pixels: np.ndarray, multiple: int) -> np.ndarray:
    """Return a picture uint8 [H, W, 3], shrunk to what is measured at once."""
    height, width = pixels.shape[:2]
    tall, wide = height, width
    while len(samples(tall, wide, multiple)) > SAMPLES:
        tall, wide = int(tall * SHRINK), int(wide * SHRINK)
        tall, wide = (max(multiple, side // multiple * multiple) for side in (tall, wide))
    if (tall, wide) == (height, width):
        return pixels
    return np.asarray(cv2.resize(pixels, (wide, tall), interpolation=cv2.INTER_AREA))


def _share(part: tuple[slice, slice], height: int, width: int) -> np.ndarray:
    rows, columns = part
    down = weights(rows.start, rows.stop - rows.start, height)
    across = weights(columns.start, columns.stop - columns.start, width)
    return np.ascontiguousarray(down[:, None] * across[None])  # [h, w]


def _as_input(pixels: np.ndarray) -> Tensor:
    images = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    return images.float().div_(127.5).sub_(1.0)


class _Norms:
    """The instance norms of a model: measures them over tiles, and holds them to it."""

    def __init__(self, model: nn.Module) -> None:
        found = (layer for layer in model.modules() if isinstance(layer, nn.InstanceNorm2d))
        self.layers = [layer for layer in found if not layer.track_running_stats]
        self.shares = torch.ones(1, 1, 1, 1)
        self.known: dict[nn.Module, tuple[Tensor, Tensor]] = {}  # mean and variance, [C] each

    def measure(self, run: Run, pixels: np.ndarray, multiple: int) -> None:
        """Let a picture pass as tiles side by side, with one mean and variance for all."""
        if not self.layers:
            return
        pixels = small_enough(pixels, multiple)
        height, width = pixels.shape[:2]
        parts = samples(height, width, multiple)
        total = np.zeros((height, width), np.float32)
        for part in parts:
            total[part] += _share(part, height, width)
        shares = [_share(part, height, width) / np.maximum(total[part], EPSILON) for part in parts]
        self.shares = torch.from_numpy(np.stack(shares))[:, None]  # [tiles, 1, h, w]
        with self._hooked(self._normalise_together):
            run(_as_input(np.stack([pixels[part] for part in parts])))

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Make each norm use what was measured, if anything was."""
        with self._hooked(self._hold):
            yield

    @contextmanager
    def _hooked(self, hook: Callable[..., Any]) -> Iterator[None]:
        handles = [layer.register_forward_hook(hook) for layer in self.layers]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _normalise_together(
        self, layer: nn.InstanceNorm2d, given: tuple[Tensor], made: Tensor
    ) -> Tensor:
        x = given[0].float()  # [tiles, C, h, w], smaller behind a stride
        # a pixel in several tiles counts once: the shares of all its tiles sum up to 1
        share = interpolate(self.shares.to(x), size=x.shape[2:], mode="area")
        count = share.sum()
        mean = (share * x).sum((0, 2, 3)) / count  # [C]
        spread = (share * (x - mean[:, None, None]) ** 2).sum((0, 2, 3)) / count
        self.known[layer] = mean, spread
        return self._hold(layer, given, made)

    def _hold(self, layer: nn.InstanceNorm2d, given: tuple[Tensor], made: Tensor) -> Tensor:
        if layer not in self.known:
            return made
        mean, spread = self.known[layer]
        scale = (spread + layer.eps).rsqrt()
        shift = -mean * scale
        if layer.affine:
            scale, shift = scale * layer.weight, shift * layer.weight + layer.bias
        return (given[0] * scale[:, None, None] + shift[:, None, None]).to(made)
