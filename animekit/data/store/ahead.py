"""Reading ahead: the disk is asked for the pictures of a step before that step wants them."""

from __future__ import annotations

import mmap
from contextlib import suppress

import numpy as np

from animekit.data.store.parts import PartedImages, Pixels


class Ahead:
    """Asks for rows of mapped pixels, to be in memory when they are wanted.

    A row that is touched without it makes the process wait for the disk, which then reads up to
    megabytes around each picture of 12 kB. Where the system takes no such advice, and where the
    pixels are no file, nothing is asked; what is read is the same.
    """

    def __init__(self, images: Pixels) -> None:
        self._images = images
        parts = images.parts if isinstance(images, PartedImages) else [images]
        self._maps = [_map_of(part) for part in parts]
        self._row = int(np.prod(images.shape[1:]))

    def ask(self, rows: np.ndarray) -> None:
        """Begin to read rows, int64 [n], and return without waiting for them."""
        if not isinstance(self._images, PartedImages):
            self._ask(0, rows)
            return
        for part, start, places in self._images.places(rows):
            self._ask(part, rows[places] - start)

    def _ask(self, part: int, rows: np.ndarray) -> None:
        file, first = self._maps[part]
        if file is None:
            return
        starts = first + np.asarray(rows) * self._row
        pages = starts // mmap.PAGESIZE * mmap.PAGESIZE
        with suppress(OSError):  # it was only advice
            for start, size in zip(pages.tolist(), (starts - pages).tolist(), strict=True):
                file.madvise(mmap.MADV_WILLNEED, start, size + self._row)


def _map_of(pixels: np.ndarray) -> tuple[mmap.mmap | None, int]:
    """Return the map that holds an array and where in it the array begins."""
    base: object = pixels
    while isinstance(base, np.ndarray):
        base = base.base
    if not isinstance(base, mmap.mmap) or not hasattr(mmap, "MADV_WILLNEED"):
        return None, 0
    return base, pixels.ctypes.data - np.frombuffer(base, np.uint8).ctypes.data
