"""Layout: many images as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from animekit.images.pixels import resize


def grid(
    images: np.ndarray, columns: int, gap: int = 0, background: int | Sequence[int] = 255
) -> np.ndarray:
    """Lay images [N, H, W, 3] out row by row, `gap` pixels apart.

    >>> grid(np.zeros((3, 4, 4, 3), np.uint8), columns=2, gap=1).shape
    (9, 9, 3)
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, channels)
    sheet = np.empty(shape, np.uint8)
    sheet[:] = np.asarray(background, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


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
    height, width = images.shape[1:3]
    canvas = Image.new("RGB", (row.shape[1], height + 16), "white")
    canvas.paste(Image.fromarray(row), (0, 0))
    draw = ImageDraw.Draw(canvas)
    longest = max(labels, key=len)
    sizes = (ImageFont.load_default(size) for size in (11, 10, 9, 8))
    font = next((font for font in sizes if draw.textlength(longest, font) <= width), None)
    for index, label in enumerate(labels):
        place = (index * (width + 2) + width // 2, height + 8)
        draw.text(place, label, "black", font or ImageFont.load_default(7), anchor="mm")
    return np.array(canvas)
