"""The picture of a tag file: a table of hair and eye colours, with counts and examples."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from animekit.data.tag_report import SIDE as EXAMPLE
from animekit.data.tag_report import Cell, TagTable
from animekit.images.write import KEY, may_replace, write_png
from animekit.labels.tags import EYES, HAIR

COLOURS = {
    "orange": "#e88a3a",
    "white": "#f4f4f4",
    "aqua": "#5fd0d6",
    "gray": "#8f929c",
    "green": "#4aa65c",
    "red": "#cf3238",
    "purple": "#8452b8",
    "pink": "#f396ba",
    "blue": "#3e62cc",
    "black": "#302d38",
    "brown": "#7a4c2e",
    "blonde": "#f2d874",
    "yellow": "#f2d038",
}
SIDE = EXAMPLE + 2
"""Pixels of a cell."""
LINE = 18
LEFT, TOP, SWATCH = 92, 64, 14
PAPER, INK, FADED, EMPTY = "#ffffff", "#1a1a1a", "#8a8a8a", "#f3f3f3"
FEW, MANY = (226, 238, 250), (24, 78, 148)


def save_table(table: TagTable, path: Path, *, overwrite: bool = False) -> Path:
    """Write the picture of a table as PNG.

    A file that animekit did not make is replaced only if `overwrite` is true.
    """
    may_replace(path, ".png", overwrite=overwrite)
    write_png(path, draw_table(table), {KEY: f"colour table of {table.path.name}"})
    return path


def draw_table(table: TagTable) -> np.ndarray:
    """Return the picture of a table, uint8 [H, W, 3].

    Hair goes down, eyes across, with totals at the ends. A cell has its count, on blue that darkens
    with it or under an example.
    """
    high = SIDE + (LINE if table.examples else 0)
    wide = LEFT + (len(EYES) + 1) * SIDE + 8
    sheet = Image.new("RGB", (wide, TOP + len(HAIR) * high + 2 * LINE), PAPER)
    draw = ImageDraw.Draw(sheet)
    title = f"{table.both:,} of {table.rows:,} rows have one hair and one eye colour"
    draw.text((8, 8), title, INK, _font(14))
    for column, colour in enumerate(EYES):
        middle = LEFT + column * SIDE + SIDE // 2
        _swatch(draw, middle - SWATCH // 2, TOP - 34, colour)
        draw.text((middle, TOP - 8), colour, INK, _font(11), anchor="mm")
    draw.text((LEFT - 8, TOP - 8), "hair / eyes", FADED, _font(11), anchor="rm")
    most = max(1, int(table.pairs.max()))
    for row, colour in enumerate(HAIR):
        top = TOP + row * high
        _swatch(draw, LEFT - 24, top + high // 2 - SWATCH // 2, colour)
        draw.text((LEFT - 30, top + high // 2), colour, INK, _font(11), anchor="rm")
        for column in range(len(EYES)):
            count = int(table.pairs[row, column])
            _cell(sheet, (LEFT + column * SIDE, top), high, count, most, table, (row, column))
        total = f"{int(table.pairs[row].sum()):,}"
        right = LEFT + len(EYES) * SIDE + SIDE // 2
        draw.text((right, top + high // 2), total, INK, _font(12), anchor="mm")
    for column in range(len(EYES)):
        place = (LEFT + column * SIDE + SIDE // 2, sheet.height - LINE)
        total = f"{int(table.pairs[:, column].sum()):,}"
        draw.text(place, total, INK, _font(12), anchor="mm")
    return np.asarray(sheet)


def _cell(
    sheet: Image.Image,
    place: tuple[int, int],
    high: int,
    count: int,
    most: int,
    table: TagTable,
    cell: Cell,
) -> None:
    """Draw one cell, with an example where there is one."""
    draw = ImageDraw.Draw(sheet)
    left, top = place
    share = (count / most) ** 0.5
    tone = tuple(round(a + (b - a) * share) for a, b in zip(FEW, MANY, strict=True))
    box = (left + 1, top + 1, left + SIDE - 2, top + high - 2)
    draw.rectangle(box, fill=tone if count else EMPTY)
    middle = top + high // 2
    if cell in table.examples:
        sheet.paste(Image.fromarray(table.examples[cell]), (left + 1, top + 1))
        middle = top + high - LINE // 2 - 1
    ink = PAPER if share > 0.5 else INK if count else FADED
    draw.text((left + SIDE // 2, middle), f"{count:,}", ink, _font(12), anchor="mm")


def _swatch(draw: ImageDraw.ImageDraw, left: int, top: int, colour: str) -> None:
    box = (left, top, left + SWATCH, top + SWATCH)
    draw.ellipse(box, fill=COLOURS[colour], outline=FADED)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
