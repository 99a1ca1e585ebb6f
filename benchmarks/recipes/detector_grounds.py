"""Pictures without faces, to train a face detector on: parts, photographs, clip art, drawings.

Foliage before a bright sky is drawn too: its dark clumps and bright holes pass for hair and skin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from animekit_plugins.detectors._finder import LARGEST, SMALLEST

SIDE = 128
LEAST, MOST = SMALLEST * 0.9, LARGEST * 1.08  # faces that are drawn as faces
Box = tuple[float, float, float]  # centre and side: of a canvas in pixels, of a crop as shares
Crop = tuple[np.ndarray, Box]
Table = list[tuple[float, Callable[[], Any]]]  # what may be drawn, with weights


class Grounds:
    """Draws canvases, RGB uint8 [SIDE, SIDE, 3], on which nothing is a face."""

    def __init__(
        self,
        crops: list[list[Crop]],
        shares: list[float],
        photos: list[np.ndarray],
        clips: list[np.ndarray],
        strays: list[np.ndarray],
        seed: int,
    ) -> None:
        self.crops, self.shares, self.photos, self.clips = crops, shares, photos, clips
        self.strays = strays
        self.random = np.random.default_rng(seed)
        self.grounds: Table = [
            (0.17, self.photo),
            (0.18, self.part),
            (0.13, self.shuffled),
            (0.10, self.drawn),
            (0.25, self.scene),
            (0.04, self.texture),
            (0.12, self.foliage),
        ]

    def pick(self, table: Table) -> Any:
        """Call one of the functions of a table, drawn by weight, and return what it returns."""
        weights = np.array([weight for weight, _ in table])
        return table[self.random.choice(len(table), p=weights / weights.sum())][1]()

    def crop(self) -> Crop:
        """Return a crop of a face."""
        source = self.crops[self.random.choice(len(self.crops), p=self.shares)]
        return source[self.random.integers(len(source))]

    def size(self) -> float:
        """Return the side in pixels of a face that is to be found."""
        return float(np.exp(self.random.uniform(np.log(LEAST), np.log(MOST))))

    def ground(self) -> np.ndarray:
        """Return what is no face even if it is made smaller."""
        return self.pick(self.grounds)

    def photo(self) -> np.ndarray:
        """Return a part of a photograph."""
        picture = self.photos[self.random.integers(len(self.photos))]
        return self._window(picture, 0.3 if max(picture.shape) <= 400 else 0.1, 1.0)

    def _window(self, picture: np.ndarray, least: float, most: float) -> np.ndarray:
        height, width = picture.shape[:2]
        side = max(8, int(min(height, width) * self.random.uniform(least, most)))
        top = self.random.integers(0, height - side + 1)
        left = self.random.integers(0, width - side + 1)
        part = picture[top : top + side, left : left + side]
        if self.random.random() < 0.3:
            part = np.rot90(part, self.random.integers(4))
        return resized(np.ascontiguousarray(part), SIDE)

    def part(self) -> np.ndarray:
        """Return hair, cloth, skin: small parts of crops, enlarged, or tiled and mirrored."""
        picture, _ = self.crop()
        if self.random.random() < 0.5:
            return self._window(picture, 0.15, 0.42)
        side = int(len(picture) * self.random.uniform(0.2, 0.36))  # a corner: no eyes in there
        rows = slice(0, side) if self.random.random() < 0.4 else slice(-side, None)
        columns = slice(0, side) if self.random.random() < 0.5 else slice(-side, None)
        corner = picture[rows, columns]
        matrix = cv2.getRotationMatrix2D(
            (side / 2, side / 2), self.random.uniform(0, 360), self.random.uniform(0.8, 4)
        )
        return warp(corner, matrix, cv2.BORDER_REFLECT)

    def shuffled(self) -> np.ndarray:
        """Return a crop cut into squares that changed places: its colours without its order."""
        picture, _ = self.crop()
        if self.random.random() < 0.3:
            picture = np.hstack([picture, cv2.resize(self.crop()[0], picture.shape[1::-1])])
        count = int(self.random.integers(3, 7))
        step = min(picture.shape[:2]) // count
        tiles = [
            picture[y : y + step, x : x + step]
            for y in range(0, step * count, step)
            for x in range(0, picture.shape[1] // step * step, step)
        ]
        order = self.random.permutation(len(tiles))
        rows = [
            np.hstack([tiles[k] for k in order[start : start + count]])
            for start in range(0, len(tiles) // count * count, count)
        ]
        size = self.size() / 0.8
        matrix = np.eye(2, 3) * size / (step * count)
        matrix[:, 2] = self.random.uniform(-0.2, 0.8, 2) * SIDE * self.random.choice([0, 1])
        return warp(np.vstack(rows), matrix, cv2.BORDER_REPLICATE)

    def scene(self) -> np.ndarray:
        """Return clip art on a ground: drawn things, whole or in part."""
        random = self.random
        canvas = self.photo() if random.random() < 0.5 else self.texture()
        if random.random() < 0.5:
            canvas[:] = random.integers(0, 256, 3) if random.random() < 0.6 else 255
        for _ in range(random.integers(1, 7)):
            clip = self.clips[random.integers(len(self.clips))]
            scale = SIDE * np.exp(random.uniform(np.log(0.15), np.log(1.6))) / max(clip.shape[:2])
            size = [max(1, round(length * scale)) for length in clip.shape[1::-1]]
            clip = cv2.resize(clip, size, interpolation=cv2.INTER_AREA)
            if random.random() < 0.4:
                clip = np.rot90(clip, random.integers(4))
            _paste(canvas, clip, *(random.uniform(-0.3, 0.8, 2) * SIDE).astype(int))
        return canvas

    def texture(self) -> np.ndarray:
        """Return noise, smooth or not, or a gradient."""
        cells = int(self.random.choice([2, 3, 5, 9, 17, 33, 128]))
        grid = self.random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        if self.random.random() < 0.4:
            grid[:] = grid.mean(axis=2, keepdims=True)
        return cv2.resize(grid, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)

    def foliage(self) -> np.ndarray:
        """Return leaves and needles in several depths before a sky, in light and in shadow."""
        random = self.random
        chance = random.random()
        canvas = self.texture() if chance < 0.2 else self.photo() if chance < 0.3 else self._sky()
        hue = random.uniform(25, 75) if random.random() < 0.7 else random.uniform(0, 180)
        for _ in range(random.integers(1, 5)):
            tall = random.uniform(0.3, 3)  # needles hang, leaves lie
            rough = self._noise(random.uniform(2, 6), tall) + 0.7 * self._noise(24, tall)
            rough += random.uniform(0.1, 0.5) * self._noise(64, tall)
            lean = np.linspace(-1, 1, SIDE)[:, None] * random.normal(0, 0.8)
            lean = lean + np.linspace(-1, 1, SIDE)[None] * random.normal(0, 0.8)
            inside = np.clip((rough + lean - random.uniform(-0.6, 0.8)) * 4, 0, 1)[..., None]
            dark, light = sorted(random.uniform(0, 255, 2) * (1.0, random.choice([0.4, 1.0])))
            shade = np.clip(0.5 + 0.4 * (self._noise(48, 1) + self._noise(5, 1)), 0, 1)
            leaves = np.empty((SIDE, SIDE, 3), np.uint8)
            leaves[..., 0] = np.clip(hue + random.normal(0, 8), 0, 179)
            leaves[..., 1] = random.uniform(20, 220)
            leaves[..., 2] = dark + (light - dark) * shade**2
            leaves = cv2.cvtColor(leaves, cv2.COLOR_HSV2RGB)
            canvas = (leaves * inside + canvas * (1 - inside)).astype(np.uint8)
        return cv2.GaussianBlur(canvas, (0, 0), random.uniform(0.5, 1.5))

    def _sky(self) -> np.ndarray:
        """Return a gradient from one bright colour to another."""
        ends = self.random.integers(120, 256, (2, 1, 3)).astype(np.uint8)
        return cv2.resize(ends, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)

    def _noise(self, cells: float, tall: float) -> np.ndarray:
        """Return smooth noise of deviation 1 or less, float32 [SIDE, SIDE]."""
        size = [max(2, round(cells * factor)) for factor in (tall**-0.5, tall**0.5)]
        grid = self.random.standard_normal(size, dtype=np.float32)
        return cv2.resize(grid, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)

    def drawn(self) -> np.ndarray:
        """Return flat art: shapes with outlines, curves, folds, letters, rings and dots."""
        random = self.random
        canvas = cv2.resize(self.texture() if random.random() < 0.5 else self.photo(), (SIDE, SIDE))
        if random.random() < 0.6:
            canvas[:] = random.integers(0, 256, 3)
        palette = random.integers(0, 256, (4, 3)).tolist()
        for _ in range(random.integers(3, 26)):
            self._stroke(canvas, palette[random.integers(4)])
        return canvas

    def _stroke(self, canvas: np.ndarray, colour: list[int]) -> None:
        random = self.random
        points = (random.uniform(-0.1, 1.1, 2) * SIDE + random.normal(0, 22, (5, 2))).astype(int)
        dark = [int(value * random.uniform(0, 0.6)) for value in colour]
        kind = random.integers(6)
        if kind == 0:
            hull = cv2.convexHull(points.astype(np.int32))
            cv2.fillPoly(canvas, [hull], colour, cv2.LINE_AA)
            cv2.polylines(canvas, [hull], True, dark, int(random.integers(1, 3)), cv2.LINE_AA)
        elif kind == 1:
            axes = [int(abs(value)) + 2 for value in random.normal(0, 18, 2)]
            turn = int(random.integers(360))
            place = points[0].tolist()
            cv2.ellipse(canvas, place, axes, turn, 0, 360, colour, -1, cv2.LINE_AA)
            cv2.ellipse(canvas, place, axes, turn, 0, 360, dark, 1, cv2.LINE_AA)
            if random.random() < 0.4:  # a ring or an eye without a face
                inner = [max(1, length // 2) for length in axes]
                cv2.ellipse(canvas, place, inner, turn, 0, 360, dark, -1, cv2.LINE_AA)
        elif kind in (2, 3):
            curve = _bezier(points[:4].astype(float))
            cv2.polylines(
                canvas,
                [curve],
                False,
                dark if kind == 2 else colour,
                int(random.integers(1, 8)),
                cv2.LINE_AA,
            )
        elif kind == 4:
            letters = "".join(chr(int(code)) for code in random.integers(33, 127, 5))
            size = random.uniform(0.3, 1.6)
            cv2.putText(canvas, letters, points[0].tolist(), 0, size, colour, 2, cv2.LINE_AA)
        else:
            for shift in range(int(random.integers(3, 9))):  # strands or folds
                curve = _bezier(points[:4] + shift * random.integers(2, 6))
                cv2.polylines(canvas, [curve], False, dark, 1, cv2.LINE_AA)


def resized(picture: np.ndarray, side: int) -> np.ndarray:
    """Return the picture as a square of this side."""
    rule = cv2.INTER_AREA if side < len(picture) else cv2.INTER_CUBIC
    return cv2.resize(picture, (side, side), interpolation=rule)


def warp(picture: np.ndarray, matrix: np.ndarray, border: int, side: int = SIDE) -> np.ndarray:
    """Return the canvas; shrinks by area first, since warpAffine alone would alias."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 0.8:
        size = [max(2, round(length * scale)) for length in picture.shape[1::-1]]
        ratio = np.array([picture.shape[1] / size[0], picture.shape[0] / size[1]])
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        matrix = np.column_stack([matrix[:, :2] * ratio, matrix[:, 2]])
    return cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=border)


def blend(
    canvas: np.ndarray, picture: np.ndarray, mask: np.ndarray, matrix: np.ndarray
) -> np.ndarray:
    """Return the canvas with the picture on it where the mask [h, w] in 0..1 lets it."""
    alpha = warp(mask, matrix, cv2.BORDER_CONSTANT)[..., None]
    return (warp(picture, matrix, cv2.BORDER_REPLICATE) * alpha + canvas * (1 - alpha)).astype(
        np.uint8
    )


def _paste(canvas: np.ndarray, clip: np.ndarray, top: int, left: int) -> None:
    """Put a clip on the canvas; what is near white in it is its ground and stays out."""
    clip = clip[max(0, -top) : SIDE - top, max(0, -left) : SIDE - left]
    if not clip.size:
        return
    top, left = max(0, top), max(0, left)
    place = canvas[top : top + clip.shape[0], left : left + clip.shape[1]]
    np.copyto(place, clip, where=(clip.min(axis=2) < 245)[..., None])


def _bezier(points: np.ndarray) -> np.ndarray:
    """Return 16 points of the cubic curve with control points [4, 2]."""
    t = np.linspace(0, 1, 16)[:, None]
    curve = (
        (1 - t) ** 3 * points[0]
        + 3 * t * (1 - t) ** 2 * points[1]
        + 3 * t**2 * (1 - t) * points[2]
        + t**3 * points[3]
    )
    return curve.astype(np.int32)
