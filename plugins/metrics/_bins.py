"""K-means bins that come out the same for any order of the points and any number of threads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ._common import Map

FEWEST_IN_BIN = 5  # the usual least count of a z-test; and a mean of five is no picture of one
ROUNDS = 300  # of k-means; 2,000 faces need about 25, 10,000 about 60
TILE = 1024  # points whose distances are taken by one task


def by_content(pictures: np.ndarray) -> np.ndarray:
    """Return the indices of an order which only the pictures' pixels decide."""
    digests = [
        hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=16).digest()
        for picture in pictures
    ]
    return np.array(sorted(range(len(digests)), key=digests.__getitem__), dtype=np.int64)


def nearest(points: Tensor, centres: Tensor, run: Map) -> np.ndarray:
    """Return the index of the centre nearest to each point [N, D]: int64 [N]."""
    squares = centres.square().sum(1)
    result = np.empty(len(points), np.int64)

    def assign(start: int) -> None:
        # |p|^2 is the same for all centres of a point, so it decides nothing
        scores = torch.addmm(squares, points[start : start + TILE], centres.T, alpha=-2)
        result[start : start + TILE] = scores.argmin(1).numpy()

    run(assign, range(0, len(points), TILE))
    return result


def divide(
    points: Tensor, bins: int, seed: int, run: Map, progress: Callable[[float], None]
) -> tuple[Tensor, np.ndarray]:
    """Divide points [N, D] into bins: return centres [K, D] and each point's bin.

    K is `bins`, or less where too few points are different. Lone outliers, which a k-means++ start
    likes, would be bins that no test can say anything about: whenever the bins have settled, those
    of fewer than FEWEST_IN_BIN points are given up and the largest ones are split instead.
    The centres are rounded to float16, so that they can be stored so.
    """
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
    centres = _start(points, bins, random, run)
    before = np.full(len(points), -1)
    for done in range(ROUNDS):
        progress(done / ROUNDS)
        members = nearest(points, centres, run)
        counts = np.bincount(members, minlength=len(centres))
        if np.array_equal(members, before):
            small = np.flatnonzero(counts < FEWEST_IN_BIN)
            if not _split(points, centres, members, small, random):
                break
        else:
            centres = _means(points, centres, members, run)
        before = members
    progress(1.0)
    return _rounded(points, centres, run)


def _start(points: Tensor, bins: int, random: np.random.Generator, run: Map) -> Tensor:
    """Choose points far from each other to start from: k-means++ (Arthur, Vassilvitskii, 2007)."""
    chosen = [int(random.integers(len(points)))]
    least = np.full(len(points), np.inf)

    def approach(start: int) -> None:
        part = points[start : start + TILE] - points[chosen[-1]]
        distances = part.square_().sum(1).numpy()
        least[start : start + TILE] = np.minimum(least[start : start + TILE], distances)

    while True:
        run(approach, range(0, len(points), TILE))
        total = np.cumsum(least)
        if len(chosen) == bins or total[-1] == 0:  # 0: every point is on one that was chosen
            return points[chosen].clone()
        place = np.searchsorted(total, random.random() * total[-1], side="right")
        chosen.append(int(min(place, len(points) - 1)))


def _means(points: Tensor, centres: Tensor, members: np.ndarray, run: Map) -> Tensor:
    result = centres.clone()
    order = np.argsort(members, kind="stable")
    edges = np.searchsorted(members[order], np.arange(len(centres) + 1))

    def mean(index: int) -> None:
        inside = torch.from_numpy(order[edges[index] : edges[index + 1]])
        if len(inside):
            result[index] = points[inside].double().mean(0).float()

    run(mean, range(len(centres)))
    return result


def _split(
    points: Tensor,
    centres: Tensor,
    members: np.ndarray,
    small: np.ndarray,
    random: np.random.Generator,
) -> bool:
    """Move each small bin's centre, and a large bin's, to the halves of the large bin.

    Return whether there was anything to do that could be done.
    """
    moved = False
    counts = np.bincount(members, minlength=len(centres))
    for index, large in zip(small, np.argsort(-counts, kind="stable"), strict=False):
        inside = points[torch.from_numpy(np.flatnonzero(members == large))].double()
        if len(inside) < 2 * FEWEST_IN_BIN:
            break  # nothing is left that could be divided
        first, second = random.choice(len(inside), 2, replace=False)
        along = (inside * (inside[first] - inside[second])).sum(1)
        half = torch.argsort(along, stable=True)
        middle = len(half) // 2
        centres[index] = inside[half[:middle]].mean(0).float()
        centres[large] = inside[half[middle:]].mean(0).float()
        moved = True
    return moved


def _rounded(points: Tensor, centres: Tensor, run: Map) -> tuple[Tensor, np.ndarray]:
    """Round the centres, and drop the bins that are still too small."""
    centres = centres.half().float()
    while True:
        members = nearest(points, centres, run)
        large = np.bincount(members, minlength=len(centres)) >= FEWEST_IN_BIN
        if large.all() or large.sum() < 2:
            return centres[torch.from_numpy(large)], members
        centres = centres[torch.from_numpy(large)]
