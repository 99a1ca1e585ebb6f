"""Which colours are vivid in pictures: how much there is of each hue."""

from __future__ import annotations

import cv2
import numpy as np

BINS = 24  # of 15 degrees each
SIDE = 64  # px of the longer side that is looked at


def hues(images: np.ndarray) -> np.ndarray:
    """Return how vivid each hue is in images uint8 [N, H, W, 3]: float32 [N, 24].

    A pixel counts as its saturation times its value, so grey, white and black count for nothing;
    the first bin is of 0 to 15 degrees, red. The sum over bins is the mean vividness, 0 to 1.

    >>> red = np.zeros((1, 4, 4, 3), np.uint8) + np.array([255, 0, 0], np.uint8)
    >>> hues(red)[0, :2].round(3).tolist()
    [1.0, 0.0]
    """
    found = np.zeros((len(images), BINS), np.float32)
    for row, image in zip(found, images, strict=True):
        height, width = image.shape[:2]
        share = min(1.0, SIDE / max(height, width))
        size = (max(1, round(share * width)), max(1, round(share * height)))
        small = cv2.resize(np.asarray(image), size, interpolation=cv2.INTER_AREA)
        hsv = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2HSV).reshape(-1, 3)
        places = (hsv[:, 0] * (BINS / 360)).astype(int) % BINS
        vivid = hsv[:, 1] * hsv[:, 2]
        row[:] = np.bincount(places, weights=vivid, minlength=BINS) / len(hsv)
    return found
