"""Hair: what lies behind the head, and the bangs and side locks before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from animekit_plugins.datasets._faces.pen import (
    Colour,
    Pen,
    arcs,
    curve,
    ellipse,
    mix,
    moved,
    sided,
)
from animekit_plugins.datasets._faces.traits import TAILS, FaceTraits, lit, shade

_FRINGES = ("blunt", "swept", "parted", "pointed", "centre")


@dataclass(frozen=True)
class Hair:
    """The shape of one head of hair, with its colours."""

    face: FaceTraits
    base: Colour
    dark: Colour
    ink: Colour
    volume: float
    part: float
    fringe: np.ndarray  # [M, 2] lower edge of the bangs, from left to right
    valleys: np.ndarray  # [n + 1, 2] where locks of the bangs meet
    tips: np.ndarray  # [n, 2]
    crown: np.ndarray  # [M, 2] upper edge of the hair, from the right temple to the left


def make_hair(face: FaceTraits, rng: np.random.Generator) -> Hair:
    """Draw the shape of the hair of a face."""
    volume = rng.uniform(1.1, 1.2)
    kind = _FRINGES[int(rng.integers(len(_FRINGES)))]
    if face.style == "spiky hair":
        kind = "pointed"
    part, valleys, tips = _locks(face, kind, rng)
    return Hair(
        face=face,
        base=face.hair,
        dark=shade(face.hair, 0.34),
        ink=mix(shade(face.hair, 0.85), (44, 20, 34), 0.25),
        volume=volume,
        part=part,
        fringe=_edge(valleys, tips),
        valleys=valleys,
        tips=tips,
        crown=_spiky_crown(face, rng) if face.style == "spiky hair" else _crown(face, volume),
    )


def _crown(face: FaceTraits, volume: float) -> np.ndarray:
    half = np.array([(1.0, -0.1), (1.02, -0.62), (0.8, -1.08), (0.4, -1.34)]) * volume
    lean = np.sin(face.turn) * 0.35
    points = np.concatenate([half, [(lean, -1.4 * volume)], sided(half[::-1], -1)])
    return moved(curve(points), lean * 0.3, 0)


def _spiky_crown(face: FaceTraits, rng: np.random.Generator) -> np.ndarray:
    n = int(rng.integers(8, 12))
    angle = np.linspace(0.15, -np.pi - 0.15, n + 1)
    inner = np.stack([np.cos(angle) * 1.12, np.sin(angle) * 1.4], 1)
    angle = (angle[1:] + angle[:-1]) / 2
    angle += rng.uniform(-0.1, 0.1, n) - 0.12 * np.cos(angle)
    outer = np.stack([np.cos(angle) * 1.2, np.sin(angle) * 1.48], 1)
    outer *= 1 + rng.uniform(0.12, 0.38, n)[:, None]
    return moved(_edge(inner, outer, (0.5, 0.42)), np.sin(face.turn) * 0.1, 0)


def _locks(
    face: FaceTraits, kind: str, rng: np.random.Generator
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the part, the valleys [n + 1, 2] and the tips [n, 2] of the bangs."""
    u = rng.uniform
    n = int(rng.integers(6, 9)) if kind == "blunt" else int(rng.integers(5, 8))
    side = 1.0 if rng.random() < 0.5 else -1.0
    part = {"swept": side * u(0.35, 0.65), "parted": u(-0.15, 0.15)}.get(kind, u(-0.3, 0.3))
    x = np.linspace(-1.06, 1.06, n + 1)
    x[1:-1] += rng.uniform(-0.3, 0.3, n - 1) * (x[1] - x[0])
    middle = (x[1:] + x[:-1]) / 2
    valley = {"blunt": -0.42, "pointed": -0.62, "centre": -0.6}.get(kind, -0.55)
    depth = {"swept": 0.5, "parted": 0.75}.get(kind, 0.06)
    valley_y = valley + rng.uniform(-0.06, 0.06, n + 1) - depth * np.exp(-(((x - part) / 0.4) ** 2))
    valley_y[[0, -1]] = -0.05
    sweep = {"blunt": 0.02, "swept": 0.36, "parted": 0.42, "centre": 0.14}.get(kind, 0.12)
    away = np.tanh((middle - part) * 3)
    tip_x = middle + sweep * away + rng.uniform(-0.05, 0.05, n)
    reach = {"blunt": -0.2, "pointed": -0.16}.get(kind, -0.24) + u(-0.07, 0.05)
    jitter = 0.02 if kind == "blunt" else 0.1
    tip_y = reach + rng.uniform(-jitter, jitter, n) + 0.28 * middle**2
    if kind == "centre":
        tip_y += 0.34 * np.exp(-(((middle - u(-0.1, 0.1)) / 0.22) ** 2))
    if kind in ("swept", "parted"):
        tip_y += 0.16 * np.abs(away) - 0.28 * np.exp(-(((middle - part) / 0.3) ** 2))
    valleys, tips = np.stack([x, valley_y], 1), np.stack([tip_x, tip_y], 1)
    for points in (valleys, tips):
        bulge = 1 - np.minimum(np.abs(points[:, 0]) / 1.1, 1) ** 2
        points[:, 0] += np.sin(face.turn) * 1.1 * bulge
        points[:, 1] += np.sin(face.pitch) * 1.1 * bulge
    return part, valleys, tips


def _edge(
    valleys: np.ndarray, tips: np.ndarray, bend: tuple[float, float] = (0.12, 0.68)
) -> np.ndarray:
    """Return the edge of locks [M, 2]: each runs from a valley to its tip and back.

    `bend` says where between the two the curve is drawn to, as parts of the way in x and y.
    """

    down = np.stack([valleys[:-1], valleys[:-1] + (tips - valleys[:-1]) * bend, tips], 1)
    up = np.stack([tips, valleys[1:] + (tips - valleys[1:]) * bend, valleys[1:]], 1)
    both = np.stack([down, up], 1).reshape(-1, 3, 2)
    return arcs(both[:, 0], both[:, 1], both[:, 2])


def draw_back_hair(pen: Pen, hair: Hair, rng: np.random.Generator) -> None:
    """Draw the hair that the head hides."""
    style = hair.face.style
    if style in TAILS:
        _draw_tails(pen, hair, rng)
    bottom, width = {
        "long hair": (2.4, rng.uniform(1.2, 1.45)),
        "bob cut": (rng.uniform(0.85, 1.1), rng.uniform(1.2, 1.32)),
    }.get(style, (rng.uniform(0.55, 0.75), 1.12))
    shape = _fall(hair, bottom, width, rng)
    pen.fill(shape, hair.dark)
    with pen.inside(shape):
        for x in np.linspace(-1.1, 1.1, 7) + rng.uniform(-0.1, 0.1, 7):
            line = curve([(x * 0.8, -0.9), (x * 1.02, 0.2), (x * width, bottom + 0.1)])
            pen.stroke(line, shade(hair.base, 0.5), 0.05, (0.3, 0.4))
    pen.outline(shape, hair.ink, 0.045 * hair.face.line)


def _fall(hair: Hair, bottom: float, width: float, rng: np.random.Generator) -> np.ndarray:
    """Return hair that falls to `bottom`, ending in locks."""
    v = hair.volume
    inward = 0.86 if hair.face.style in ("bob cut", "short hair") else 1.0
    wave = rng.uniform(-0.06, 0.06, 4)
    x = np.linspace(width * inward, -width * inward, 7)
    valleys = np.stack([x, np.full(7, bottom - 0.12)], 1)
    tips = np.stack([(x[1:] + x[:-1]) / 2, bottom + rng.uniform(-0.06, 0.08, 6)], 1)
    middle = -0.1 + (bottom + 0.1) * 0.5
    low, inset, full = bottom - 0.12, width * inward, width * 1.02
    left = curve(
        [(-inset, low), (wave[0] - width, middle + 0.2), (wave[1] - full, middle - 0.2), (-v, -0.1)]
    )
    right = curve(
        [(v, -0.1), (wave[2] + full, middle - 0.2), (wave[3] + width, middle + 0.2), (inset, low)]
    )
    return np.concatenate([hair.crown, left[::-1], _edge(valleys, tips)[::-1], right[::-1]])


def _draw_tails(pen: Pen, hair: Hair, rng: np.random.Generator) -> None:
    """Draw two tails or drills beside the face, or one tail from the back of the head."""
    style, high = hair.face.style, rng.uniform(-0.95, -0.55)
    swing = rng.uniform(0.0, 0.2)
    if style == "ponytail":
        _draw_tail(pen, hair, 1 if rng.random() < 0.5 else -1, (0.45, -1.25), 1.4, swing)
        return
    for side in (-1, 1):
        if style == "drill hair":
            _draw_drill(pen, hair, side, swing)
        else:
            _draw_tail(pen, hair, side, (1.0, high), 2.1, swing)


def _draw_tail(
    pen: Pen, hair: Hair, side: int, root: tuple[float, float], end: float, swing: float
) -> None:
    """Draw a tail that bends out from its root and falls to y = end."""
    x, y = root
    out = max(1.4, x + 0.4)
    high = max(y, -0.95)
    tip = (1.32 + swing, end)
    outer = curve([root, (out, y - 0.1), (1.68 + swing, 0.25), tip])
    inner = curve([tip, (1.18, 0.6), (1.08, high + 0.45), (x - 0.05, y + 0.35)])
    shape = sided(np.concatenate([outer, inner]), side)
    pen.fill(shape, hair.base)
    with pen.inside(shape):
        shadow = curve([(1.1, high + 0.3), (1.2, 0.5), (1.25, 1.8)])
        pen.stroke(sided(shadow, side), hair.dark, 0.3, (0.4, 0.8))
        for k in (0.0, 0.2, 0.34):
            line = curve([(1.02 + k * 0.4, high + 0.1), (1.2 + k, 0.2), (1.23 + k * 0.7, 1.8)])
            pen.stroke(sided(line, side), hair.dark, 0.05, (0.2, 0.3))
        shine = curve([(1.24, high + 0.2), (1.46, high + 0.42), (1.54, 0.2)])
        pen.stroke(sided(shine, side), lit(hair.base, 0.45), 0.09, (0.1, 0.1))
    pen.outline(shape, hair.ink, 0.045 * hair.face.line)


def _draw_drill(pen: Pen, hair: Hair, side: int, swing: float) -> None:
    """Draw one curl that winds down beside the face."""
    for k in range(6):
        y = -0.15 + 0.36 * k
        x, rx = 1.3 + swing * 0.6, 0.34 - 0.035 * k
        turn = ellipse(0, 0, rx, 0.25)
        turn[:, 1] += turn[:, 0] * 0.45
        turn = sided(moved(turn, x, y), side)
        pen.fill(turn, hair.base)
        with pen.inside(turn):
            pen.fill(moved(turn, 0, 0.2), hair.dark)
            pen.fill(ellipse(side * (x - 0.06), y - 0.1, 0.12, 0.05), lit(hair.base, 0.4))
        pen.outline(turn, hair.ink, 0.04 * hair.face.line)


def bangs(hair: Hair) -> np.ndarray:
    """Return the outline of the hair before the face."""
    return np.concatenate([hair.crown, hair.fringe])


def draw_shadow(pen: Pen, hair: Hair, outline: np.ndarray) -> None:
    """Draw the shadow of the bangs on the face."""
    with pen.inside(outline):
        pen.fill(moved(bangs(hair), -0.03 * hair.face.light, 0.085), hair.face.skin_shade)


def draw_front_hair(pen: Pen, hair: Hair, rng: np.random.Generator) -> None:
    """Draw the bangs with shade, shine and lines, and the locks beside the face."""
    _draw_side_locks(pen, hair, rng)
    shape = bangs(hair)
    pen.fill(shape, hair.base)
    top = np.array([hair.part * 0.8 + np.sin(hair.face.turn) * 0.4, -1.42 * hair.volume])
    with pen.inside(shape):
        _draw_lock_shade(pen, hair, top)
        _draw_shine(pen, hair, rng)
        for valley in hair.valleys[1:-1]:
            _draw_strand(pen, hair, valley, top, rng.uniform(0.3, 0.75))
    edge = hair.fringe
    pen.stroke(edge, hair.ink, 0.042 * hair.face.line)
    pen.stroke(hair.crown, hair.ink, 0.045 * hair.face.line, (0.3, 0.3))
    if rng.random() < 0.25:
        _draw_cowlick(pen, hair, top, rng)


def _draw_cowlick(pen: Pen, hair: Hair, top: np.ndarray, rng: np.random.Generator) -> None:
    """Draw the single lock that stands up from the top of so many heads."""
    side, length = (1 if rng.random() < 0.5 else -1), rng.uniform(0.25, 0.45)
    tip = (0.75 * length, -0.55 * length)
    upper = curve([(-0.06, 0.16), (0.05 * length, -0.7 * length), (0.5 * length, -length), tip])
    lower = curve([tip, (0.4 * length, -0.55 * length), (0.16, 0.16)])
    shape = sided(np.concatenate([upper, lower]), side) + top
    pen.fill(shape, hair.base)
    pen.stroke(shape, hair.ink, 0.04 * hair.face.line)


def _draw_strand(pen: Pen, hair: Hair, low: np.ndarray, top: np.ndarray, reach: float) -> None:
    """Draw the line that goes on from a valley of the bangs towards the top of the head."""
    middle = low + (top - low) * (0.3 * reach, 0.55 * reach)
    end = low + (top - low) * (0.85 * reach, reach)
    pen.stroke(curve([low, middle, end], samples=4), shade(hair.base, 0.7), 0.035, (1.0, 0.1))


def _draw_lock_shade(pen: Pen, hair: Hair, top: np.ndarray) -> None:
    """Shade the side of each lock that faces away from the light."""
    away = slice(1, None) if hair.face.light < 0 else slice(None, -1)
    for tip, valley in zip(hair.tips, hair.valleys[away], strict=True):
        rise = tip - valley
        edge = arcs(tip[None], (valley + rise * (0.12, 0.68))[None], valley[None])
        high = valley + (top - valley) * (0.3, 0.5)
        inner = tip - rise * (0.45, 0.9)
        pen.fill(np.concatenate([edge, high[None], inner[None]]), hair.dark)


def _draw_shine(pen: Pen, hair: Hair, rng: np.random.Generator) -> None:
    """Draw the ring of light on the crown."""
    height = -0.86 + rng.uniform(-0.08, 0.08)
    centre = -hair.face.light * 0.35 + np.sin(hair.face.turn) * 0.5
    x = np.linspace(-0.7, 0.7, 11) * rng.uniform(0.8, 1.15)
    upper = np.stack([x + centre, height - 0.16 * (1 - x**2) - 0.03], 1)
    lower = moved(upper, 0, 0.12)
    lower[1::2, 1] += rng.uniform(0.06, 0.16, 5)
    upper[::2, 1] -= rng.uniform(0.0, 0.07, 6)
    ends = moved(upper[:1], -0.1, 0.1), moved(upper[-1:], 0.1, 0.1)
    shape = np.concatenate([ends[0], upper, ends[1], lower[::-1]])
    pen.fill(shape, lit(hair.base, 0.55), rng.uniform(0.5, 0.85))


def _draw_side_locks(pen: Pen, hair: Hair, rng: np.random.Generator) -> None:
    style = hair.face.style
    reach = (
        rng.uniform(0.2, 0.5) if style in ("short hair", "spiky hair") else rng.uniform(0.4, 1.3)
    )
    thin = rng.uniform(0.8, 1.15)
    v = hair.volume
    for side in (-1, 1):
        tip = (rng.uniform(0.96, 1.1), reach + rng.uniform(-0.1, 0.1))
        inner = curve([(0.7, -0.75), (1.06 - 0.2 * thin, -0.25), (1.08 - 0.2 * thin, 0.1), tip])
        outer = curve([tip, (1.1 * v, 0.15), (1.05 * v, -0.3), (0.95 * v, -0.75)])
        shape = sided(np.concatenate([inner, outer]), side)
        shape[:, 0] += np.sin(hair.face.turn) * 0.3
        pen.fill(shape, hair.base)
        with pen.inside(shape):
            pen.stroke(moved(shape[:18], side * 0.03, 0), hair.dark, 0.12, (1, 0.5))
        pen.stroke(shape[:30], hair.ink, 0.042 * hair.face.line)
