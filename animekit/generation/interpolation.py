"""Interpolation: great circles and straight lines between points of noise, open or in a loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from animekit.errors import UsageError

MAX_FRAMES = 10_000

Between = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


def lerp(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    """Return the point at t in [0, 1] on the straight line from a to b.

    >>> lerp(np.array([0.0, 2.0]), np.array([4.0, 2.0]), 0.25)
    array([1., 2.])
    """
    return np.asarray(a + (b - a) * t)


def slerp(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    """Return the point at t in [0, 1] on the great circle from a to b.

    The direction turns at an even speed and the length changes evenly, so that the path between two
    normal vectors stays where such vectors gather; a straight line passes through short ones that
    a generator never saw (ganhacks, tip 3; White, "Sampling Generative Networks", 2016). Where a
    and b are opposite, every great circle joins them and one of them is taken, always the same.
    Where one of them is zero there is no direction, and the line is straight.

    >>> slerp(np.array([1.0, 0.0]), np.array([0.0, 3.0]), 0.5).round(6)
    array([1.414214, 1.414214])
    """
    start, end = np.ravel(a).astype(np.float64), np.ravel(b).astype(np.float64)
    length_a, length_b = np.linalg.norm(start), np.linalg.norm(end)
    if length_a == 0 or length_b == 0:
        return lerp(a, b, t)
    start, end = start / length_a, end / length_b
    side = end - (end @ start) * start
    angle = np.arctan2(np.linalg.norm(side), end @ start)
    if np.linalg.norm(side) < 1e-9:
        # Parallel (the angle is 0 and any side will do) or opposite: leave a at a right angle,
        # towards the axis that is farthest from it.
        side = -start[np.argmin(np.abs(start))] * start
        side[np.argmin(np.abs(start))] += 1.0
    side = side - (side @ start) * start  # once more: rounding is large where side was short
    side /= max(np.linalg.norm(side), np.finfo(np.float64).tiny)
    direction = np.cos(t * angle) * start + np.sin(t * angle) * side
    return np.asarray((length_a + (length_b - length_a) * t) * direction).reshape(np.shape(a))


MODES: dict[str, Between] = {"slerp": slerp, "lerp": lerp}


@dataclass(frozen=True)
class Interpolation:
    """How images lead from seed to seed: how many, along what, open or closed.

    `frames` counts all of them. slerp follows great circles, as normal z wants it; lerp goes
    straight.
    """

    frames: int = 60
    mode: Literal["slerp", "lerp"] = "slerp"
    loop: bool = True

    def __post_init__(self) -> None:
        """Raise UsageError for a mode that there is not."""
        if self.mode not in MODES:
            raise UsageError(f'unknown mode "{self.mode}"', f"modes: {' '.join(MODES)}")

    def check(self, points: int) -> None:
        """Raise UsageError where each of so many points cannot be a frame of its own."""
        if not points <= self.frames <= MAX_FRAMES:
            raise UsageError(
                f"cannot make {self.frames} frames for {points} seeds",
                f"ask for {points} (each seed is a frame) to {MAX_FRAMES:,}",
            )


def segments(points: int, frames: int, *, loop: bool) -> list[int]:
    """Return how many frames begin at or behind each point, as evenly as can be.

    An open path ends with one frame that is the last point itself.

    >>> segments(3, 60, loop=True), segments(3, 62, loop=True), segments(3, 9, loop=False)
    ([20, 20, 20], [21, 21, 20], [4, 4, 1])
    """
    count = points if loop else points - 1
    base, extra = divmod(frames if loop else frames - 1, count)
    return [base + (index < extra) for index in range(count)] + ([] if loop else [1])


def path_through(
    points: Sequence[np.ndarray], lengths: Sequence[int], between: Between
) -> np.ndarray:
    """Return the frames [sum(lengths), ...] of a path through all points.

    Each point itself is a frame, unchanged. With a full length behind the last point the path goes
    back to the first one, which is not repeated: a loop that plays without a stop.
    """
    frames = []
    for index, length in enumerate(lengths):
        here, there = points[index], points[(index + 1) % len(points)]
        frames.append(here)
        frames += [between(here, there, step / length) for step in range(1, length)]
    return np.stack(frames).astype(np.float32)
