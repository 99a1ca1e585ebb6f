"""A table of images: titles above its columns and beside its rows, as reports show them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from animekit.images.layout import grid

SMALLEST = 24
"""Pixels of a tile beside which a title can still be read."""
SIZES = ((48, 12), (32, 10), (0, 8))  # from this tile on, this size of letters
PAD = 4
MOST = 3  # lines of a title
INK = "#1a1a1a"


def table(
    images: np.ndarray, columns: int, heads: Sequence[str], sides: Sequence[str]
) -> np.ndarray:
    """Lay images [N, S, S, 3] out row by row with titles: uint8 [H, W, 3].

    `heads` stand above the columns and `sides` beside the rows; what is too long is wrapped, then
    cut. Without titles on one side there is no margin either.
    """
    tile = images.shape[1]
    size = next(size for least, size in SIZES if tile >= least)
    words = [word for text in heads for word in text.split()]
    fitting = (small for small in range(size, 7, -1) if _widest(words, small) < tile)
    small = next(fitting, 7)
    tops = [wrapped(text, tile - 8, small) for text in heads[:columns]]
    room = max(1, min(MOST, tile // _line(size)))
    lefts = [wrapped(text, round(6.4 * size), size, room) for text in sides]
    high = max((len(lines) for lines in tops), default=0) * _line(small)
    wide = _widest([line for lines in lefts for line in lines], size)
    top, left = (high + 2 * PAD if high else 0), (wide + 2 * PAD if wide else 0)
    cells = grid(images, columns)
    canvas = Image.new("RGB", (left + cells.shape[1], top + cells.shape[0]), "white")
    canvas.paste(Image.fromarray(cells), (left, top))
    draw = ImageDraw.Draw(canvas)
    for column, lines in enumerate(tops):
        _write(draw, lines, left + column * tile + tile // 2, top // 2, small, "mm")
    for row, lines in enumerate(lefts):
        _write(draw, lines, left - PAD, top + row * tile + tile // 2, size, "rm")
    return np.array(canvas)


def wrapped(text: str, width: int, size: int, most: int = MOST) -> list[str]:
    """Return a text in even lines of so many pixels; a longer one is cut.

    >>> wrapped("blue hair red eyes", 80, 12)
    ['blue hair', 'red eyes']
    """
    lines = _greedy(text, width, size)
    if len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
        return [_cut(line, width, size) for line in lines]
    narrow = width
    while len(_greedy(text, narrow - 1, size)) == len(lines) and narrow > _widest(lines, size) // 2:
        narrow -= 1
    return [_cut(line, width, size) for line in _greedy(text, narrow, size)]


def _greedy(text: str, width: int, size: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _cut(line: str, width: int, size: int) -> str:
    if _width(line, size) <= width:
        return line
    while line and _width(line + "…", size) > width:
        line = line.rpartition(" ")[0] or line[:-1]
    return line + "…"


def _write(
    draw: ImageDraw.ImageDraw, lines: list[str], x: int, y: int, size: int, anchor: str
) -> None:
    start = y - (len(lines) - 1) * _line(size) / 2
    for index, line in enumerate(lines):
        place = (x, round(start + index * _line(size)))
        draw.text(place, line, INK, _font(size), anchor=anchor)


def _line(size: int) -> int:
    return round(1.25 * size)


def _widest(texts: Sequence[str], size: int) -> int:
    return max((_width(text, size) for text in texts), default=0)


def _width(text: str, size: int) -> int:
    return round(_font(size).getlength(text))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
