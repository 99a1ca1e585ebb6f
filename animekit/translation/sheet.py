"""Sheet of a transfer: a row a picture, input first, then every column with its name."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from animekit.images.layout import grid
from animekit.images.pixels import resize
from animekit.images.write import write_png

ROWS = 16
TILE = 128
HEAD = 20  # pixels of the names
FILE = "sheet.png"


@dataclass
class Sheet:
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
        blank = np.full((TILE, TILE, 3), 255, np.uint8)
        tiles = [
            tile
            for _, (before, after) in sorted(self.rows.items())
            for tile in (before, *(after.get(name, blank) for name in names))
        ]
        body = grid(np.stack(tiles), columns=len(names) + 1, gap=2)
        canvas = Image.new("RGB", (body.shape[1], body.shape[0] + HEAD), "white")
        canvas.paste(Image.fromarray(body), (0, HEAD))
        draw = ImageDraw.Draw(canvas)
        for column, name in enumerate(["input", *names]):
            place = (column * (TILE + 2) + TILE // 2, HEAD // 2)
            draw.text(place, name, "black", _font(draw, name), anchor="mm")
        write_png(folder / FILE, np.array(canvas))
        return folder / FILE


def _font(draw: ImageDraw.ImageDraw, name: str) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for size in (13, 11, 9, 8):
        font = ImageFont.load_default(size)
        if draw.textlength(name, font) <= TILE:
            return font
    return ImageFont.load_default(7)
