"""LBP cascades in numpy: the pyramid, windows and grouping of OpenCV's `detectMultiScale`.

For an OpenCV without cascades, as the plain build of 5 is. The method: Viola and Jones, 2001 (the
cascade); Liao et al., 2007 (blocks whose brightness is compared with that of the middle one). On
150 made-up cascades and 168 pictures all windows and boxes were those of OpenCV 4.14.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

SIMILAR = 0.2
"""OpenCV's share of the mean side by which the edges of two windows of one face may differ."""
EPSILON = np.float32(1e-5)  # OpenCV takes it from each threshold of a stage
SHEET = 1 << 20  # sums that lie in one array: a cache holds them, and small pictures need one
BAND = 1 << 18  # windows whose places are listed at a time
BUDGET = 16_000  # patterns looked up at a time: more falls out of the cache
PAIRS = 1 << 20  # pairs of windows compared at a time
LARGEST = 1 << 32  # of the numbers of a cascade: its tables are words of 32 bits
STRIPE = 32  # columns of places for each stripe of rows
CODES = 256  # values of a pattern of eight neighbours
RING = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
"""Rows and columns of the eight blocks round the middle one, the highest bit first."""


def parse(data: bytes) -> Stages:
    """Read a cascade from OpenCV's XML, checking every number in it.

    Raises ValueError for anything that is not a cascade of stumps on LBP features.
    """
    if b"<!DOCTYPE" in data.replace(b"\0", b""):  # in UTF-16 too
        raise ValueError("it has a DOCTYPE, which could hide entities that fill the memory")
    try:
        cascade = ET.fromstring(data).find("cascade")
        if cascade is None:
            raise ValueError("it has no <cascade>")
        if (kind := _word(cascade, "featureType")) != "LBP":
            raise ValueError(f"its features are {kind}")
        return _stages(cascade)
    except (ET.ParseError, LookupError, OverflowError) as error:
        raise ValueError(f"it is damaged ({error})") from None


def _word(parent: ET.Element, name: str) -> str:
    child = parent.find(name)
    if child is None:
        raise ValueError(f"it has no <{name}>")
    return (child.text or "").strip()


def _numbers(parent: ET.Element, name: str, kind: type, count: int) -> list[Any]:
    values = [kind(word) for word in _word(parent, name).split()]
    if len(values) != count:
        raise ValueError(f"its <{name}> holds {len(values)} numbers, not {count}")
    if not all(abs(value) <= LARGEST for value in values):  # neither is NaN
        raise ValueError(f"its <{name}> holds a number out of range")
    return values


def _stages(cascade: ET.Element) -> Stages:
    (width,), (height,) = (_numbers(cascade, side, int, 1) for side in ("width", "height"))
    features = [_numbers(item, "rect", int, 4) for item in cascade.findall("features/_")]
    ends, thresholds, used = [0], [], []
    tables: list[np.ndarray] = []
    for stage in cascade.findall("stages/_"):
        for weak in stage.findall("weakClassifiers/_"):
            _, _, feature, *words = _numbers(weak, "internalNodes", int, 11)
            bits = np.unpackbits(np.array(words, np.int32).view(np.uint8), bitorder="little")
            leaves = np.array(_numbers(weak, "leafValues", float, 2), np.float32)
            if not 0 <= feature < len(features):
                raise ValueError(f"it has no feature {feature}")
            used.append(features[feature])
            tables.append(np.where(bits, leaves[0], leaves[1]))
        (threshold,) = _numbers(stage, "stageThreshold", float, 1)
        thresholds.append(float(np.float32(threshold) - EPSILON))
        ends.append(len(used))
    if not used or 0 in np.diff(ends):
        raise ValueError("it has no stages, or an empty one")
    x, y, w, h = np.array(used).T
    if min(x.min(), y.min()) < 0 or min(w.min(), h.min()) < 1:
        raise ValueError("a feature has no area")
    if (x + 3 * w).max() > width or (y + 3 * h).max() > height:
        raise ValueError("a feature lies outside of the window")
    steps = np.arange(4)[:, None]
    columns, rows = np.broadcast_arrays((x + w * steps)[None], (y + h * steps)[:, None])
    table = np.concatenate(tables).astype(np.float64)
    shape = (16, len(used))
    return Stages(
        width, height, columns.reshape(shape), rows.reshape(shape), ends, thresholds, table
    )


@dataclass(frozen=True)
class _Level:
    """The picture at one size: `factor` times smaller, looked at every `step` pixels."""

    factor: np.float32
    height: int
    width: int
    rows: int  # of places of a window, before steps
    columns: int
    step: int


@dataclass(frozen=True)
class Stages:
    """A cascade of stages of stumps that look up the pattern of nine blocks."""

    width: int
    height: int
    columns: np.ndarray  # [16, W] of the corners of the blocks, row by row; W stumps in all
    rows: np.ndarray
    ends: list[int]  # of the stages among the stumps
    thresholds: list[float]
    table: np.ndarray  # [W * CODES] float64, what a stump adds for a pattern

    def windows(self, grey: np.ndarray, scale: float, smallest: int) -> np.ndarray:
        """Return every window that passes all stages, as int x, y, width, height [N, 4]."""
        sheets = self._sheets(grey.shape, scale, smallest)
        found = [self._search(grey, sheet) for sheet in sheets]
        return np.concatenate([np.zeros((0, 4), int), *found])

    def _sheets(
        self, shape: tuple[int, ...], scale: float, smallest: int
    ) -> Iterator[list[_Level]]:
        """Yield levels that go together, the largest first."""
        sheet: list[_Level] = []
        area = 0
        for level in self._levels(shape, scale, smallest):
            # The first one is the widest: the sums of all lie in rows of its length.
            added = level.height * (sheet or [level])[0].width
            if sheet and area + added > SHEET:
                yield sheet
                sheet, area, added = [], 0, level.height * level.width
            sheet.append(level)
            area += added
        if sheet:
            yield sheet

    def _levels(self, shape: tuple[int, ...], scale: float, smallest: int) -> list[_Level]:
        """Return the sizes that OpenCV looks at: where none is allowed, the nearest to that."""
        window = np.array([self.height, self.width])
        factors, factor = [], 1.0
        while round(self.width * factor) <= shape[1] and round(self.height * factor) <= shape[0]:
            factors.append(np.float32(factor))  # as in OpenCV, whose rounding depends on it
            factor *= scale
        if not factors:
            return []
        lacking = smallest - np.rint(np.outer(factors, window))
        chosen = np.flatnonzero((lacking <= 0).all(axis=1))
        if not len(chosen):
            chosen = (lacking**2).sum(axis=1).argmin(keepdims=True)
        sizes = np.rint(np.array(shape, np.float32) / np.array(factors)[chosen, None]).astype(int)
        places = sizes - window + 1
        stripes = max(1, -(-int(places[0, 1]) // STRIPE))
        levels = []
        for index, (height, width), (rows, columns) in zip(chosen, sizes, places, strict=True):
            step = 1 if factors[index] >= 2 else 2
            # OpenCV deals stripes of rows out to threads, and at times leaves out the last row.
            dealt = -(-int(rows // step) // stripes) * stripes * step
            rows = min(int(rows), max(dealt, stripes * step))
            level = _Level(factors[index], int(height), int(width), rows, int(columns), step)
            if min(rows, columns) > 0:
                levels.append(level)
        return levels

    def _search(self, grey: np.ndarray, sheet: list[_Level]) -> np.ndarray:
        """Return the windows that pass on some levels, whose sums lie in one array."""
        stride = max(level.width for level in sheet) + 1
        tops = np.cumsum([0, *(level.height + 1 for level in sheet)])
        sums = np.empty((tops[-1], stride), np.int32)
        for level, top in zip(sheet, tops, strict=False):
            small = grey
            if level.factor != 1:
                size = (level.width, level.height)
                small = cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR_EXACT)
            part = sums[top : top + level.height + 1, : level.width + 1]
            part[:] = cv2.integral(small, sdepth=cv2.CV_32S)
        flat, corners = sums.reshape(-1), self.rows * stride + self.columns
        places = self._candidates(flat, corners, sheet, tops * stride)
        for number in range(1, len(self.thresholds)):
            places = places[self._pass(number, flat, corners, places)]
        rows, columns = np.divmod(places, stride)
        which = np.searchsorted(tops, rows, "right") - 1
        factors = np.array([level.factor for level in sheet])[which]
        boxes = [columns * factors, (rows - tops[which]) * factors]
        boxes += [self.width * factors, self.height * factors]
        return np.rint(np.stack(boxes, axis=1).astype(np.float32)).astype(int)

    def _candidates(
        self, flat: np.ndarray, corners: np.ndarray, sheet: list[_Level], starts: np.ndarray
    ) -> np.ndarray:
        """Return places of the windows that OpenCV looks at and that pass the first stage."""
        stride = starts[1] // (sheet[0].height + 1)
        begins, counts, steps = [], [], []
        for level, start in zip(sheet, starts, strict=False):
            rows = np.arange(0, level.rows, level.step)
            begins.append(start + rows * stride)
            counts.append(np.full(len(rows), -(-level.columns // level.step)))
            steps.append(np.full(len(rows), level.step))
        begin, count, step = map(np.concatenate, (begins, counts, steps))
        band = np.cumsum(count) // BAND
        cuts = [0, *(np.flatnonzero(np.diff(band)) + 1).tolist(), len(band)]
        found = []
        for first, last in pairwise(cuts):
            found.append(
                self._visited(flat, corners, begin[first:last], count[first:last], step[first:last])
            )
        return np.concatenate(found)

    def _visited(
        self,
        flat: np.ndarray,
        corners: np.ndarray,
        begin: np.ndarray,
        count: np.ndarray,
        step: np.ndarray,
    ) -> np.ndarray:
        """Look at some rows of windows as OpenCV does: after one that fails it skips the next.

        So a window is looked at where the failures right before it in its row are even in number.
        """
        first = np.cumsum(count) - count
        index = np.arange(first[-1] + count[-1])
        inside = index - np.repeat(first, count)
        places = np.repeat(begin, count) + inside * np.repeat(step, count)
        passed = self._pass(0, flat, corners, places)
        before = np.empty(len(index), int)  # the window after which the failures began
        before[1:] = np.where(passed, index, -1)[:-1]
        before[first] = first - 1
        before = np.maximum.accumulate(before)
        return places[passed & ((index - before) % 2 == 1)]

    def _pass(
        self, number: int, flat: np.ndarray, corners: np.ndarray, places: np.ndarray
    ) -> np.ndarray:
        """Return which windows pass a stage, as bool [N]."""
        first, last = self.ends[number : number + 2]
        size = max(1, BUDGET // (last - first))
        passed = np.empty(len(places), bool)
        for start in range(0, len(places), size):
            some = places[start : start + size]
            sums = flat.take(corners[:, first:last, None] + some)
            sums = sums.reshape(4, 4, last - first, len(some))
            tall = sums[1:] - sums[:-1]
            blocks = tall[:, 1:] - tall[:, :-1]  # [3, 3, stumps, windows]
            brighter = (blocks >= blocks[1, 1]).view(np.uint8)
            codes = np.zeros(blocks.shape[2:], np.uint8)
            for row, column in RING:
                codes += codes
                codes |= brighter[row, column]
            entries = codes + (CODES * np.arange(first, last))[:, None]
            points = self.table.take(entries).sum(axis=0)
            passed[start : start + size] = points >= self.thresholds[number]
        return passed


def group(windows: np.ndarray, neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    """Join windows [N, 4] as OpenCV does; return boxes [M, 4] and their windows.

    Windows with all edges nearly equal belong together, also by way of others. A group needs more
    than `neighbours` windows, and must not lie inside a larger group. With 0 nothing is joined.
    """
    if neighbours <= 0 or not len(windows):
        return windows.copy(), np.ones(len(windows), int)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    windows = windows[np.argsort(windows[:, 0], kind="stable")]
    pairs = np.concatenate(list(_alike(windows)), axis=1)
    links = coo_array((np.ones(pairs.shape[1], np.int8), tuple(pairs)), (len(windows),) * 2)
    total, labels = connected_components(links, directed=False)
    counts = np.bincount(labels, minlength=total)
    added = np.stack([np.bincount(labels, column, total) for column in windows.T], axis=1)
    share = np.float32(1) / counts.astype(np.float32)  # in single precision, as OpenCV
    boxes = np.rint(added.astype(np.float32) * share[:, None]).astype(int)
    boxes, counts = boxes[counts > neighbours], counts[counts > neighbours]
    kept = ~_covered(boxes, counts)
    return boxes[kept], counts[kept]


def _alike(windows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield pairs [2, P] of windows that belong together; the windows are sorted by x."""
    edges = np.concatenate([windows[:, :2], windows[:, :2] + windows[:, 2:]], axis=1)
    sides = windows[:, 2:]
    reach = SIMILAR * sides.sum(axis=1).max() / 2  # no two are alike that lie further apart
    size = max(1, PAIRS // len(windows))
    for start in range(0, len(windows), size):
        some = slice(start, start + size)
        stop = int(np.searchsorted(edges[:, 0], edges[some][-1, 0] + reach, "right"))
        later = slice(start, stop)
        slack = np.minimum(sides[some, None], sides[None, later]).sum(axis=2) * (SIMILAR / 2)
        near = (np.abs(edges[some, None] - edges[None, later]) <= slack[..., None]).all(axis=2)
        yield np.stack(np.nonzero(near)) + start


def _covered(boxes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return which boxes lie inside of one that more windows were joined to, as bool [M]."""
    slack = np.rint(boxes[:, 2:] * SIMILAR).astype(int)
    starts, ends = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    inside = (starts[:, None] >= (starts - slack)[None]) & (ends[:, None] <= (ends + slack)[None])
    fewer = (counts[None] > np.maximum(3, counts)[:, None]) | (counts[:, None] < 3)
    np.fill_diagonal(fewer, val=False)
    return np.asarray((inside.all(axis=2) & fewer).any(axis=1))
