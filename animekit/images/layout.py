"""Layout: many images as one, in rows and columns, with titles above, beside and under them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from animekit.images.captions import Colour, fitting, label, line_height, widest, wrapped
from animekit.images.pixels import resize

SMALLEST = 24
"""Pixels of a tile beside which a title can still be read."""
SIZES = ((48, 12), (32, 10), (0, 8))  # from this tile on, this size of letters
PAD = 4


def grid(
    images: np.ndarray, columns: int, gap: int = 0, background: Colour = "white"
) -> np.ndarray:
    """Lay images [N, H, W, 3] out row by row, `gap` pixels apart.

    >>> grid(np.zeros((3, 4, 4, 3), np.uint8), columns=2, gap=1).shape
    (9, 9, 3)
    """
    count, height, width = images.shape[:3]
    rows = -(-count // columns)
    sheet = blank(rows * (height + gap) - gap, columns * (width + gap) - gap, background)
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def beside(parts: Sequence[np.ndarray], gap: int = 0, ground: Colour = "white") -> np.ndarray:
    """Put images [H, W, 3] of any size side by side, their tops level.

    >>> beside([np.zeros((2, 3, 3), np.uint8), np.zeros((4, 1, 3), np.uint8)], gap=1).shape
    (4, 5, 3)
    """
    return below([part.transpose(1, 0, 2) for part in parts], gap, ground).transpose(1, 0, 2)


def below(parts: Sequence[np.ndarray], gap: int = 0, ground: Colour = "white") -> np.ndarray:
    """Put images [H, W, 3] of any size under each other, their left edges level."""
    height = sum(len(part) for part in parts) + gap * (len(parts) - 1)
    sheet = blank(height, max(part.shape[1] for part in parts), ground)
    top = 0
    for part in parts:
        sheet[top : top + len(part), : part.shape[1]] = part
        top += len(part) + gap
    return sheet


def padded(image: np.ndarray, edge: int, ground: Colour = "white") -> np.ndarray:
    """Put a frame of `edge` pixels round an image [H, W, 3]."""
    height, width = image.shape[:2]
    sheet = blank(height + 2 * edge, width + 2 * edge, ground)
    sheet[edge : edge + height, edge : edge + width] = image
    return sheet


def blank(height: int, width: int, ground: Colour = "white") -> np.ndarray:
    """Return an image of one colour, uint8 [H, W, 3]."""
    colour = ImageColor.getrgb(ground) if isinstance(ground, str) else ground
    return np.full((height, width, 3), colour, np.uint8)


def dot(colour: str, diameter: int, shape: tuple[int, int], rim: str) -> np.ndarray:
    """Draw a disc in the middle of white: uint8 [H, W, 3] of (height, width)."""
    canvas = Image.new("RGB", shape[::-1], "white")
    left, top = (shape[1] - diameter) // 2, (shape[0] - diameter) // 2
    box = (left, top, left + diameter, top + diameter)
    ImageDraw.Draw(canvas).ellipse(box, fill=colour, outline=rim)
    return np.asarray(canvas)


def course_figure(images: np.ndarray) -> np.ndarray:
    """Draw up to 25 images [N, H, W, 3] as the course's figure, RGBA [480, 640, 4].

    The geometry is that of `plt.subplots(5, 5)` with its defaults: 640x480 pixels on white, cells
    of 63.7 pixels at left 90.9 + 102.62 column and top 57.6 + 76.47 row, here on whole pixels.
    """
    if len(images) > 25:
        raise ValueError(f"the course figure has 25 cells, got {len(images)} images")
    figure = np.full((480, 640, 4), 255, np.uint8)
    for index, image in enumerate(images):
        row, column = divmod(index, 5)
        top, left = round(57.6 + 76.47 * row), round(90.9 + 102.62 * column)
        figure[top : top + 64, left : left + 64, :3] = resize(image, 64)
    return figure


def strip(images: np.ndarray, labels: Sequence[str] | None = None) -> np.ndarray:
    """Lay images [N, H, W, 3] out in one row, with a small caption under each."""
    row = grid(images, columns=len(images), gap=2)
    if labels is None:
        return row
    width = images.shape[2]
    size = fitting(labels, width, (11, 10, 9, 8))
    return below([row, beside([label(text, size, (16, width), ink="black") for text in labels], 2)])


def table(
    images: np.ndarray,
    columns: int,
    heads: Sequence[str],
    sides: Sequence[str] = (),
    gap: int = 0,
) -> np.ndarray:
    """Lay images [N, S, S, 3] out row by row with titles: uint8 [H, W, 3].

    `heads` stand above the columns and `sides` beside the rows; what is too long is wrapped, then
    cut. Without titles on one side there is no margin either.
    """
    tile = images.shape[1]
    size = next(size for least, size in SIZES if tile >= least)
    sheet = grid(images, columns, gap)
    margin = 0
    most = max(1, min(3, tile // line_height(size)))
    beside_rows = [wrapped(text, round(6.4 * size), size, most) for text in sides]
    if wide := max((widest(lines, size) for lines in beside_rows), default=0):
        margin = wide + 2 * PAD
        shape = (tile, margin)
        titles = [label(text, size, shape, align="right", inset=PAD) for text in beside_rows]
        sheet = beside([below(titles, gap), sheet])
    small = fitting([word for text in heads for word in text.split()], tile - 1, range(size, 7, -1))
    above = [wrapped(text, tile - 2 * PAD, small) for text in heads[:columns]]
    if high := max((len(lines) for lines in above), default=0) * line_height(small):
        titles = [label(lines, small, (high + 2 * PAD, tile)) for lines in above]
        corner = blank(high + 2 * PAD, margin)
        sheet = below([beside([corner, beside(titles, gap)]), sheet])
    return sheet
