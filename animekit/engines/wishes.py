"""What any of several processes may wish at any time, such as to stop, and when all hear of it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from animekit.engines.engine import Engine

PAUSE = 0.5
"""Seconds between two times that processes ask each other, unless a step is longer."""
MOST = 10
"""Steps between them at most."""


class Wishes:
    """Asks all processes in the same steps, each time saying when the next one is.

    To ask is to wait for all, on a GPU for the device too. One process alone asks in each step.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.asked: tuple[int, float] | None = None
        self.next = 0

    def heard(self, step: int, wishes: Sequence[float]) -> list[float]:
        """Return the largest of each wish over processes; zeros where nobody is asked."""
        if self.asked is not None and self.asked[0] <= step < self.next:
            return [0.0] * len(wishes)
        now, pause = time.monotonic(), 1
        if self.asked is not None and self.engine.world > 1:
            took = (now - self.asked[1]) / max(1, step - self.asked[0])
            pause = min(MOST, max(1, int(PAUSE / max(took, 1e-9))))
        *found, less = self.engine.agree([*wishes, -pause])  # the shortest of all
        self.asked, self.next = (step, now), step - int(less)
        return found
