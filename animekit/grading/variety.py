"""Variety: whether the images of a picture are different ones, a hint of mode collapse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from animekit.evaluation.metric import Metric
from animekit.images.pixels import resize
from animekit.plugins import Registry

SIDE = 16  # px at which images are held against each other
FINE = 64  # px at which MS-SSIM is measured
METRIC = "ms_ssim"
TWINS = 0.93
"""Correlation of two images of 16 px, without their mean, from which they are one picture.

Of 25 real faces the most alike two have 0.55 to 0.75 (the course's data), 0.65 to 0.80 (getchu,
whose copies have 1), 0.64 to 0.86 (extra data) and 0.67 to 0.91 (CelebA), in 60 draws each; the
bundled generators 0.70 to 0.84. Copies that are shifted by two pixels, brighter or darker by 15 %
and noisy by 6 levels have 0.91 to 1.
"""
ALIKE = 0.60
"""MS-SSIM over pairs of 25 from which they are alike as a whole.

Real faces have 0.13 (CelebA) to 0.49 (extra data), the bundled generators 0.37 to 0.50; copies of
one picture as above 0.66 to 0.76.
"""
FEW = 0.5  # share of different pictures below which it looks like a collapse


@dataclass(frozen=True)
class Variety:
    """How many different pictures there are among the images.

    `copies` and `twins` are groups of numbers from 1: equal in every pixel, and alike; who is a
    copy is in a group of twins as well. `ms_ssim` is the mean over all pairs, None if unknown.
    """

    count: int
    different: int
    copies: tuple[tuple[int, ...], ...]
    twins: tuple[tuple[int, ...], ...]
    ms_ssim: float | None

    @property
    def collapsed(self) -> bool:
        """Whether it looks like a mode collapse."""
        alike = self.ms_ssim is not None and self.ms_ssim >= ALIKE
        return alike or self.different <= FEW * self.count

    def words(self) -> str:
        """Say it in a few words.

        >>> Variety(25, 8, (), ((1, 2),), 0.4).words()
        '8 different pictures of 25: mode collapse?'
        """
        likeness = "" if self.ms_ssim is None else f" (MS-SSIM {self.ms_ssim:.2f})"
        if self.different < self.count:
            text = f"{self.different} different pictures of {self.count}"
            end = ": mode collapse?" if self.collapsed else f": {self._groups()}"
            return text + end
        return f"alike{likeness}: mode collapse?" if self.collapsed else f"varied{likeness}"

    def _groups(self) -> str:
        exact = {place for group in self.copies for place in group}
        words = [
            f"{' = '.join(map(str, group))}" + ("" if exact.issuperset(group) else " (nearly)")
            for group in self.twins
        ]
        return f"images {', '.join(words)}"

    def facts(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "images": self.count,
            "different": self.different,
            "copies": [list(group) for group in self.copies],
            "twins": [list(group) for group in self.twins],
            "ms_ssim": None if self.ms_ssim is None else round(self.ms_ssim, 4),
            "collapsed": self.collapsed,
            "words": self.words(),
        }


def measure_variety(cells: Sequence[np.ndarray], registry: Registry) -> Variety:
    """Hold images uint8 [H, W, 3] of one size against each other, all pairs of them."""
    names: dict[bytes, int] = {}
    exact = [names.setdefault(cell.tobytes(), index) for index, cell in enumerate(cells)]
    groups = _joined(_correlation(cells) >= TWINS)
    return Variety(
        count=len(cells),
        different=len(set(groups)),
        copies=_groups(exact),
        twins=_groups(groups),
        ms_ssim=_ms_ssim(cells, registry),
    )


def _correlation(cells: Sequence[np.ndarray]) -> np.ndarray:
    """Return the correlation of each image with each at 16 px; flat ones are like flat ones."""
    points = np.stack([resize(cell, SIDE) for cell in cells]).reshape(len(cells), -1)
    points = points - points.mean(1, dtype=np.float64, keepdims=True)
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    flat = lengths[:, 0] < 1.0
    found = (points @ points.T) / np.maximum(lengths * lengths.T, 1e-9)
    found[np.ix_(flat, flat)] = 1.0
    return np.asarray(found)


def _joined(alike: np.ndarray) -> list[int]:
    """Return for each image the first one that it is joined with by a chain of twins."""
    first = list(range(len(alike)))
    for row, column in np.argwhere(np.triu(alike, 1)).tolist():
        low, high = sorted((first[row], first[column]))
        first = [low if each == high else each for each in first]
    return first


def _groups(first: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Return the numbers from 1 of those that share a first one.

    >>> _groups([0, 1, 0])
    ((1, 3),)
    """
    found: dict[int, list[int]] = {}
    for index, name in enumerate(first):
        found.setdefault(name, []).append(index + 1)
    return tuple(tuple(group) for group in found.values() if len(group) > 1)


def _ms_ssim(cells: Sequence[np.ndarray], registry: Registry) -> float | None:
    """Return the mean MS-SSIM over as many pairs as there are, None without the metric."""
    cls: type[Metric] | None = registry.find("metric", METRIC)
    if cls is None or len(cells) < cls.fewest or "pairs" not in cls.Params.model_fields:
        return None
    pairs = len(cells) * (len(cells) - 1) // 2
    images = np.stack([resize(cell, FINE) for cell in cells]).transpose(0, 3, 1, 2)
    params = cls.Params.model_validate({"pairs": pairs})
    return float(cls(params).compute(None, np.ascontiguousarray(images))[METRIC])
