"""Judging a model while it trains: one number against real images, to keep the best weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from animekit.data.pack import Pack
from animekit.errors import UnusableError
from animekit.plugins import Registry

METRIC, KEY = "swd", "swd_avg"


class JudgeMetric(Protocol):
    """What a judge needs of a metric."""

    def prepare(self, real: np.ndarray) -> Any:
        """Return what `compute` takes in place of the same real images."""

    def compute(self, real: Any, fake: np.ndarray) -> dict[str, float]:
        """Return the named numbers for fakes uint8 [N, 3, H, W]."""


@dataclass
class Judge:
    """A metric with its real images prepared once; lower `key` is better."""

    metric: JudgeMetric
    prepared: Any
    count: int
    key: str
    others: np.ndarray | None = None
    """Other real images, uint8 [N, 3, S, S]: the floor of the scores is what they get."""

    @classmethod
    def make(cls, registry: Registry, pack: Pack, size: int, count: int, seed: int) -> Judge | None:
        """Return a judge over `count` real images; None without the metric.

        Raises UnusableError that says why the metric cannot take them.
        """
        if METRIC not in registry.all("metric"):
            return None
        metric = registry.get("metric", METRIC)()
        real = real_images(pack, size, count, seed)
        others = real_images(pack, size, count, seed, start=count)
        return cls(
            metric,
            metric.prepare(real),
            len(real),
            KEY,
            others if len(others) == count else None,
        )

    def scores(self, fakes: np.ndarray) -> dict[str, float]:
        """Return the numbers for fakes uint8 [N, H, W, 3].

        Raises UnusableError where they have none, as flat pictures of a collapsed generator.
        """
        return self.metric.compute(self.prepared, fakes.transpose(0, 3, 1, 2))

    @cached_property
    def floor(self) -> dict[str, float]:
        """What as many other real images get; {} where there are not so many."""
        if self.others is None:
            return {}
        try:
            return self.metric.compute(self.prepared, self.others)
        except UnusableError:
            return {}


def real_images(pack: Pack, size: int, count: int, seed: int, start: int = 0) -> np.ndarray:
    """Return up to `count` images of the data, drawn by a seed: uint8 [N, 3, S, S].

    With `start` they are others than the first so many.
    """
    order = np.random.default_rng(seed).permutation(len(pack))
    chosen = np.sort(order[start : start + count])
    edge = (pack.images.shape[1] - size) // 2
    real = np.asarray(pack.images[chosen])[:, edge : edge + size, edge : edge + size]
    return real.transpose(0, 3, 1, 2)
