"""Anime-style faces drawn by code: the same face at any size."""

from __future__ import annotations

import cv2
import numpy as np

from animekit_plugins.datasets._faces import features, worn
from animekit_plugins.datasets._faces import hair as hairdo
from animekit_plugins.datasets._faces.pen import Pen, ellipse
from animekit_plugins.datasets._faces.traits import FaceTraits, draw_colours, draw_face, hsv, lit

VERSION = 1  # raise it whenever a face changes
CANVAS = 256  # a face is drawn at least this wide, then averaged down


def face_of(seed: int, index: int) -> FaceTraits:
    """Return the traits of a face; they depend on nothing but the two numbers."""
    return draw_face(np.random.default_rng((seed, index)))


def colours_of(seed: int, index: int) -> tuple[int, int]:
    """Return the numbers of a face's hair and eye colour; they cost little."""
    return draw_colours(np.random.default_rng((seed, index)))


def picture_of(seed: int, index: int, size: int) -> np.ndarray:
    """Return the picture uint8 [size, size, 3] of the face that `face_of` returns."""
    rng = np.random.default_rng((seed, index))
    return paint(draw_face(rng), rng, size)


def paint(face: FaceTraits, rng: np.random.Generator, size: int) -> np.ndarray:
    """Return a picture uint8 [size, size, 3] of a face.

    `rng` draws what the traits leave open: clothes, background, the shape of the hair.
    """
    image = _background(size * max(2, -(-CANVAS // size)), rng)
    _draw(image, face, rng)
    image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    tint = np.empty_like(image)
    tint[:] = face.tint
    strength = face.tint_strength
    return cv2.addWeighted(image, 1 - strength, tint, strength, 0)


def place(face: FaceTraits, roll: float) -> np.ndarray:
    """Return the matrix [2, 3] from face units to parts of the picture's side."""
    cos, sin = np.cos(roll) * face.scale, np.sin(roll) * face.scale
    x, y = 0.5 + face.shift[0], 0.48 + face.shift[1] + 0.06 * ("hat" in face.traits)
    return np.array([[cos, -sin, x], [sin, cos, y]])


def _draw(image: np.ndarray, face: FaceTraits, rng: np.random.Generator) -> None:
    head = Pen(image, place(face, face.roll))
    body = Pen(image, place(face, face.roll * 0.4))
    hair = hairdo.make_hair(face, rng)
    hairdo.draw_back_hair(head, hair, rng)
    features.draw_neck(body, face)
    worn.draw_clothes(body, face, rng)
    features.draw_ears(head, face)
    features.draw_skin(head, face)
    if "blush" in face.traits:
        features.draw_blush(head, face)
    hairdo.draw_shadow(head, hair, features.face_outline(face))
    features.draw_nose(head, face)
    features.draw_mouth(head, face)
    features.draw_eyes(head, face)
    if "glasses" in face.traits:
        worn.draw_glasses(head, face, rng)
    hairdo.draw_front_hair(head, hair, rng)
    features.draw_brows(head, face)
    if "hat" in face.traits:
        worn.draw_hat(head, face, rng)
    if "ribbon" in face.traits:
        worn.draw_ribbon(head, face, rng)


def _background(side: int, rng: np.random.Generator) -> np.ndarray:
    """Return a background uint8 [side, side, 3]: a gradient, at times with soft discs or bars."""
    hue, value = rng.uniform(0, 1), rng.uniform(0.65, 1.0)
    first = hsv(hue, rng.uniform(0, 0.5), value)
    second = hsv(hue + rng.uniform(-0.15, 0.15), rng.uniform(0, 0.4), value * rng.uniform(0.8, 1.2))
    along = rng.random((2, 2, 1))
    corners = np.array(first) * along + np.array(second) * (1 - along)
    image = cv2.resize(corners.astype(np.uint8), (side, side), interpolation=cv2.INTER_LINEAR)
    pen = Pen(image, np.array([[1.0, 0, 0], [0, 1, 0]]))
    kind = rng.random()
    colour = lit(first, 0.5)
    if kind < 0.25:
        for _ in range(5):
            x, y, radius = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.04, 0.16)
            pen.fill(ellipse(x, y, radius, radius), colour, 0.45)
    elif kind < 0.4:
        slope, width = rng.uniform(-0.5, 0.5), rng.uniform(0.05, 0.15)
        for x in np.arange(-0.6, 1.6, 3 * width):
            bar = [(x, 0), (x + width, 0), (x + width + slope, 1), (x + slope, 1)]
            pen.fill(bar, colour, 0.4)
    return image
