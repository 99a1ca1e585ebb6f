"""The picture of a tag file: a table of hair and eye colours, with counts and examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from animekit.data.tag_report import SIDE as EXAMPLE
from animekit.data.tag_report import TagTable
from animekit.images.captions import INK, label
from animekit.images.layout import below, beside, dot, padded
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
LEFT, TOP, DOT = 92, 64, 14
NAME, TITLE = 62, 28  # px: width of the names of hair colours, height of the title
PAPER, FADED, EMPTY = "#ffffff", "#8a8a8a", "#f3f3f3"
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
    title = f"{table.both:,} of {table.rows:,} rows have one hair and one eye colour"
    wide, high = LEFT + (len(EYES) + 1) * SIDE + 8, SIDE + (LINE if table.examples else 0)
    rim, names = (TOP - TITLE - 16, SIDE), (16, SIDE)
    corner = [
        label("", 11, (rim[0], LEFT)),
        label("hair / eyes", 11, (names[0], LEFT), align="right", inset=8, ink=FADED),
    ]
    heads = [below(corner)]
    heads += [below([dot(COLOURS[name], DOT, rim, FADED), label(name, 11, names)]) for name in EYES]
    rows = []
    for row, name in enumerate(HAIR):
        side = label(name, 11, (high, NAME), align="right")
        mark = dot(COLOURS[name], DOT, (high, LEFT - NAME), FADED)
        cells = [_cell(table, row, column, high) for column in range(len(EYES))]
        rows.append(beside([side, mark, *cells, _total(table.pairs[row], high)]))
    totals = [_total(table.pairs[:, column], 2 * LINE) for column in range(len(EYES))]
    last = beside([label("", 12, (2 * LINE, LEFT)), *totals])
    head = label(title, 14, (TITLE, wide), align="left", inset=8)
    return below([head, beside(heads), *rows, last])


def _total(counts: np.ndarray, high: int) -> np.ndarray:
    return label(f"{int(counts.sum()):,}", 12, (high, SIDE))


def _cell(table: TagTable, row: int, column: int, high: int) -> np.ndarray:
    """Return one cell, with an example where there is one: uint8 [high, SIDE, 3]."""
    count, example = int(table.pairs[row, column]), table.examples.get((row, column))
    share = (count / max(1, int(table.pairs.max()))) ** 0.5
    tone = tuple(round(a + (b - a) * share) for a, b in zip(FEW, MANY, strict=True))
    ink = PAPER if share > 0.5 else INK if count else FADED
    room = high - 2 - (0 if example is None else len(example))
    number = label(f"{count:,}", 12, (room, SIDE - 2), ink=ink, ground=tone if count else EMPTY)
    return padded(number if example is None else below([example, number]), 1)
