"""What grows on a fruit, and what is inside: stems, leaves, calyxes, the face of a half."""

from __future__ import annotations

import cv2
import numpy as np

from animekit_plugins.datasets._fruitcanvas import Canvas
from animekit_plugins.datasets._fruitshapes import REACH, Surface, Vector, basis
from animekit_plugins.datasets._fruitskin import (
    Skin,
    clouds,
    grain,
    linear,
    looked_up,
    smooth,
    streaks,
)

FACE = 224  # the side of the drawing of a cut half


def bent(start: np.ndarray, middle: np.ndarray, end: np.ndarray, count: int) -> np.ndarray:
    """Return points [count, D] on a curve that is drawn toward its middle."""
    t = np.linspace(0, 1, count, dtype=np.float32)[:, None]
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end


def band(path: np.ndarray, left: np.ndarray | float, right: np.ndarray | float) -> np.ndarray:
    """Return the outline of a path [N, 2], given how far it reaches to each side."""
    along = np.gradient(path, axis=0)
    along /= np.hypot(along[:, 0], along[:, 1])[:, None] + 1e-9
    side = np.stack([-along[:, 1], along[:, 0]], 1)
    one = path + side * np.broadcast_to(left, len(path))[:, None]
    other = path - side * np.broadcast_to(right, len(path))[:, None]
    return np.concatenate([one, other[::-1]])


def seen_from(path: np.ndarray, surface: Surface) -> int:
    """Return the first point of a path [N, 3] that the fruit does not hide."""
    grid = len(surface.depth)
    at = np.rint((path[:, :2] * (1, -1) / (2 * REACH) + 0.5) * (grid - 1)).astype(int)
    inside = ((at >= 0) & (at < grid)).all(1)
    column, row = np.clip(at, 0, grid - 1).T
    hull = np.ascontiguousarray(surface.outline, np.float32)
    for index, (x, y, z) in enumerate(path.tolist()):
        over = cv2.pointPolygonTest(hull, (x, y), measureDist=False) < 0
        if over or not inside[index] or z > surface.depth[row[index], column[index]] - 0.02:
            return index
    return len(path)


class Bough:
    """Draws the parts of one fruit; its radius and middle are parts of the side."""

    def __init__(
        self, canvas: Canvas, middle: np.ndarray, radius: float, light: Vector, exposure: float
    ) -> None:
        self.canvas = canvas
        self.middle = middle
        self.radius = radius
        self.light = light
        self.exposure = exposure

    def placed(self, points: np.ndarray) -> np.ndarray:
        """Return points [N, 2 or 3] of the fruit's frame as places on the canvas."""
        return self.middle + points[:, :2] * (self.radius, -self.radius)

    def paint(self, points: np.ndarray, colour: np.ndarray, strength: float = 1.0) -> None:
        """Fill a shape of the fruit's frame with a colour, by the light there is."""
        self.canvas.fill(self.placed(points), colour * np.float32(self.exposure), strength)

    def stem(
        self, surface: Surface, base: Vector, axis: Vector, length: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Draw a stem from the bottom of the dimple; return where it ends, [2], in radii."""
        bend = rng.normal(size=3) * 0.16
        path = bent(base, base + axis * length * 0.6, base + axis * length + bend, 20)
        width = rng.uniform(0.03, 0.05)
        brown = linear(*rng.choice([(92, 62, 34), (74, 58, 30), (104, 84, 44)]))
        wide = width * (0.8 + 0.5 * np.linspace(0, 1, 20) ** 3)
        first = seen_from(path, surface)
        if first < len(path) - 2:
            shown, wide = path[first:, :2], wide[first:]
            cast = shown - self.light[:2] * np.linspace(0.05, 0.3, len(shown))[:, None]
            shade = self.placed(band(cast, wide, wide))
            self.canvas.shadow(shade, 0.03 * self.radius, 0.45, on_fruit=True)
            self.paint(band(shown, wide, wide), brown * np.float32(0.55))
            lit = shown + self.light[:2] * width * 0.35
            self.paint(band(lit, wide * 0.45, wide * 0.45), brown * np.float32(1.25), 0.8)
            end = shown[-1] + _ring(1.25 * width, 0.8 * width)
            self.paint(end, brown * np.float32(0.8))
        return path[-1, :2]

    def leaf(
        self, start: np.ndarray, toward: float, length: float, rng: np.random.Generator
    ) -> None:
        """Draw a leaf that begins at a point [2] and points to an angle, with its shadow."""
        count = 25
        ahead = np.array([np.cos(toward), np.sin(toward)])
        aside = np.array([-ahead[1], ahead[0]]) * rng.uniform(-0.35, 0.35)
        path = bent(start, start + (0.5 * ahead + aside) * length, start + ahead * length, count)
        t = np.linspace(0, 1, count)
        half = np.maximum(np.sin(np.pi * t**0.85), 0) ** 0.8 * (1 - 0.25 * t) * length
        half = half * rng.uniform(0.2, 0.3)
        near, far = half * rng.uniform(0.55, 1.0), half
        green = linear(*rng.uniform((62, 98, 24), (104, 142, 48)))
        cast = self.placed(band(path - self.light[:2] * 0.16, near, far))
        self.canvas.shadow(cast, 0.05 * self.radius, 0.5, on_fruit=True)
        turned = np.array([-ahead[1], ahead[0]]) @ self.light[:2]
        first, second = 1 + 0.38 * turned, 1 - 0.38 * turned
        self.paint(band(path, near, far), green * np.float32(second))
        self.paint(band(path, near, 0.0), green * np.float32(first))
        glossy = band(path, near * 0.72, -near * 0.3)
        self.paint(glossy[3:-3], green * np.float32(first * 1.3) + np.float32(0.02), 0.35)
        pale = green * np.float32(1.5) + np.float32(0.03)
        for at in range(4, count - 5, 3):
            for reach in (near[at], -far[at]):
                tip = path[at] + np.array([-ahead[1], ahead[0]]) * reach * 0.85
                tip = tip + ahead * abs(reach) * 0.6
                vein = np.stack([path[at], (path[at] + tip) / 2, tip])
                self.paint(band(vein, 0.008, 0.008), pale, 0.3)
        self.paint(band(path, 0.018 * (1.2 - t), 0.018 * (1.2 - t)), pale, 0.75)

    def calyx(self, base: Vector, axis: Vector, size: float, rng: np.random.Generator) -> None:
        """Draw the small green star where an orange grew on its stem."""
        across = basis(axis)[:2]
        turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        lobes = 1 + 0.3 * np.cos(5 * turn + rng.uniform(0, 6)) + 0.12 * np.cos(3 * turn)
        ring = np.stack([np.cos(turn), np.sin(turn)], 1) @ across
        green = linear(*rng.uniform((96, 104, 40), (132, 140, 66)))
        lift = base + axis * 0.015
        self.canvas.shadow(self.placed(lift + ring * size * 1.6), 0.03 * self.radius, 0.35)
        self.paint(lift - 0.02 * self.light + ring * size * lobes[:, None], green * np.float32(0.3))
        self.paint(lift + ring * size * lobes[:, None] * 0.94, green)
        self.paint(lift + axis * 0.02 + ring * size * 0.45, green * np.float32(0.5))
        self.paint(lift + axis * 0.03 + ring * size * 0.36, linear(176, 160, 110))

    def blossom(self, base: Vector, axis: Vector, rng: np.random.Generator) -> None:
        """Draw the dry rest of the blossom at the lower end of an apple."""
        across = basis(axis)[:2]
        turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        lobes = 1 + 0.45 * np.cos(5 * turn + rng.uniform(0, 6))
        ring = (np.stack([np.cos(turn), np.sin(turn)], 1) @ across) * lobes[:, None]
        self.paint(base + ring * 0.1, linear(58, 42, 22), 0.8)
        self.paint(base + ring * 0.05, linear(110, 92, 56), 0.7)


def branch(
    canvas: Canvas, tops: np.ndarray, radius: float, light: Vector, rng: np.random.Generator
) -> None:
    """Draw the branch, with leaves, that goes through the ends [N, 2] of stems."""
    first, last = tops[tops[:, 0].argmin()], tops[tops[:, 0].argmax()]
    slope = rng.uniform(-0.3, 0.3)
    if last[0] - first[0] > 0.1:
        slope = (last[1] - first[1]) / (last[0] - first[0])
    x = np.linspace(-0.1, 1.1, 60)
    waves = np.sin(x * rng.uniform(9, 14) + rng.uniform(0, 6)) * 0.004
    path = np.stack([x, first[1] + slope * (x - first[0]) + waves], 1)
    thick, thin = rng.permutation((0.07, 0.04)).tolist()
    wide = np.linspace(thick, thin, 60) * radius * (1 + 40 * waves)
    bough = Bough(canvas, np.zeros(2), 1.0, light, 1.0)
    leaves = Bough(canvas, np.zeros(2), radius, light, 0.9)
    at = rng.permutation(60)[: int(rng.integers(4, 9))]
    for number, index in enumerate(at.tolist()):
        if number == len(at) // 2:  # some leaves are behind the branch, some before it
            for part, shift, tone in ((1.0, 0.0, 0.6), (0.55, -0.35, 1.3), (0.2, -0.5, 1.7)):
                strip = path + np.array((0, 1)) * (wide * shift)[:, None]
                line = band(strip * (1, -1), wide * part, wide * part)
                bough.paint(line, linear(96, 74, 50) * np.float32(tone), 1.0 if part == 1 else 0.6)
        leaves.middle = path[index]
        angle = rng.choice((-0.9, 0.9, -2.2, 2.2)) + rng.uniform(-0.5, 0.5)
        leaves.leaf(np.zeros(2), angle, rng.uniform(0.7, 1.1), rng)


def _ring(width: float, height: float) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    return np.stack([width * np.cos(turn), height * np.sin(turn)], 1)


def cut_face(skin: Skin, rng: np.random.Generator) -> np.ndarray:
    """Return the face of a half orange: light [FACE, FACE, 3], to its rim."""
    ticks = np.linspace(-1, 1, FACE, dtype=np.float32)
    x, y = np.meshgrid(ticks, ticks)
    far, turn = cv2.cartToPolar(x, y)
    count = int(rng.integers(9, 13))
    walls = (np.arange(count) + rng.uniform(-0.16, 0.16, count)) * (2 * np.pi / count)
    walls = np.append(walls, walls[0] + 2 * np.pi).astype(np.float32)
    angle = (turn - walls[0]) % np.float32(2 * np.pi) + walls[0]
    which = np.clip(np.searchsorted(walls, angle.ravel(), side="right") - 1, 0, count - 1)
    low, high = walls[which].reshape(x.shape), walls[which + 1].reshape(x.shape)
    aside = np.minimum(angle - low, high - angle)
    wall = far * np.sin(np.minimum(aside, 1.5))  # how far the nearest wall is
    rind = rng.uniform(0.045, 0.06)
    room = np.minimum(wall - 0.014, (1 - rind - 0.05 - far) * 0.9)
    room = np.minimum(room, (far - rng.uniform(0.05, 0.09)) * 0.8)
    corner = smooth(room, 0.0, 0.03)
    place = np.float32(rng.uniform(0, 1))
    line = looked_up(streaks(), angle * 0.42 + place, far * 0.28 + 0.05 * which.reshape(x.shape))
    soft = looked_up(clouds(), x * 0.3 + place, y * 0.3)
    fine = looked_up(grain(), x * 0.2, y * 0.2 + place)
    middle = smooth(room, 0.0, 0.2)
    flesh = linear(255, 158, 24) * (1.12 - 0.12 * middle + 0.1 * line + 0.06 * soft)[..., None]
    flesh *= 1 - middle[..., None] * np.array((0.0, 0.14, 0.4), np.float32)
    flesh += (np.maximum(fine - 1.7, 0) * 0.2 * (far < 0.85))[..., None]
    pith = linear(255, 224, 158) * (1 + 0.03 * soft)[..., None]
    face = pith + corner[..., None] * (flesh - pith)
    edge = smooth(far, 1 - rind - 0.01, 1 - rind * 0.5)
    return face + edge[..., None] * (skin.over - face)
