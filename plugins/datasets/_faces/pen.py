"""A pen that fills smooth shapes on a supersampled canvas, in units of the drawing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import cv2
import numpy as np

Colour = tuple[int, int, int]
Points = np.ndarray | Sequence[tuple[float, float]]

_BITS = 4  # OpenCV takes polygon corners in 1/16 pixel
_QUARTER_TURN = np.array([-1.0, 1.0])
_CIRCLE = np.stack([np.cos(t := np.linspace(0, 2 * np.pi, 24, endpoint=False)), np.sin(t)], 1)


@lru_cache(maxsize=64)
def _spline_basis(n: int, samples: int, closed: bool) -> np.ndarray:  # noqa: FBT001
    """Return the matrix that turns n control points into points of a Catmull-Rom curve."""
    t = np.linspace(0, 1, samples, endpoint=False)
    weights = 0.5 * np.stack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3], 1
    )
    spans = n if closed else n - 1
    basis = np.zeros((spans * samples + (not closed), n))
    for span in range(spans):
        for k in range(4):
            at = span + k - 1
            at = at % n if closed else min(max(at, 0), n - 1)
            basis[span * samples : (span + 1) * samples, at] += weights[:, k]
    if not closed:
        basis[-1, -1] = 1.0
    return basis


def curve(through: Points, *, closed: bool = False, samples: int = 6) -> np.ndarray:
    """Return points [M, 2] on a smooth curve through the given ones."""
    through = np.asarray(through, dtype=float)
    return _spline_basis(len(through), samples, closed) @ through


@lru_cache(maxsize=8)
def _bezier_basis(samples: int) -> np.ndarray:
    t = np.linspace(0, 1, samples, endpoint=False)
    return np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], 1)


def arcs(
    starts: np.ndarray, controls: np.ndarray, ends: np.ndarray, samples: int = 7
) -> np.ndarray:
    """Return the points [n * samples, 2] of n quadratic Bezier arcs in a row."""
    corners = np.stack([starts, controls, ends], 1)  # [n, 3, 2]
    return (_bezier_basis(samples) @ corners).reshape(-1, 2)


def points(text: str) -> np.ndarray:
    """Return the points [N, 2] that a text lists.

    >>> points("0 1, 2 -.5").tolist()
    [[0.0, 1.0], [2.0, -0.5]]
    """
    return np.array([pair.split() for pair in text.split(",")], dtype=float)


def moved(shape: np.ndarray, x: float, y: float) -> np.ndarray:
    """Return the points moved right by x and down by y."""
    return shape + np.array((x, y))


def sided(shape: Points, side: int) -> np.ndarray:
    """Return a shape that was made for the right on the given side; -1 is left."""
    return np.asarray(shape) * (side, 1)


def ellipse(x: float, y: float, rx: float, ry: float) -> np.ndarray:
    """Return points [24, 2] on an ellipse."""
    return _CIRCLE * (rx, ry) + (x, y)


@lru_cache(maxsize=64)
def _taper(n: int) -> np.ndarray:
    """Return the matrix [n, 3] from widths at start, middle and end to half widths on the way."""
    t = np.linspace(-1, 1, n)[:, None]
    return np.maximum(1 - np.abs(t - (-1, 0, 1)), 0) / 2


def ribbon(path: np.ndarray, widths: tuple[float, float, float]) -> np.ndarray:
    """Return the outline of a stroke, given its widths at start, middle and end."""
    along = np.empty_like(path)
    along[1:-1] = path[2:] - path[:-2]
    along[0], along[-1] = path[1] - path[0], path[-1] - path[-2]
    length = np.hypot(along[:, 0], along[:, 1]) + 1e-9
    side = along[:, ::-1] * (_taper(len(path)) @ widths / length)[:, None] * _QUARTER_TURN
    return np.concatenate([path + side, (path - side)[::-1]])


def mix(a: Colour, b: Colour, amount: float) -> Colour:
    """Return the colour that lies `amount` of the way from a to b.

    >>> mix((0, 0, 0), (200, 100, 50), 0.5)
    (100, 50, 25)
    """
    red, green, blue = (round(x + (y - x) * amount) for x, y in zip(a, b, strict=True))
    return red, green, blue


class Pen:
    """Fills shapes on an image uint8 [S, S, 3].

    `place` is a matrix [2, 3] from the units of the drawing to parts of the image's side.
    """

    def __init__(self, image: np.ndarray, place: np.ndarray) -> None:
        self.image = image
        scale = image.shape[0] * (1 << _BITS)
        self._linear = np.ascontiguousarray(place[:, :2].T) * scale
        self._offset = place[:, 2] * scale - (1 << (_BITS - 1))
        self._pixel = float((1 << _BITS) / np.hypot(*self._linear[0]))  # in units of the drawing

    def _pixels(self, shape: Points) -> np.ndarray:
        return np.rint(np.asarray(shape) @ self._linear + self._offset).astype(np.int32)

    def fill(self, shape: Points, colour: Colour, strength: float = 1.0) -> None:
        """Fill a polygon with a colour that covers with this strength, 0 to 1."""
        pixels = self._pixels(shape)
        if strength >= 1:
            cv2.fillPoly(self.image, [pixels], colour, cv2.LINE_AA, _BITS)
            return
        below, corner = self._window(pixels)
        above = below.copy()
        cv2.fillPoly(above, [pixels - corner], colour, cv2.LINE_AA, _BITS)
        cv2.addWeighted(above, strength, below, 1 - strength, 0, dst=below)

    def stroke(
        self,
        path: np.ndarray,
        colour: Colour,
        width: float,
        ends: tuple[float, float] = (1, 1),
        strength: float = 1.0,
    ) -> None:
        """Draw a line, `width` wide in its middle and `ends` times that at its ends."""
        # OpenCV covers the pixels on the edge of a polygon too: half a pixel more on each side.
        start, middle, end = (
            max(width * part - self._pixel, 0.0) for part in (ends[0], 1, ends[1])
        )
        self.fill(ribbon(path, (start, middle, end)), colour, strength)

    def outline(self, shape: np.ndarray, colour: Colour, width: float) -> None:
        """Draw a line of one width around a shape."""
        self.stroke(np.concatenate([shape, shape[:1]]), colour, width)

    @contextmanager
    def inside(self, shape: Points) -> Iterator[None]:
        """Keep what is drawn in this block within the shape."""
        pixels = self._pixels(shape)
        image, offset = self.image, self._offset
        window, corner = self._window(pixels)
        mask = np.zeros(window.shape[:2], np.uint8)
        cv2.fillPoly(mask, [pixels - corner], 255, cv2.LINE_8, _BITS)
        self.image, self._offset = window.copy(), offset - corner
        yield
        cv2.copyTo(self.image, mask, window)
        self.image, self._offset = image, offset

    def _window(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the part of the image around a shape, and its corner in 1/16 pixel."""
        height, width = self.image.shape[:2]
        (left, top), (right, bottom) = pixels.min(0).tolist(), pixels.max(0).tolist()
        left = min(max((left >> _BITS) - 2, 0), width - 1)
        top = min(max((top >> _BITS) - 2, 0), height - 1)
        part = self.image[top : max(bottom >> _BITS, top) + 3, left : max(right >> _BITS, left) + 3]
        return part, np.array((left << _BITS, top << _BITS), np.int32)
