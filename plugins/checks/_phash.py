"""Near duplicates: a perceptual hash, its neighbours among very many, and groups that cannot chain.

The hash is the DCT hash that is called pHash: the signs of the 8x8 lowest frequencies of a 32x32
grey picture about their median. Faces that are cut to one layout are alike in those frequencies, so
a pair that is near in the hash must also be near in colour, on a thumbnail of 8x8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb

import cv2
import numpy as np

BITS = 64
SIDE = 32
LOW = 8
THUMB = 8
BLOCK = 1 << 20
"""Pairs that are looked at in one go: 8 MB for each array of them."""
AGREE = range(4)
"""How many bands of two near hashes may be asked to agree; none: all pairs are looked at."""
SORTING, GATHERING, CROWDED = 40, 10, 10
"""What a place in a sorted list costs, and a pair that is looked up in it, beside one of all pairs;
how much oftener faces agree than chance has it."""
TABLES = 64
"""Sorted lists that are kept at a time: 12 MB each for a million items."""


def _cosines() -> np.ndarray:
    """Return the first rows of the DCT-II matrix, float32 [8, 32]."""
    frequency, place = np.arange(LOW)[:, None], np.arange(SIDE)[None]
    return np.cos(np.pi * frequency * (2 * place + 1) / (2 * SIDE)).astype(np.float32)


_COSINES = _cosines()


def perceptual_hash(grey: np.ndarray) -> int:
    """Return the 64-bit DCT hash of a grey picture, uint8 [H, W]."""
    square = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = (_COSINES @ square @ _COSINES.T).ravel()
    middle = np.sort(low)[BITS // 2 - 1 : BITS // 2 + 1].mean()  # np.median takes six times as long
    return int.from_bytes(np.packbits(low > middle).tobytes(), "big")


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Return the picture as 8x8 pixels of area-averaged colour: uint8 [8, 8, 3]."""
    return cv2.resize(image, (THUMB, THUMB), interpolation=cv2.INTER_AREA)


Alike = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Says of pairs of items, int64 [M] and int64 [M], which are alike: bool [M]."""


def replaced(hashes: np.ndarray, distance: int, alike: Alike | None = None) -> dict[int, int]:
    """Return for each item that is to go the one that is kept in its place.

    The hashes are uint64 [N], those of the best items first. Two items are near if they differ in
    at most `distance` bits and are `alike`. The best one keeps its place and takes those near it
    that are still free, then the next best one that is left does. So everything that goes is near
    what is kept for it, however long a chain of neighbours is: of `a - b - c` in a row, with `a`
    the best, `b` goes and `c` stays.

    Who was taken takes nobody: a thousand copies of a picture are a thousand pairs, not half a
    million.

    >>> replaced(np.array([0b000, 0b001, 0b011], np.uint64), 1)
    {1: 0}
    """
    tables = _tables(hashes, distance)
    later = sum((table.later for table in tables), np.zeros(len(hashes), np.int64))
    free = np.ones(len(hashes), bool)
    goes: dict[int, int] = {}
    for items in _turns(free, later):
        found = [table.near(hashes, distance, items) for table in tables]
        first, second = np.concatenate(found, axis=1)
        first, second = first[free[second]], second[free[second]]
        if alike is not None:
            first, second = np.stack([first, second])[:, alike(first, second)]
        order = np.argsort(first, kind="stable")
        for kept, item in zip(first[order].tolist(), second[order].tolist(), strict=True):
            if free[kept] and free[item]:
                goes[item] = kept
                free[item] = False
    return dict(sorted(goes.items()))


def _turns(free: np.ndarray, later: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the items that are free when their turn comes, for about BLOCK pairs at a time."""
    start = 0
    while start < len(free):
        items = start + np.flatnonzero(free[start : start + BLOCK])
        pairs = np.cumsum(later[items])
        some = max(1, int(np.searchsorted(pairs, BLOCK, side="right")))
        yield items[:some]
        start = int(items[some - 1]) + 1 if some < len(items) else start + BLOCK


@dataclass(frozen=True)
class _Table:
    """Items in the order of some of their bits, so that those with the same ones are together.

    `order` int32 [N] are the items, `place` where each of them is, and `later` how many with the
    same bits are behind it: worse ones, since the sort is stable.
    """

    order: np.ndarray
    place: np.ndarray
    later: np.ndarray

    @classmethod
    def of(cls, bits: np.ndarray) -> _Table:
        """Sort items by bits uint64 [N]."""
        order = np.argsort(bits, kind="stable").astype(np.int32)
        ordered, places = bits[order], np.arange(len(bits), dtype=np.int32)
        place, later = np.empty_like(order), np.empty_like(order)
        place[order] = places
        later[order] = np.searchsorted(ordered, ordered, side="right") - places - 1
        return cls(order, place, later)

    def near(self, hashes: np.ndarray, distance: int, items: np.ndarray) -> np.ndarray:
        """Return items and those near them that come later with the same bits, int64 [2, M]."""
        counts = self.later[items]
        first = np.repeat(items, counts)
        within = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
        second = self.order[np.repeat(self.place[items], counts) + 1 + within]
        near = np.bitwise_count(hashes[first] ^ hashes[second]) <= distance
        return np.stack([first[near], second[near]])


class _Whole:
    """All items with all others, for a distance at which no bits need to be the same."""

    def __init__(self, count: int) -> None:
        self.later = np.arange(count - 1, -1, -1)

    def near(self, hashes: np.ndarray, distance: int, items: np.ndarray) -> np.ndarray:
        """Return items and those near them that come later, int64 [2, M]."""
        start = int(items[0]) + 1 if len(items) else 0
        near = np.bitwise_count(hashes[items, None] ^ hashes[None, start:]) <= distance
        first, second = np.nonzero(near)
        first, second = items[first], second + start
        return np.stack([first, second])[:, second > first]


def _tables(hashes: np.ndarray, distance: int) -> Sequence[_Table | _Whole]:
    """Return tables of which at least one has any two near hashes side by side.

    Of `distance` + a bands of the bits, two near hashes agree in at least a. Each table is of the
    bits of a bands; more of them look at fewer pairs, and take more sorting.
    """
    few = (agree for agree in AGREE if comb(distance + agree, agree) <= TABLES)
    agree = min(few, key=lambda agree: _cost(len(hashes), distance, agree))
    if agree == 0:
        return [_Whole(len(hashes))]
    edges = np.linspace(0, BITS, distance + agree + 1).astype(int).tolist()
    bands = [((1 << high) - (1 << low)) for low, high in pairwise(edges)]
    chosen = combinations(bands, agree)
    return [_Table.of(hashes & np.uint64(sum(bands))) for bands in chosen]


def _cost(count: int, distance: int, agree: int) -> float:
    """Return about what a search takes, in pairs of all pairs."""
    pairs = count**2 / 2
    if agree:
        pairs *= GATHERING * min(CROWDED / 2 ** (BITS * agree / (distance + agree)), 1)
        pairs += SORTING * count
    return comb(distance + agree, agree) * pairs
