"""A canvas of light, in units of the picture, with soft shadows and sharp shapes."""

from __future__ import annotations

import cv2
import numpy as np

Window = tuple[slice, slice]

_BITS = 4  # OpenCV takes polygon corners in 1/16 pixel


class Canvas:
    """A picture of light, and what of it is fruit.

    `image` is float32 [side, side, 3], 0 to 1, `fruit` float32 [side, side].

    Places are parts of the side, x to the right and y down.
    """

    def __init__(self, image: np.ndarray) -> None:
        self.image = image
        self.side = len(image)
        self.fruit = np.zeros((self.side, self.side), np.float32)

    def window(self, corners: np.ndarray, margin: float = 0.0) -> Window:
        """Return the part of the canvas that holds some points [N, 2], and a margin."""
        low = np.floor((corners.min(0) - margin) * self.side).astype(int) - 1
        high = np.ceil((corners.max(0) + margin) * self.side).astype(int) + 2
        (left, top), (right, bottom) = np.clip((low, high), 0, self.side).tolist()
        return slice(top, max(bottom, top)), slice(left, max(right, left))

    def cover(self, window: Window, *polygons: np.ndarray) -> np.ndarray:
        """Return how much of each pixel of a window lies in the polygons, 0 to 1."""
        return self._cover(window, polygons, 1.0)

    def _cover(self, window: Window, polygons: tuple[np.ndarray, ...], scale: float) -> np.ndarray:
        rows, columns = window
        height = max(round((rows.stop - rows.start) * scale), 1)
        width = max(round((columns.stop - columns.start) * scale), 1)
        mask = np.zeros((height, width), np.uint8)
        corner = np.array((columns.start, rows.start)) * scale
        for polygon in polygons:
            pixels = (polygon * (self.side * scale) - corner - 0.5) * (1 << _BITS)
            cv2.fillPoly(mask, [np.rint(pixels).astype(np.int32)], 255, cv2.LINE_AA, _BITS)
        return mask.astype(np.float32) * np.float32(1 / 255)

    def blurred(self, polygon: np.ndarray, blur: float) -> tuple[Window, np.ndarray]:
        """Return a window, and how much a polygon covers in it after a blur."""
        window = self.window(polygon, 2.6 * blur)
        rows, columns = window
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if not height or not width:
            return window, np.zeros((height, width), np.float32)
        sigma = blur * self.side
        scale = min(1.0, 3.0 / max(sigma, 1e-6))
        mask = self._cover(window, (polygon,), scale)
        mask = cv2.GaussianBlur(
            mask, (0, 0), max(sigma * scale, 0.3), borderType=cv2.BORDER_CONSTANT
        )
        return window, cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)

    def blend(self, window: Window, alpha: np.ndarray, colour: np.ndarray) -> None:
        """Lay a colour, [3] or [H, W, 3], over a window by an alpha [H, W]."""
        part = self.image[window]
        part += alpha[..., None] * (colour - part)

    def fill(self, polygon: np.ndarray, colour: np.ndarray, strength: float = 1.0) -> None:
        """Fill a polygon [N, 2] with light of one colour."""
        window = self.window(polygon)
        self.blend(window, self.cover(window, polygon) * np.float32(strength), colour)

    def shadow(
        self,
        polygon: np.ndarray,
        blur: float,
        strength: float,
        tint: np.ndarray | None = None,
        *,
        on_fruit: bool = False,
    ) -> None:
        """Darken the canvas under a blurred polygon, or only the fruits that are on it.

        `tint` is what light [3] comes back from the fruit into its own shadow.
        """
        if on_fruit and not self.fruit[self.window(polygon, 2.6 * blur)].any():
            return
        window, mask = self.blurred(polygon, blur)
        if on_fruit:
            mask = mask * self.fruit[window]
        left = np.zeros(3, np.float32) if tint is None else tint
        self.image[window] *= 1 - (mask * np.float32(strength))[..., None] * (1 - left)

    def finished(self, size: int) -> np.ndarray:
        """Return the picture uint8 [size, size, 3] as a screen shows it."""
        small = cv2.resize(self.image, (size, size), interpolation=cv2.INTER_AREA)
        return _SCREEN[np.clip(small * 4095, 0, 4095).astype(np.uint16)]


def _screen() -> np.ndarray:
    """Return the values 0 to 255 of a screen for 4,096 amounts of light."""
    light = np.linspace(0, 1, 4096)
    return np.rint(255 * light ** (1 / 2.2)).astype(np.uint8)


_SCREEN = _screen()


def ellipse(x: float, y: float, width: float, height: float) -> np.ndarray:
    """Return points [48, 2] on an ellipse of two radii."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.stack([x + width * np.cos(turn), y + height * np.sin(turn)], 1)
