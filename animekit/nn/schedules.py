"""Factors of the learning rate as functions of progress."""

from __future__ import annotations

from collections.abc import Callable


def linear_decay(progress: float) -> float:
    """Return 1 in the first half of training, then a straight fall to 0 at its end.

    >>> linear_decay(0.3), linear_decay(0.75), linear_decay(1.0)
    (1.0, 0.5, 0.0)
    """
    return min(1.0, 2.0 * (1.0 - progress))


def exponential_decay(progress: float) -> float:
    """Return 1 in the first half, then equal parts less, to 1/100 at the end.

    >>> exponential_decay(0.3), round(exponential_decay(0.75), 6), exponential_decay(1.0)
    (1.0, 0.1, 0.01)
    """
    return min(1.0, 0.01 ** (2.0 * progress - 1.0))


SCHEDULES: dict[str, Callable[[float], float] | None] = {
    "none": None,
    "linear": linear_decay,
    "exponential": exponential_decay,
}
"""Progress in [0, 1] -> factor of the learning rate, by name."""
