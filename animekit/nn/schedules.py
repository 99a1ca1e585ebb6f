"""Factors of the learning rate as functions of progress, and rounds of several lengths."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass


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


@dataclass(frozen=True)
class Rounds:
    """Rounds that end in an update: of `every` steps, some of them of `long` steps.

    Long are the first ones, and each that `again` divides, counted from 0 (`again` 0: none).
    Arjovsky et al., 2017, take 100 critic updates in the first 25 rounds and in every 500th,
    else 5.

    >>> rounds = Rounds(every=2, long=3, first=1, again=3)
    >>> [step for step in range(1, 15) if rounds.due(step)], rounds.count(14)
    ([3, 5, 7, 10, 12, 14], 6)
    """

    every: int
    long: int
    first: int
    again: int = 0

    def due(self, step: int) -> bool:
        """Say whether a round ends in this step; steps count from 1."""
        return self.count(step) > self.count(step - 1)

    def count(self, step: int) -> int:
        """Return how many rounds are over after so many steps."""
        return bisect_right(range(1, step + 1), step, key=self.steps)

    def steps(self, rounds: int) -> int:
        """Return how many steps so many rounds take."""
        longer = min(rounds, self.first)
        if self.again and rounds > self.first:
            longer += (rounds - 1) // self.again - (self.first - 1) // self.again
        return rounds * self.every + longer * (self.long - self.every)

    def __str__(self) -> str:
        where = [f"the first {self.first}"] if self.first else []
        where += [f"each {self.again}th"] if self.again else []
        rounds = " and ".join(where)
        return f"every {self.every} steps, every {self.long} in {rounds} rounds"
