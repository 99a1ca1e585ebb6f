"""Sheet of a transfer: a row for each picture, the input first, then each column by name."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from animekit.images.layout import blank, table
from animekit.images.pixels import resize
from animekit.images.write import write_png

ROWS = 16
TILE = 128
FILE = "sheet.png"


@dataclass
class ComparisonSheet:
    """The first pictures of a transfer as tiles; threads add them in any order."""

    rows: dict[int, tuple[np.ndarray, dict[str, np.ndarray]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, number: int, before: np.ndarray, after: dict[str, np.ndarray]) -> None:
        """Keep a picture uint8 [H, W, 3] and what it became, if it is one of the first."""
        if number >= ROWS or len(after) < 2:
            return
        row = resize(before, TILE), {name: resize(each, TILE) for name, each in after.items()}
        with self.lock:
            self.rows[number] = row

    def write(self, folder: Path) -> Path | None:
        """Write the sheet as a PNG and return its path; None if it would be empty."""
        if not self.rows:
            return None
        names = list(dict.fromkeys(name for _, after in self.rows.values() for name in after))
        missing = blank(TILE, TILE)
        tiles = [
            tile
            for _, (before, after) in sorted(self.rows.items())
            for tile in (before, *(after.get(name, missing) for name in names))
        ]
        heads = ["input", *names]
        write_png(folder / FILE, table(np.stack(tiles), len(heads), heads, gap=2))
        return folder / FILE
