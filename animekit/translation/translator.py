"""Pictures through a translating model: padded, in batches of one size, or in tiles."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from animekit.device import Arithmetic, autocast
from animekit.errors import UnusableError
from animekit.images.pixels import to_float, to_uint8
from animekit.models.abilities import Translates
from animekit.models.sampling import refuse_nan
from animekit.translation.tiling import SMALLEST, translate_tiled

# pixels that pass at once: one picture of 256, four of 128. More gained nothing on a CPU
BATCH_PIXELS = 65_536
MAX_BATCH = 32
# pixels of a picture up to which it passes in one piece; activations take 1 to 2 kB a pixel
WHOLE_PIXELS = 4_000_000
LEAST = 4  # times the multiple: a shorter side has nothing to mirror after two halvings


@dataclass(frozen=True)
class TranslatorOptions:
    """How pictures pass: in tiles or not, the side of a tile, and the arithmetic."""

    tile: bool | None = None  # None: only what is too large for one piece
    tile_size: int = 512
    precision: Arithmetic = "fp32"


class Translator:
    """A model on its device that translates uint8 pictures of any size."""

    def __init__(self, model: Translates, device: torch.device, options: TranslatorOptions) -> None:
        assert isinstance(model, nn.Module)
        self.module: nn.Module = model.to(device).eval()
        self.model, self.device, self.options = model, device, options
        self.multiple = model.multiple

    def padded(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width that the network sees for a picture.

        Multiples of what the model demands, and large enough for its mirrors.
        """
        m = self.multiple
        least = m * LEAST if m <= 16 else m
        tall, wide = (max(least, -(-side // m) * m) for side in (height, width))
        return tall, wide

    def in_tiles(self, height: int, width: int) -> bool:
        """Say whether a picture of this size passes in tiles."""
        if self.options.tile is None:
            return height * width > WHOLE_PIXELS
        return self.options.tile and max(height, width) > self.tile

    def fits(self, height: int, width: int) -> bool:
        """Say whether a picture of this size can pass at all, in one piece or in tiles."""
        return height * width <= WHOLE_PIXELS or self.in_tiles(height, width)

    @property
    def tile(self) -> int:
        """Side of a tile: what was asked for, brought up to what the model divides."""
        side = max(self.options.tile_size, SMALLEST)
        return -(-side // self.multiple) * self.multiple

    def batch(self, height: int, width: int) -> int:
        """Return how many pictures of a size pass at once."""
        return max(1, min(MAX_BATCH, BATCH_PIXELS // (height * width)))

    def translate(self, pictures: Sequence[np.ndarray], target: Any) -> list[np.ndarray]:
        """Translate pictures uint8 [H, W, 3] of one size to a name or labels [N, L]."""
        return self._apply(pictures, lambda images, to: self.model.translate(images, to), target)

    def back(
        self, pictures: Sequence[np.ndarray], made: Sequence[np.ndarray], target: Any, source: Any
    ) -> list[np.ndarray] | None:
        """Return pictures there and back, None where the model knows no way back.

        `made` is what became of them, so that a model with two directions has half the work.
        """
        directions = self.model.directions
        try:
            if len(directions) == 2 and target in directions:
                return self.translate(made, directions[1 - directions.index(target)])
            return self._apply(
                pictures, lambda images, to: self.model.cycle(images, to, source), target
            )
        except UnusableError:
            return None

    def _apply(self, pictures: Sequence[np.ndarray], call: Any, target: Any) -> list[np.ndarray]:
        height, width = pictures[0].shape[:2]
        tall, wide = self.padded(height, width)
        framed = np.stack([pad(picture, tall, wide) for picture in pictures])  # [N, tall, wide, 3]
        if isinstance(target, Tensor):
            target = target.to(self.device)

        def run(images: Tensor) -> Tensor:
            to = target
            if isinstance(to, Tensor) and len(to) != len(images):
                to = to[:1].expand(len(images), -1)  # tiles of one picture: the same labels for all
            return refuse_nan(
                call(images.to(self.device), to),
                ", or its norms saw a flat picture",
                "try --precision fp32, or another checkpoint",
            ).float()

        with torch.inference_mode(), self._arithmetic():
            if self.in_tiles(tall, wide):
                made = translate_tiled(run, self.module, framed[0], self.tile, self.multiple)
                drawn = to_uint8(torch.from_numpy(made.transpose(2, 0, 1))[None])  # of [1, 3, H, W]
            else:
                drawn = to_uint8(run(to_float(torch.from_numpy(framed)).contiguous()))
        return [np.ascontiguousarray(image[:height, :width]) for image in drawn]

    def _arithmetic(self) -> contextlib.AbstractContextManager[Any]:
        return autocast(self.device, self.options.precision)


def pad(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Extend a picture [H, W, 3] at its right and lower border by its mirror image.

    >>> pad(np.arange(3, dtype=np.uint8).reshape(1, 3, 1), 1, 5).ravel().tolist()
    [0, 1, 2, 1, 0]
    """
    down, across = height - picture.shape[0], width - picture.shape[1]
    if not down and not across:
        return picture
    return np.pad(picture, ((0, down), (0, across), (0, 0)), mode="reflect")
