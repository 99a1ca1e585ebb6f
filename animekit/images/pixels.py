"""Pixels: resized, mirrored, and between uint8 and [-1, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Cut the centre square out of [H, W, 3] and scale it to [size, size, 3].

    Down by area averaging, up bicubic.

    >>> resize(np.full((3, 8, 3), 7, np.uint8), 2).shape
    (2, 2, 3)
    """
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    if side == size:
        return np.ascontiguousarray(square)
    method = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (size, size), interpolation=method))


def mirror(images: np.ndarray) -> np.ndarray:
    """Flip each of [N, H, W, 3] left to right.

    >>> mirror(np.arange(6, dtype=np.uint8).reshape(1, 1, 2, 3)).ravel().tolist()
    [3, 4, 5, 0, 1, 2]
    """
    if not len(images):
        return images
    # One call for all: the images stand on each other as one tall image.
    tall = images.reshape(-1, *images.shape[2:])
    return np.asarray(cv2.flip(tall, 1)).reshape(images.shape)


def to_float(images: Tensor) -> Tensor:
    """Turn uint8 [N, H, W, C] into float32 [N, C, H, W] in [-1, 1].

    The memory stays in the order of the bytes, which is channels_last.
    """
    return images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def to_uint8(images: Tensor) -> np.ndarray:
    """Turn [N, C, H, W] in [-1, 1] into uint8 [N, H, W, 3].

    Values outside are clamped, halves are rounded up, and grey is repeated to three channels.
    """
    scaled = images.detach().float().clamp(-1.0, 1.0).add(1.0).mul(127.5).add(0.5).floor()
    pixels = np.ascontiguousarray(scaled.byte().permute(0, 2, 3, 1).cpu().numpy())
    return np.repeat(pixels, 3, axis=3) if pixels.shape[3] == 1 else pixels
