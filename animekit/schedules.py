"""Factors of the learning rate as functions of progress."""

from __future__ import annotations


def linear_decay(progress: float) -> float:
    """Return 1 in the first half of training, then a straight fall to 0 at its end.

    >>> linear_decay(0.3), linear_decay(0.75), linear_decay(1.0)
    (1.0, 0.5, 0.0)
    """
    return min(1.0, 2.0 * (1.0 - progress))
