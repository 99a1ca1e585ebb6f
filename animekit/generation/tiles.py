"""Tiles: images at the size at which a picture shows them, and the frames of a film."""

from __future__ import annotations

import math

import numpy as np

from animekit.errors import UsageError
from animekit.images.layout import grid
from animekit.images.pixels import resize


def frames_of(images: np.ndarray, tile: int | None, faces: int = 1) -> list[np.ndarray]:
    """Return the frames of a film, each a near square grid of so many faces."""
    tiles = tiles_of(images, tile)
    if faces == 1 or len(tiles) % faces:
        return list(tiles)
    columns = math.ceil(math.sqrt(faces))
    return [grid(part, columns) for part in tiles.reshape(-1, faces, *tiles.shape[1:])]


def check_layout(
    styles: tuple[str, ...],
    style: str | None,
    columns: int | None,
    tile: int | None,
    fps: float | None,
) -> None:
    """Raise UsageError for what no picture can be."""
    if style is not None and style not in styles:
        raise UsageError(f'unknown style "{style}"', "styles: plain figure strip table")
    if columns is not None and columns < 1:
        raise UsageError(f"cannot lay out {columns} columns", "use 1 or more")
    if tile is not None and not 8 <= tile <= 4096:
        raise UsageError(f"image size {tile} is out of range", "use 8 to 4096 pixels")
    if fps is not None and not 0.1 <= fps <= 50:
        raise UsageError(f"{fps} frames a second is out of range", "use 0.1 to 50")


def first(size: int | None, older: int | None) -> int | None:
    """Return a size by its name, or by the older name of the same option."""
    return older if size is None else size


def tiles_of(images: np.ndarray, tile: int | None) -> np.ndarray:
    """Return images [N, H, W, 3] at another side; None: as they are."""
    if tile is None or tile == images.shape[1] == images.shape[2]:
        return images
    return np.stack([resize(image, tile) for image in images])
