"""Captions: text as images, measured, wrapped and cut to the pixels that it may have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

LINES = 3  # of a title, at most
SMALLEST = 7  # px of the letters that a title comes down to
INK = "#1a1a1a"

Colour = str | tuple[int, ...]
"""A name, "#rrggbb", or red, green and blue of 0 to 255."""


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def width(text: str, size: int) -> int:
    """Return how many pixels a text is wide in letters of a size."""
    return round(_font(size).getlength(text))


def widest(texts: Iterable[str], size: int) -> int:
    """Return the width of the widest of some texts, 0 without any."""
    return max((width(text, size) for text in texts), default=0)


def fitting(texts: Sequence[str], room: int, sizes: Iterable[int]) -> int:
    """Return the first size at which every text is at most `room` pixels wide."""
    return next((size for size in sizes if widest(texts, size) <= room), SMALLEST)


def line_height(size: int) -> int:
    """Return the pixels from line to line."""
    return round(1.25 * size)


def label(
    text: str | Sequence[str],
    size: int,
    shape: tuple[int, int],
    *,
    align: Literal["left", "middle", "right"] = "middle",
    inset: int = 0,
    ink: str = INK,
    ground: Colour = "white",
) -> np.ndarray:
    """Draw a line, or a list of them: uint8 [H, W, 3] of the shape (height, width).

    `inset` is the distance from the edge to text that is not in the middle.
    """
    lines = [text] if isinstance(text, str) else text
    high, wide = shape
    canvas = Image.new("RGB", (wide, high), ground)
    draw = ImageDraw.Draw(canvas)
    left = {"left": inset, "middle": wide // 2, "right": wide - inset}[align]
    top = high // 2 - (len(lines) - 1) * line_height(size) / 2
    for index, line in enumerate(lines):
        place = (left, round(top + index * line_height(size)))
        draw.text(place, line, ink, _font(size), anchor=f"{align[0]}m")
    return np.asarray(canvas)


def wrapped(text: str, room: int, size: int, most: int = LINES) -> list[str]:
    """Return a text in even lines of so many pixels; a longer one is cut.

    >>> wrapped("blue hair red eyes", 80, 12)
    ['blue hair', 'red eyes']
    """
    lines = _greedy(text, room, size)
    if len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
        return [_without_end(line, room, size) for line in lines]
    narrow = room
    while len(_greedy(text, narrow - 1, size)) == len(lines) and narrow > widest(lines, size) // 2:
        narrow -= 1
    return [_without_end(line, room, size) for line in _greedy(text, narrow, size)]


def _greedy(text: str, room: int, size: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width(longer, size) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _without_end(line: str, room: int, size: int) -> str:
    if width(line, size) <= room:
        return line
    while line and width(line + "…", size) > room:
        line = line.rpartition(" ")[0] or line[:-1]
    return line + "…"


def without_middle(text: str, room: int, size: int) -> str:
    """Return a text that is at most some pixels wide: file names differ at both ends.

    >>> without_middle("a_long_name_0001.png", 80, 10)
    'a_long…001.png'
    """
    short, keep = text, len(text)
    while keep > 1 and _font(size).getlength(short) > room:
        keep -= 1
        head = keep // 2
        short = f"{text[:head]}…{text[len(text) - (keep - head) :]}"
    return short
