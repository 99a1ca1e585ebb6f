"""What a drawn face wears: clothes, glasses, hats and ribbons."""

from __future__ import annotations

import math

import numpy as np

from animekit_plugins.datasets._faces.features import turned
from animekit_plugins.datasets._faces.pen import Colour, Pen, curve, ellipse, moved, points, sided
from animekit_plugins.datasets._faces.traits import FaceTraits, hsv, lit, shade

_WHITE: Colour = (250, 250, 252)
_FRAMES: tuple[Colour, ...] = ((40, 40, 48), (150, 40, 50), (60, 70, 140), (120, 80, 50))

_SAILOR = points(".36 1.2, 1.1 1.55, .85 2.2, .08 2")
_SCARF = points("-.2 1.75, .2 1.75, .32 2.2, -.32 2.2")
_SHIRT = points(".3 1.22, .62 1.42, .46 1.85, .02 1.6")
_HOOD = curve(points(".3 1.3, .75 1.12, 1.05 1.4, .6 1.75, .1 1.75"), closed=True)

_BERET = curve(
    points("-1.05 -.9, -1.3 -1.25, -.6 -1.75, .5 -1.85, 1.35 -1.4, 1.12 -1, .5 -1.05, -.2 -1"),
    closed=True,
)
_DOME = curve(
    points("-1.2 -.8, -1.16 -1.45, 0 -1.95, 1.16 -1.45, 1.2 -.8, .55 -.98, 0 -1.03, -.55 -.98"),
    closed=True,
)
_BAND = curve(points("-1.4 -.84, 0 -1.12, 1.4 -.84"))
_BRIM = curve(
    points("-1 -.72, -.6 -.9, 0 -1, .6 -.9, 1 -.72, .6 -.66, 0 -.72, -.6 -.66"), closed=True
)

_LOOP = curve(points("0 -.03, .3 -.27, .5 -.24, .5 .16, .3 .2, 0 .06"), closed=True)
_FOLD = points("0 0, .34 -.04, .34 .1")
_END = points(".02 0, .3 .42, .14 .46, -.02 .05")


def draw_clothes(pen: Pen, face: FaceTraits, rng: np.random.Generator) -> None:
    """Draw shoulders in a sailor suit, a shirt, a hood or a dress."""
    colour = hsv(rng.uniform(0, 1), rng.uniform(0.05, 0.75), rng.uniform(0.3, 1.0))
    second = hsv(rng.uniform(0, 1), rng.uniform(0.2, 0.9), rng.uniform(0.5, 1.0))
    ink = shade(colour, 0.85)
    kind = ("sailor", "shirt", "hood", "dress")[int(rng.integers(4))]
    neck = 1.54 if kind == "dress" else 1.42
    left = curve([(-2.4, 2.6), (-1.75, 1.75), (-1.05, 1.5), (-0.48, neck)])
    dip = curve([(-0.48, neck), (0, neck + 0.3), (0.48, neck)])
    shoulders = np.concatenate([left, dip, sided(left[::-1], -1)])
    pen.fill(shoulders, colour)
    pen.outline(shoulders, ink, 0.045 * face.line)
    for side in (-1, 1):
        if kind == "sailor":
            pen.fill(sided(_SAILOR, side), second)
            pen.stroke(sided(_SAILOR[1:] * (0.9, 0.97), side), _WHITE, 0.05)
        elif kind == "shirt":
            pen.fill(sided(_SHIRT, side), _WHITE)
            pen.outline(sided(_SHIRT, side), ink, 0.035)
        elif kind == "hood":
            pen.fill(sided(_HOOD, side), shade(colour, 0.2))
            pen.outline(sided(_HOOD, side), ink, 0.04)
    if kind == "sailor":
        pen.fill(_SCARF, shade(second, 0.4))


def draw_glasses(pen: Pen, face: FaceTraits, rng: np.random.Generator) -> None:
    """Draw glasses, round or square, over the eyes."""
    colour = _FRAMES[int(rng.integers(len(_FRAMES)))]
    square = rng.uniform(2, 4)
    width, height = face.eye_width + 0.13, face.eye_height + 0.1
    angle = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    cos, sin = np.cos(angle), np.sin(angle)
    radius = (np.abs(cos) ** square + np.abs(sin) ** square) ** (-1 / square)
    rim = np.stack([cos * width, sin * height], 1) * radius[:, None]
    for side in (-1, 1):
        lens = turned(face, moved(rim, side * face.eye_gap, 0.14))
        glare = points("-.3 .4, -.2 .4, .2 -.5, .1 -.5") + lens.mean(0)
        with pen.inside(lens):
            pen.fill(lens, _WHITE, 0.06)
            pen.fill(glare, _WHITE, 0.18)
        pen.outline(lens, colour, 0.055 * face.line)
        temple = curve([(side * (face.eye_gap + width), 0.06), (side * 1.1, 0.0)])
        pen.stroke(turned(face, temple), colour, 0.05)
    inner = face.eye_gap - width
    bridge = turned(face, curve([(-inner, 0.1), (0, 0.05), (inner, 0.1)]))
    pen.stroke(bridge, colour, 0.055 * face.line)


def draw_hat(pen: Pen, face: FaceTraits, rng: np.random.Generator) -> None:
    """Draw a beret, a cap or a sun hat on the head."""
    colour = hsv(rng.uniform(0, 1), rng.uniform(0.1, 0.85), rng.uniform(0.3, 1.0))
    band = hsv(rng.uniform(0, 1), rng.uniform(0.3, 0.9), rng.uniform(0.4, 1.0))
    ink, width = shade(colour, 0.85), 0.045 * face.line
    kind = ("beret", "cap", "sun hat")[int(rng.integers(3))]
    lean = math.sin(face.turn) * 0.25
    dome = _DOME if kind != "beret" else sided(_BERET, 1 if rng.random() < 0.5 else -1)
    dome = moved(dome, lean, 0)
    dark = -1 if face.light > 0 else 1
    pen.fill(dome, colour)
    with pen.inside(dome):
        pen.fill(ellipse(0.9 * dark, -1.1, 0.7, 0.7), shade(colour, 0.25))
        if kind != "beret":
            pen.stroke(_BAND, band, 0.2)
    pen.outline(dome, ink, width)
    if kind != "beret":
        brim = moved(_BRIM * (1.75 if kind == "sun hat" else 1.25, 1), lean, 0)
        pen.fill(brim, lit(colour, 0.1))
        pen.outline(brim, ink, width)


def draw_ribbon(pen: Pen, face: FaceTraits, rng: np.random.Generator) -> None:
    """Draw bows: at the roots of two tails, else on one side of the head."""
    colour = hsv(rng.uniform(0, 1), rng.uniform(0.5, 0.9), rng.uniform(0.7, 1.0))
    size = rng.uniform(0.85, 1.15)
    if face.style in ("twintails", "drill hair"):
        _draw_bow(pen, (1.02, -0.78), 0.9, colour, size)
        _draw_bow(pen, (-1.02, -0.78), -0.9, colour, size)
        return
    side = 1 if rng.random() < 0.5 else -1
    _draw_bow(pen, (side * 0.72, -1.12), side * 0.5, colour, size)


def _draw_bow(pen: Pen, at: tuple[float, float], angle: float, colour: Colour, size: float) -> None:
    cos, sin = math.cos(angle) * size, math.sin(angle) * size
    rotation = np.array([[cos, sin], [-sin, cos]])
    for side in (-1, 1):
        loop = sided(_LOOP, side) @ rotation + at
        pen.fill(sided(_END, side) @ rotation + at, shade(colour, 0.3))
        pen.fill(loop, colour)
        pen.fill(sided(_FOLD, side) @ rotation + at, shade(colour, 0.45))
        pen.outline(loop, shade(colour, 0.85), 0.035)
    pen.fill(ellipse(*at, 0.1 * size, 0.12 * size), lit(colour, 0.15))
