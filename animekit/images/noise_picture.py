"""Noise as a picture: each number a coloured square that holds all of its bits.

Red squares are below zero, blue ones above: that is in the high 4 bits of each channel. In the low
ones of the four pixels of a square's corner, which repeat over it, stand the 32 bits of the number
and 16 bits of their checksum. Pages of animekit write and read the same (assets/web/files.js).
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from animekit.errors import DataError
from animekit.images.decode import quiet
from animekit.images.write import write_png

CELL = 8  # pixels of a square
FULL = 3.0  # the number whose colour is the strongest
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def picture_of(z: np.ndarray) -> np.ndarray:
    """Return noise [D] as a picture uint8 [H, W, 3].

    >>> picture_of(np.zeros(5, np.float32)).shape
    (16, 24, 3)
    """
    across = _across(len(z))
    image = np.full((-(-len(z) // across) * CELL, across * CELL, 3), 255, np.uint8)
    for place, value in enumerate(np.asarray(z, "<f4")):
        far = int(15 - 11 * min(1.0, abs(float(value)) / FULL) + 0.5)
        high = np.array([15, far, far] if value < 0 else [far, far, 15], np.uint8) * 16
        corner = high + _nibbles(value.tobytes()).reshape(2, 2, 3)
        top, left = divmod(place, across)
        square = np.tile(corner, (CELL // 2, CELL // 2, 1))
        image[top * CELL : (top + 1) * CELL, left * CELL : (left + 1) * CELL] = square
    return image


def write_noise(path: Path, z: np.ndarray) -> None:
    """Write noise [D] as a PNG."""
    write_png(path, picture_of(z))


def read_noise(path: Path, count: int) -> np.ndarray:
    """Return the noise float32 [count] of a picture.

    Raises DataError for a picture of something else, or one that was changed since it was made.
    """
    hint = "noise is lost in JPEG and in other sizes: keep the picture as it was saved"
    across = _across(count)
    try:
        with quiet, Image.open(path, formats=("PNG",)) as picture:
            if picture.size != (across * CELL, -(-count // across) * CELL):
                raise DataError(f"{path} is no noise of {count} numbers", hint, code="data.noise")
            image = np.asarray(picture.convert("RGB")) & 15  # [H, W, 3]
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read: {error}", hint, code="data.noise") from None
    numbers = []
    for place in range(count):
        top, left = (CELL * part for part in divmod(place, across))
        low = image[top : top + 2, left : left + 2].reshape(6, 2)
        data = (low[:, 0] * 16 + low[:, 1]).astype(np.uint8).tobytes()
        if data[4:] != _sum(data[:4]):
            raise DataError(f"{path} is no noise, or was changed since", hint, code="data.noise")
        numbers.append(np.frombuffer(data[:4], "<f4")[0])
    return np.array(numbers, np.float32)


def _across(count: int) -> int:
    """Return how many squares stand in a row."""
    return math.isqrt(count - 1) + 1 if count else 1


def _sum(data: bytes) -> bytes:
    return (zlib.crc32(data) & 0xFFFF).to_bytes(2, "little")


def _nibbles(data: bytes) -> np.ndarray:
    """Return the halves of a number's bytes and of their checksum, uint8 [12]."""
    whole = np.frombuffer(data + _sum(data), np.uint8)
    return np.stack([whole >> 4, whole & 15], 1).ravel()
