"""Near duplicates: a perceptual hash, its neighbours among very many, and groups that cannot chain.

The hash is the DCT hash that is called pHash: the signs of the 8x8 lowest frequencies of a 32x32
grey picture about their median. Faces that are cut to one layout are alike in those frequencies, so
a pair that is near in the hash must also be near in colour, on a thumbnail of 8x8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import cv2
import numpy as np

BITS = 64
SIDE = 32
LOW = 8
THUMB = 8
BLOCK = 1 << 20
"""Pairs that are looked at in one go: 8 MB for each array of them."""
BANDED = 6
"""Bits up to which bands are faster than all pairs, with 100,000 hashes of faces."""


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


def near_pairs(hashes: np.ndarray, distance: int) -> np.ndarray:
    """Return all pairs of hashes that differ in at most `distance` bits.

    The hashes are uint64 [N], the pairs (i < j) int64 [M, 2], sorted. Of `distance` + 1 bands of
    the bits, two near hashes agree in at least one: only pairs that do are counted bit by bit.
    Equal hashes are one until the end.
    """
    values, which = np.unique(np.asarray(hashes, np.uint64), return_inverse=True)
    members = np.split(np.argsort(which, kind="stable"), np.cumsum(np.bincount(which))[:-1])
    found = [np.empty((0, 2), np.int64)]
    for equal in members:
        if len(equal) > 1:
            first, second = np.triu_indices(len(equal), 1)
            found.append(np.stack([equal[first], equal[second]], axis=1))
    for one, other in _near_values(values, distance):
        found.append(_product(members[one], members[other]))
    pairs = np.sort(np.concatenate(found), axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _product(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.stack([np.repeat(first, len(second)), np.tile(second, len(first))], axis=1)


def _near_values(values: np.ndarray, distance: int) -> Iterator[tuple[int, int]]:
    """Yield the pairs of different values that are near, each once."""
    if distance > BANDED:
        for place, value in enumerate(values):
            near = np.bitwise_count(values[place + 1 :] ^ value) <= distance
            yield from ((place, place + 1 + int(other)) for other in np.flatnonzero(near))
        return
    edges = np.linspace(0, BITS, distance + 2).astype(int)
    earlier_bands: list[np.ndarray] = []
    for low, high in pairwise(edges.tolist()):
        keys = _band(values, low, high)
        for first, second in _equal_pairs(keys):
            near = np.bitwise_count(values[first] ^ values[second]) <= distance
            first, second = first[near], second[near]
            for earlier in earlier_bands:  # a pair that one of them found is not found again
                new = earlier[first] != earlier[second]
                first, second = first[new], second[new]
            yield from zip(first.tolist(), second.tolist(), strict=True)
        earlier_bands.append(keys)


def _band(values: np.ndarray, low: int, high: int) -> np.ndarray:
    mask = np.uint64((1 << (high - low)) - 1)
    return (values >> np.uint64(low)) & mask


def _equal_pairs(keys: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the pairs of places with equal keys, in blocks of bounded size."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    ends = np.searchsorted(ordered, ordered, side="right")
    later = ends - np.arange(len(keys)) - 1  # places behind each one that hold the same key
    start = 0
    total = np.cumsum(later)
    while start < len(keys):
        spent = total[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(total, spent + BLOCK, side="right")))
        counts = later[start:stop]
        first = np.repeat(np.arange(start, stop), counts)
        offsets = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
        yield order[first], order[first + 1 + offsets]
        start = stop


def stars(pairs: np.ndarray, rank: Mapping[int, int] | Sequence[int]) -> dict[int, int]:
    """Return for each item that is to go the one that is kept in its place.

    `rank` orders the items, the best first. The best one keeps its place and takes those near it
    that are still free, then the next best one that is left does. So everything that goes is near
    what is kept for it, however long a chain of neighbours is: `a - b - c` in a row, with `a` the
    best, loses `b` and keeps `c`.

    >>> stars(np.array([[0, 1], [1, 2]]), rank=[0, 1, 2])
    {1: 0}
    """
    neighbours: dict[int, list[int]] = {}
    for first, second in np.asarray(pairs).tolist():
        neighbours.setdefault(first, []).append(second)
        neighbours.setdefault(second, []).append(first)
    goes: dict[int, int] = {}
    for item in sorted(neighbours, key=lambda item: rank[item]):
        if item not in goes:  # no better neighbour has stayed: that would have taken it
            goes |= {other: item for other in neighbours[item] if other not in goes}
    return dict(sorted(goes.items()))
