"""The picture of a cross table: what was asked for in rows, what was read in columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from animekit.images.captions import label
from animekit.images.layout import below, padded, table

CELL, LETTERS = 48, 11  # px


def draw(
    matrix: np.ndarray, rows: Sequence[str], columns: Sequence[str], caption: str
) -> np.ndarray:
    """Return the picture of counts [R, C], uint8 [H, W, 3]: darker is more of a row."""
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    cells = [
        label(
            f"{100 * share:.0f}" if share >= 0.005 else "",
            LETTERS,
            (CELL, CELL),
            ink="white" if share > 0.5 else "black",
            ground=(*2 * [round(255 * (1 - share))], 255),
        )
        for share in shares.flat
    ]
    sheet = table(np.stack(cells), len(columns), columns, rows, gap=1)
    words = label(caption, LETTERS, (2 * LETTERS, sheet.shape[1]), align="left", ink="black")
    return padded(below([sheet, words]), 6)
