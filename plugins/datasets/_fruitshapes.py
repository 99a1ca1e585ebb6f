"""Solid fruits: where a body of revolution with dimples and bumps is hit by parallel rays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

REACH = 1.18  # half the side of the square around a fruit, in radii
_STRIDE = 0.78  # of the distance; steep walls of a dimple would else be stepped over
_AROUND, _ALONG = 48, 32

Vector = np.ndarray


@dataclass(frozen=True)
class Shape:
    """How far the skin is from the middle of a fruit, by direction, in radii.

    `dimple` and `end` are depths at the stem and at the other end, the tightness of each beside
    it. `taper` makes the upper part wider, `flat` makes the fruit lower. `bumps` [n, 2, 3] are
    pairs of directions: each adds the product of both cosines.
    """

    dimple: float
    tightness: float
    end: float
    end_tightness: float
    taper: float
    flat: float
    bumps: np.ndarray


@dataclass(frozen=True)
class Surface:
    """What is seen of a fruit on a grid [G, G], REACH radii to each side.

    `normal` and `toward`, both [G * G, 3], are unit vectors: across the skin, and from the middle
    to it. `depth` [G, G] is how near the viewer the skin is, in radii. `outline` [M, 2] goes
    around the fruit, x to the right and y up, in radii. `drop` is how far it reaches down.
    """

    normal: np.ndarray
    toward: np.ndarray
    depth: np.ndarray
    outline: np.ndarray
    drop: float


def unit(vector: Vector) -> Vector:
    """Return a vector of length 1, as float32."""
    vector = np.asarray(vector, np.float32)
    return vector / np.linalg.norm(vector)


def basis(axis: Vector) -> np.ndarray:
    """Return a rotation [3, 3]: two directions across the axis, and the axis."""
    helper = (0.0, 0.0, 1.0) if abs(axis[2]) < 0.9 else (0.0, 1.0, 0.0)
    first = unit(_cross(helper, axis))
    return np.stack([first, _cross(axis, first), axis]).astype(np.float32)


def _cross(a: Sequence[float] | Vector, b: Vector) -> Vector:
    """Return the vector across two others; numpy's own takes ten times as long."""
    return np.array(
        (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]),
        np.float32,
    )


def reach(shape: Shape, axis: Vector, toward: np.ndarray) -> np.ndarray:
    """Return the radius [N] of the skin in directions [N, 3]."""
    bumps = ((toward @ shape.bumps) * toward).sum(1)
    return _by_axis(shape, toward @ axis)[0] + bumps


def _by_axis(shape: Shape, c: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the radius by the cosine to the axis, and what both dimples take from it."""
    near = shape.dimple * np.exp(shape.tightness * (c - 1))
    far = shape.end * np.exp(-shape.end_tightness * (c + 1))
    return 1 + c * (shape.taper - shape.flat * c) - near - far, near, far


def _slope(shape: Shape, axis: Vector, toward: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return how the radius changes along the skin [N, 3]."""
    _, near, far = _by_axis(shape, c)
    by_axis = shape.taper - 2 * shape.flat * c - shape.tightness * near + shape.end_tightness * far
    slope = by_axis[:, None] * axis + 2 * (toward @ shape.bumps)
    return slope - np.einsum("nk,nk->n", slope, toward)[:, None] * toward


def trace(shape: Shape, axis: Vector, up: Vector, grid: int) -> Surface:
    """Return what a viewer on the z axis, far away, sees of a fruit."""
    ticks = np.linspace(-REACH, REACH, grid, dtype=np.float32)
    x, y = np.tile(ticks, grid), np.repeat(-ticks, grid)
    across = x * x + y * y
    beside = x * axis[0] + y * axis[1]
    m = shape.bumps
    bump = x * x * m[0, 0] + y * y * m[1, 1] + 2 * m[0, 1] * x * y
    lean = 2 * (x * m[0, 2] + y * m[1, 2])
    z = np.sqrt(np.maximum(np.float32(1.2) - across, 0))
    for _ in range(12 if shape.dimple > 0.2 else 7):  # steps toward the skin, by its distance
        square = across + z * z + np.float32(1e-6)
        length = np.sqrt(square)
        radius = _by_axis(shape, (beside + z * axis[2]) / length)[0]
        radius += (bump + z * (lean + z * m[2, 2])) / square
        z = np.maximum(z - np.float32(_STRIDE) * (length - radius), np.float32(-0.4))
    length = np.sqrt(across + z * z) + np.float32(1e-6)
    toward = np.stack([x, y, z], 1) / length[:, None]
    normal = toward - _slope(shape, axis, toward, toward @ axis) / length[:, None]
    normal /= np.sqrt(np.einsum("nk,nk->n", normal, normal))[:, None]
    outline, drop = _silhouette(shape, axis, up)
    return Surface(normal, toward, z.reshape(grid, grid), outline, drop)


def _silhouette(shape: Shape, axis: Vector, up: Vector) -> tuple[np.ndarray, float]:
    """Return the outline [M, 2] of a fruit, and how far it reaches down."""
    points = _DIRECTIONS @ basis(axis)
    points *= reach(shape, axis, points)[:, None]
    hull = cv2.convexHull(np.ascontiguousarray(points[:, :2]))[:, 0]
    return hull, float(-(points @ up).min())


def _directions() -> np.ndarray:
    around = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    along = np.linspace(0, np.pi, _ALONG)[:, None]
    ring = np.sin(along)
    parts = (ring * np.cos(around), ring * np.sin(around), np.cos(along) + 0 * around)
    return np.stack(parts, -1).reshape(-1, 3).astype(np.float32)


_DIRECTIONS = _directions()


def apple_shape(rng: np.random.Generator) -> Shape:
    """Return the shape of an apple: broad shoulders, a deep dimple, a narrower end."""
    return Shape(
        dimple=float(rng.uniform(0.34, 0.44)),
        tightness=float(rng.uniform(7.0, 10.0)),
        end=float(rng.uniform(0.12, 0.2)),
        end_tightness=float(rng.uniform(9, 14)),
        taper=float(rng.uniform(0.03, 0.1)),
        flat=float(rng.uniform(-0.05, 0.07)),
        bumps=_bumps(rng, 3, 0.035),
    )


def orange_shape(rng: np.random.Generator) -> Shape:
    """Return the shape of an orange: nearly a sphere, a shallow dent at its stem."""
    return Shape(
        dimple=float(rng.uniform(0.02, 0.06)),
        tightness=float(rng.uniform(14, 26)),
        end=float(rng.uniform(0.0, 0.03)),
        end_tightness=float(rng.uniform(15, 30)),
        taper=float(rng.uniform(-0.02, 0.02)),
        flat=float(rng.uniform(-0.02, 0.06)),
        bumps=_bumps(rng, 2, 0.016),
    )


def _bumps(rng: np.random.Generator, count: int, size: float) -> np.ndarray:
    bumps = np.zeros((3, 3))
    for _ in range(count):
        pair = np.outer(unit(rng.normal(size=3)), unit(rng.normal(size=3)))
        bumps += size / 2 * (pair + pair.T)
    return bumps.astype(np.float32)
