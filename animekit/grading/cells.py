"""Cells: where the images lie in a picture that holds several of them in rows and columns.

Two signs part a picture: lines of one colour from edge to edge (the course's figure, white gutters,
the black ones of torchvision), or, where images touch, lines at which everything changes at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

ROWS, COLUMNS, SIDE = 5, 5, 64
"""The course's: 25 images of 64 px, five a row."""
FIGURE = (480, 640)
"""Height and width of the figure that the course's `save_imgs` writes."""
_FIGURE_LEFT, _FIGURE_TOP, _FIGURE_SIDE = (90.9, 102.62), (57.6, 76.47), 63.7
FLAT = 12  # levels by which the pixels of a gutter may differ at most
ROUGHLY = 6.0  # and in the mean, from their median, where JPEG has touched them
EVEN = 0.06  # share of a cell's side, and at least two pixels, by which cells may differ
MOST = 16  # cells in a row or a column that are looked for
SMALLEST = 8  # px of a cell
EDGE, FEW_EDGE = 1.5, 2.5  # a seam's change over that of the lines beside it; of one or two seams
NEAR = 70  # percentile of the lines beside it that stands for them
ALMOST = 0.6  # share of the clearest grid's seams that another one's must have
BLANK = 2.0  # levels of deviation up to which a cell shows nothing

Style = Literal["tight", "figure", "gutters", "assumed"]
Span = tuple[int, int]


@dataclass(frozen=True)
class CellLayout:
    """Where the cells of a picture lie: the pixels of each row and of each column."""

    style: Style
    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    @property
    def count(self) -> int:
        """How many cells there are."""
        return len(self.rows) * len(self.columns)

    @property
    def side(self) -> tuple[int, int]:
        """Width and height of a cell in pixels, the median where they differ by one."""
        wide, high = ([end - start for start, end in spans] for spans in (self.columns, self.rows))
        return int(np.median(wide)), int(np.median(high))

    @property
    def is_course(self) -> bool:
        """Whether it is 5x5 of 64x64, or the course's own figure of them."""
        five = (len(self.rows), len(self.columns)) == (ROWS, COLUMNS)
        return five and (self.style == "figure" or self.side == (SIDE, SIDE))

    def cut(self, image: np.ndarray) -> list[np.ndarray]:
        """Return the cells of a picture [H, W, 3] row by row, all of one size."""
        wide, high = self.side
        found = []
        for top, _ in self.rows:
            for left, _ in self.columns:
                top, left = min(top, len(image) - high), min(left, image.shape[1] - wide)
                found.append(np.ascontiguousarray(image[top : top + high, left : left + wide]))
        return found

    def words(self) -> str:
        """Say it in a few words.

        >>> CellLayout("tight", ((0, 64), (64, 128)), ((0, 64),)).words()
        '2x1 of 64x64'
        """
        if self.style == "figure":
            return "the course's figure, 5x5"
        wide, high = self.side
        return f"{len(self.rows)}x{len(self.columns)} of {wide}x{high}"

    def facts(self) -> dict[str, Any]:
        """Return rows, columns and the size of a cell, as plain values."""
        wide, high = self.side
        return {
            "style": self.style,
            "rows": len(self.rows),
            "columns": len(self.columns),
            "cell_width": wide,
            "cell_height": high,
            "course": self.is_course,
        }


def find_layout(image: np.ndarray) -> CellLayout | None:
    """Return how uint8 [H, W, 3] is parted in cells; None where nothing parts it.

    320x320 pixels that nothing parts are held to be 5x5 of 64x64, as those of 25 images of noise
    are, and finer grids in them to be the pattern of an untrained network. Cells must be alike in
    size; a picture with a single one is no grid.
    """
    usual = image.shape[:2] == (ROWS * SIDE, COLUMNS * SIDE)
    columns, rows = _gutters(image.transpose(1, 0, 2)), _gutters(image)
    if len(columns) > 1 and len(rows) > 1:
        return CellLayout(_style(image, rows, columns), rows, columns)
    if len(rows) <= 1 and len(columns) <= 1:
        columns, rows = (_seams(each, usual=usual) for each in (image.transpose(1, 0, 2), image))
        if len(columns) > 1 and len(rows) > 1:
            return CellLayout("tight", rows, columns)
    if usual:
        spans = _even(ROWS * SIDE, ROWS)
        return CellLayout("assumed", spans, spans)
    return None


def blank(cells: Sequence[np.ndarray]) -> list[int]:
    """Return the numbers of cells, from 1, that are of one colour."""
    return [number for number, cell in enumerate(cells, 1) if cell.std(axis=(0, 1)).max() <= BLANK]


def _style(image: np.ndarray, rows: Sequence[Span], columns: Sequence[Span]) -> Style:
    """Return whether cells with gutters lie where those of the course's figure do."""
    if image.shape[:2] != FIGURE or (len(rows), len(columns)) != (ROWS, COLUMNS):
        return "gutters"
    starts = np.array([[span[0] for span in spans] for spans in (columns, rows)])
    first, pitch = np.array([_FIGURE_LEFT, _FIGURE_TOP]).T
    expected = first[:, None] + pitch[:, None] * np.arange(COLUMNS)
    return "figure" if np.abs(starts - expected).max() <= 3 else "gutters"


def _gutters(image: np.ndarray) -> tuple[Span, ...]:
    """Return the spans of rows between lines of one colour; () where they are not even.

    What lies before the first line and behind the last one counts as well: gutters may or may not
    run round the picture. Lines that JPEG has touched are looked for where there are no clean ones.
    """
    whole = (image.max(axis=1).astype(int) - image.min(axis=1)).max(axis=1) <= FLAT
    for flat in (whole, _deviation(image) <= ROUGHLY):
        edges = np.flatnonzero(np.diff(np.concatenate([[True], flat, [True]]).astype(np.int8)))
        spans = [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
        if _is_even(spans):
            return tuple(spans)
    return ()


def _deviation(image: np.ndarray) -> np.ndarray:
    """Return how far the pixels of each row are from its median colour, the mean: float [H]."""
    middle = np.median(image, axis=1, keepdims=True)
    return np.asarray(np.abs(image - middle).mean(axis=(1, 2)))


def _is_even(spans: Sequence[Span]) -> bool:
    """Say whether spans are a grid: alike in size, and alike far from each other."""
    if not 1 < len(spans) <= MOST:
        return False
    sizes = np.array([end - start for start, end in spans])
    steps = np.array([after[0] - before[0] for before, after in pairwise(spans)])
    slack = max(2.0, EVEN * float(np.median(sizes)))
    return bool(sizes.min() >= SMALLEST and np.ptp(sizes) <= slack and np.ptp(steps) <= slack)


def _seams(image: np.ndarray, *, usual: bool) -> tuple[Span, ...]:
    """Return the spans of rows of images that touch; () where no even lines part the picture.

    A line parts it where the mean change from row to row is far above that of the rows around. Of
    several grids the finest is taken whose lines are about as clear as any: 10 lines are 5 too. In
    a picture of the `usual` size five are taken wherever they are clear.
    """
    height = len(image)
    change = np.abs(np.diff(image.astype(np.float32), axis=0)).mean(axis=(1, 2))  # [H - 1]
    clear: dict[int, float] = {}
    for count in range(2, min(MOST, height // SMALLEST) + 1):
        spans = _even(height, count)
        found = [_clearness(change, start, height // count) for start, _ in spans[1:]]
        if min(found) >= (FEW_EDGE if count <= 3 else EDGE):
            clear[count] = float(np.median(found))
    if usual and ROWS in clear:
        return _even(height, ROWS)
    best = max(clear.values(), default=0.0)
    counts = [count for count, value in clear.items() if value >= ALMOST * best]
    return _even(height, max(counts)) if counts else ()


def _clearness(change: np.ndarray, at: int, side: int) -> float:
    """Return how much rows change from at - 1 to at, over the rows near; scaled ones lie askew."""
    near = change[max(0, at - side // 2) : at + side // 2]
    return float(change[at - 2 : at + 1].max() / max(1.0, np.percentile(near, NEAR)))


def _even(length: int, count: int) -> tuple[Span, ...]:
    edges = [round(length * place / count) for place in range(count + 1)]
    return tuple(pairwise(edges))
