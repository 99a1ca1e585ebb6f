"""The page of a transfer: input, output and the way back, with a slider to compare them.

It needs nothing but the files beside it, by relative names, so that it works from a zip; without
script everything can be read, side by side. Nothing is fetched from anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animekit.images import film, page

if TYPE_CHECKING:
    from animekit.translation.result import Item, Transferred

FILE = "index.html"
PAGE_FOLDER = ".page"
"""Where the small pictures lie: hidden, so that no data set takes them for results."""
ROWS = 2000
"""Results that a page shows; more would be slow to open."""
SIDE = 512
QUALITY = 80
FAILURES = 200


@dataclass(frozen=True)
class PageRow:
    """One result; names are relative to the page, with "/" between the parts."""

    out: str
    source: str
    column: str
    width: int
    height: int
    frames: int
    before: str | None
    back: str | None

    @classmethod
    def of(cls, item: Item, folder: Path) -> PageRow:
        """Return what the page in a folder says of a file that was written."""
        out, before, back = (
            None if path is None else path.relative_to(folder).as_posix()
            for path in (item.out, item.before, item.back)
        )
        size = item.width, item.height
        return cls(str(out), str(item.source), item.column, *size, item.frames, before, back)

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height of its pictures in the page."""
        factor = min(1.0, SIDE / max(self.width, self.height))
        return max(1, round(self.width * factor)), max(1, round(self.height * factor))

    @property
    def is_video(self) -> bool:
        """Whether a browser plays it."""
        ending = Path(self.out).suffix.lower()
        return ending == ".webm" or (ending in film.ENDINGS and film.is_had())


def small_picture(pixels: np.ndarray) -> bytes:
    """Return a picture uint8 [H, W, 3] as WebP, `SIDE` pixels at most."""
    return page.webp(pixels, QUALITY, SIDE)


def write(result: Transferred, rows: Sequence[PageRow]) -> Path:
    """Write index.html into the folder of the results, and return its path."""
    return page.write(
        result.out / FILE,
        "transfer.html",
        model=result.model,
        precision=result.precision,
        rows=rows,
        most_rows=ROWS,
        failed=result.failed,
        most_failures=FAILURES,
    )
