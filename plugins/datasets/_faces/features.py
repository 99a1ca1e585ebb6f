"""The face itself: skin, neck, ears, eyes, brows, nose and mouth."""

from __future__ import annotations

import math

import numpy as np

from animekit_plugins.datasets._faces.pen import (
    Colour,
    Pen,
    Points,
    curve,
    ellipse,
    mix,
    moved,
    points,
    sided,
)
from animekit_plugins.datasets._faces.traits import FaceTraits, lit, shade

EYE_LINE = 0.1
_WHITE: Colour = (252, 252, 255)
_TEMPLE = points(".6 -1.22, .98 -.75, 1.04 -.25, 1 .2, .87 .54")
_SHADED_CHEEK = curve(
    points("1.2 -.6, .93 0, .84 .4, .5 .85, .1 1.12, .2 1.4, 1.5 1.3"), closed=True
)
_NECK = points("-.33 .7, -.34 1.3, -.5 1.62, .5 1.62, .34 1.3, .33 .7")
_NECK_EDGE = curve(points(".33 .9, .34 1.3, .52 1.62"))
_EAR = curve(points("-.1 -.18, .12 -.16, .16 .1, .04 .38, -.1 .4"), closed=True)
_GRIN = np.concatenate(
    [curve(points("-1 0, 0 .2, 1 0")), curve(points("1 0, .55 1.1, 0 1.4, -.55 1.1, -1 0"))]
)
# The lids of the right eye, in half widths and half heights; the outer corner rises by the slant.
_UPPER_LID = points("-1 .1, -.62 -.62, 0 -1, .62 -.78, 1 -.05")
_LOWER_LID = points("1 -.05, .78 .66, .1 .98, -.6 .74, -1 .1")
_LASHES = points(".72 -.72, 1.22 -.3, 1.06 .16, .88 -.2")
_CREASE = points("-.5 -1.12, .1 -1.34, .8 -1.1")


def turned(face: FaceTraits, shape: Points) -> np.ndarray:
    """Return where points of the face's front lie once the head is turned.

    The front is taken for a part of an ellipsoid; x to the right, y down, eyes near y = 0.
    """
    shape = np.array(shape, dtype=float)
    depth = np.sqrt(np.maximum(1.5625 - shape * shape @ (1.0, 0.2), 0.05))
    shape[:, 0] *= math.cos(face.turn)
    shape += depth[:, None] * (math.sin(face.turn), math.sin(face.pitch))
    return shape


def _jutting(face: FaceTraits, shape: np.ndarray) -> np.ndarray:
    """Return the points of the jaw, which moves the further the lower it is, as the head turns."""
    lower = np.clip((shape[:, 1:] + 0.2) / 1.3, 0, 1)
    return shape + lower * (0.85 * math.sin(face.turn), 0.6 * math.sin(face.pitch))


def face_outline(face: FaceTraits) -> np.ndarray:
    """Return the outline of the head below the hair."""
    jaw = [(face.jaw, 0.84), (0.24, face.chin - 0.06), (0.0, face.chin)]
    right = np.concatenate([_TEMPLE, jaw])
    whole = np.concatenate([right, sided(right[-2::-1], -1)])
    return curve(_jutting(face, whole), closed=True)


def draw_neck(pen: Pen, face: FaceTraits) -> None:
    """Draw the neck with the shadow of the chin on it."""
    pen.fill(_NECK, face.skin)
    with pen.inside(_NECK):
        shadow = ellipse(math.sin(face.turn) * 0.5, 0.85, 0.62, face.chin - 0.55)
        pen.fill(shadow, face.skin_shade)
    for side in (-1, 1):
        pen.stroke(sided(_NECK_EDGE, side), face.ink, 0.035 * face.line, (0.6, 0.3))


def draw_ears(pen: Pen, face: FaceTraits) -> None:
    """Draw both ears; hair covers them in most styles."""
    for side in (-1, 1):
        hidden = 0.48 * max(0.0, side * math.sin(face.turn))
        ear = sided(moved(_EAR, 1.03 - hidden, 0), side)
        pen.fill(ear, face.skin)
        pen.stroke(ear[:26], face.ink, 0.035 * face.line, (0.6, 0.6))
        pen.fill(ellipse(side * (1.07 - hidden), 0.06, 0.06, 0.14), face.skin_shade)


def draw_skin(pen: Pen, face: FaceTraits) -> None:
    """Draw the face without its features: skin, shaded side, outline."""
    outline = face_outline(face)
    pen.fill(outline, face.skin)
    with pen.inside(outline):
        cheek = _jutting(face, sided(_SHADED_CHEEK, -1 if face.light > 0 else 1))
        pen.fill(cheek, face.skin_shade, 0.35 + 0.4 * abs(face.light))
    lower = outline[outline[:, 1] > -0.3]
    pen.stroke(lower, face.ink, 0.042 * face.line, (0.5, 0.5))


def draw_blush(pen: Pen, face: FaceTraits) -> None:
    """Redden both cheeks."""
    colour = mix(face.skin, (240, 84, 96), 0.62)
    for side in (-1, 1):
        for size, strength in ((1.0, 0.3), (0.78, 0.35), (0.5, 0.4)):
            cheek = ellipse(side * 0.6, 0.5, 0.25 * size, 0.13 * size)
            pen.fill(turned(face, cheek), colour, strength)


def draw_nose(pen: Pen, face: FaceTraits) -> None:
    """Hint at the nose with a small shadow."""
    side = -1 if face.light > 0 else 1
    x, y = turned(face, [(0, 0.5)])[0]
    x += np.sin(face.turn) * 0.12
    pen.fill(
        [(x, y - 0.07), (x + side * 0.06, y + 0.045), (x - side * 0.01, y + 0.04)],
        mix(face.skin_shade, face.ink, 0.35),
    )


def draw_mouth(pen: Pen, face: FaceTraits) -> None:
    """Draw the mouth: closed or open, smiling or not."""
    ink = mix(face.ink, (120, 20, 30), 0.3)
    if "open mouth" in face.traits:
        _draw_open_mouth(pen, face, ink)
        return
    smile = "smile" in face.traits
    width = face.mouth[0] * (1.25 if smile else 0.75)
    bend = 0.085 if smile else -0.012
    line = curve([(-width, 0.82 - bend * 0.6), (0, 0.82 + bend), (width, 0.82 - bend * 0.6)])
    pen.stroke(turned(face, line), ink, 0.05 * face.line, (0.55, 0.55))


def _draw_open_mouth(pen: Pen, face: FaceTraits, ink: Colour) -> None:
    width, height = face.mouth
    smile = "smile" in face.traits
    if smile:
        width *= 1.3
        shape = moved(_GRIN * (width, height), 0, 0.75)
    else:
        shape = ellipse(0, 0.82, width * 0.62, height * 0.72)
    shape = turned(face, shape)
    tongue = ellipse(0, 0.78 + height, width * 0.75, height * 0.55)
    pen.fill(shape, (150, 38, 50))
    with pen.inside(shape):
        pen.fill(turned(face, tongue), (236, 122, 128))
        if smile:
            pen.fill(turned(face, ellipse(0, 0.75, width * 0.8, 0.07)), _WHITE)  # teeth
    pen.outline(shape, ink, 0.032 * face.line)


def draw_eyes(pen: Pen, face: FaceTraits) -> None:
    """Draw both eyes with their lashes."""
    for side in (-1, 1):
        _draw_eye(pen, face, side)


def _draw_eye(pen: Pen, face: FaceTraits, side: int) -> None:
    w, h = face.eye_width, face.eye_height

    def at(shape: np.ndarray) -> np.ndarray:
        shape = shape * (side * w, h)
        shape[:, 1] -= face.eye_slant * np.maximum(side * shape[:, 0] / w, 0)
        return turned(face, moved(shape, side * face.eye_gap, EYE_LINE))

    upper, lower = curve(_UPPER_LID), curve(_LOWER_LID)
    white = at(np.concatenate([upper, lower]))
    lash = mix(shade(face.hair, 0.8), (30, 18, 26), 0.6)
    pen.fill(white, _WHITE)
    with pen.inside(white):
        _draw_iris(pen, face, side)
        pen.stroke(at(moved(upper, 0, 0.16)), (110, 110, 160), 0.4 * h, strength=0.4)
    pen.stroke(at(upper), lash, (0.2 * h + 0.045) * face.line**0.5, (0.35, 1.0))
    pen.fill(at(_LASHES), lash)
    pen.stroke(at(lower[2:17]), mix(lash, face.skin, 0.25), 0.04 * face.line, (0.9, 0.2))
    pen.stroke(at(curve(_CREASE)), face.ink, 0.026 * face.line, (0.2, 0.2))


def _draw_iris(pen: Pen, face: FaceTraits, side: int) -> None:
    h, colour = face.eye_height, face.eyes
    rx, ry = face.eye_width * face.iris, h * 0.98
    cx, cy = side * face.eye_gap + face.gaze[0] * rx, EYE_LINE + face.gaze[1] * ry
    dark = shade(colour, 0.72)

    def disc(x: float, y: float, width: float, height: float) -> np.ndarray:
        return turned(face, ellipse(cx + x * rx, cy + y * ry, width * rx, height * ry))

    pen.fill(disc(0, 0, 1, 1), shade(colour, 0.9))
    iris = disc(0, 0, 0.87, 0.89)
    pen.fill(iris, colour)
    with pen.inside(iris):
        pen.fill(disc(0, -0.62, 1.05, 0.62), mix(colour, dark, 0.75))
        pen.fill(disc(0, 0.72, 0.72, 0.42), lit(colour, 0.42))
    pen.fill(disc(0, -0.06, 0.36, 0.42), shade(colour, 0.95))
    glint = -1 if face.light < 0 else 1
    pen.fill(disc(0.36 * glint, -0.48, 0.3, 0.25), _WHITE)
    pen.fill(disc(-0.36 * glint, 0.44, 0.16, 0.13), _WHITE)


def draw_brows(pen: Pen, face: FaceTraits) -> None:
    """Draw the brows, which show through the hair before them."""
    height, slant, width = face.brow
    y = EYE_LINE - face.eye_height * 1.15 - height
    w, x = face.eye_width, face.eye_gap
    line = curve([(x - 0.95 * w, y + slant), (x + 0.1 * w, y - 0.06), (x + 1.05 * w, y - slant)])
    colour = mix(shade(face.hair, 0.62), face.ink, 0.25)
    for side in (-1, 1):
        pen.stroke(turned(face, sided(line, side)), colour, width, (0.9, 0.2), 0.7)
