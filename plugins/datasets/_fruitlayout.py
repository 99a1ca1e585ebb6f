"""Which fruits a picture holds, how they lie, and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from animekit_plugins.datasets._fruitscene import Scene
from animekit_plugins.datasets._fruitshapes import (
    Shape,
    Surface,
    Vector,
    apple_shape,
    orange_shape,
    trace,
    unit,
)
from animekit_plugins.datasets._fruitskin import Skin, choose_apple, choose_orange

COUNTS = (0.42, 0.23, 0.19, 0.1, 0.06)  # how often one fruit, two, ...
DETAIL = 220  # grid points of a surface for a fruit as wide as the picture


@dataclass
class Body:
    """One fruit: where it is on the ground, how it lies, what it is like.

    `x` and `z` (away from the viewer) are in units of the scene, as `radius`. `half` is the
    direction that the cut of a half orange faces, None for a whole fruit.
    """

    x: float
    z: float
    radius: float
    axis: Vector
    shape: Shape
    skin: Skin
    half: Vector | None
    middle: np.ndarray | None = None
    surface: Surface | None = None


def choose_bodies(kind: str, scene: Scene, rng: np.random.Generator) -> list[Body]:
    """Choose fruits that lie beside each other, or hang alone."""
    apples = kind == "apples"
    skins = choose_apple(rng) if apples else choose_orange(rng)
    mixed = apples and rng.random() < 0.15
    count = 1 + int(rng.choice(5, p=COUNTS))
    if scene.hanging:
        count = min(count, 2)
    bodies: list[Body] = []
    for place in _places(count, scene, rng):
        skin = choose_apple(rng)() if mixed else skins()
        half = None
        if not apples and not scene.hanging and rng.random() < (0.3 if count > 1 else 0.16):
            half = _cut_direction(scene, rng)
        bodies.append(
            Body(
                *place,
                radius=float(rng.uniform(0.92, 1.06)),
                axis=_axis(
                    scene,
                    rng,
                    lying=half is None
                    and not scene.hanging
                    and rng.random() < (0.16 if apples else 0.5),
                ),
                shape=apple_shape(rng) if apples else orange_shape(rng),
                skin=skin,
                half=half,
            )
        )
    return bodies


def _axis(scene: Scene, rng: np.random.Generator, *, lying: bool) -> Vector:
    """Return which way a stem points: about up, or any way for a fruit that lies."""
    if lying:
        sideways = rng.normal(size=3)
        return unit(sideways + 0.35 * scene.up)
    lean = 0.12 if scene.hanging else 0.2
    return unit(scene.up + rng.normal(size=3) * lean + (0, 0, 0.22))


def _cut_direction(scene: Scene, rng: np.random.Generator) -> Vector:
    """Return which way a cut half faces: the viewer, more or less, and up."""
    return unit(
        scene.up * rng.uniform(0.3, 1.1) + (rng.uniform(-0.55, 0.55), 0, rng.uniform(0.7, 1.2))
    )


def _places(count: int, scene: Scene, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Return places on the ground for some fruits, the most compact of several."""
    if scene.hanging:
        return [(float(x), 0.0) for x in rng.uniform(2.1, 2.5) * np.arange(count)]
    tries = [_scattered(count, scene, rng) for _ in range(1 if count < 3 else 7)]
    squeeze = np.array((1.0, np.sin(scene.elevation)))
    return min(tries, key=lambda places: float((np.ptp(places, axis=0) * squeeze).max()))


def _scattered(count: int, scene: Scene, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Return places that each touch another, cover none and hide none."""
    squeeze = max(np.sin(scene.elevation), 0.2)
    places = [(0.0, 0.0)]
    while len(places) < count:
        new = max(x for x, _ in places) + 2.1, 0.0
        for _ in range(30):
            near = places[int(rng.integers(len(places)))]
            turn, gap = rng.uniform(0, 2 * np.pi), 2.05 + rng.exponential(0.12)
            x, z = near[0] + gap * np.cos(turn), near[1] + gap * np.sin(turn)
            apart = min(np.hypot(x - a, z - b) for a, b in places)
            seen = min(np.hypot(x - a, (z - b) * squeeze) for a, b in places)
            if apart > 2.02 and seen > 1.15 and abs(z) < 4.5:
                new = float(x), float(z)
                break
        places.append(new)
    return places


def arrange(bodies: list[Body], scene: Scene, rng: np.random.Generator) -> float:
    """Give each fruit its middle on the canvas; return what a unit is of its side.

    The farthest comes first.
    """
    cos, sin = np.cos(scene.elevation), np.sin(scene.elevation)
    bodies.sort(key=lambda body: -body.z)
    grids = np.array([body.radius for body in bodies])
    flat = np.array([(body.x, -(cos * body.radius + sin * body.z)) for body in bodies])
    low, high = (flat - grids[:, None]).min(0), (flat + grids[:, None]).max(0)
    if not scene.hanging:
        high[1] += 0.12
        low[1] -= 0.1
    fill = rng.uniform(0.6, 0.9) if len(bodies) == 1 else rng.uniform(0.74, 0.94)
    fill *= 0.72 if scene.hanging else 1.0  # there must be room for the branch
    scale = float(fill / max(high - low))
    room = np.maximum(1 - (high - low) * scale, 0)
    corner = room * np.clip(rng.normal(0.5, 0.16, 2), 0.12, 0.88)
    if scene.hanging:
        corner[1] = room[1] * rng.uniform(0.62, 0.85)
    for body, place in zip(bodies, flat, strict=True):
        body.middle = corner + (place - low) * scale
        grid = int(np.clip(DETAIL * 2 * scale * body.radius, 44, 128))
        body.surface = trace(body.shape, body.axis, scene.up, grid)
        if not scene.hanging:  # it stands on its lowest point, wherever that is
            body.middle[1] += cos * (1 - body.surface.drop) * body.radius * scale
    return scale
