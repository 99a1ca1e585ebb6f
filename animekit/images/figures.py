"""Figures of a page: curves, frames and pictures of files, each embedded as an address."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from animekit.images.curves import Panel, draw_curves, style
from animekit.images.decode import ImageError, quiet
from animekit.images.page import embedded, webp
from animekit.images.write import MOST_PIXELS

SHARP = 95  # quality of WebP for lines and letters
FACES = 82  # and for pictures


@dataclass(frozen=True)
class PageFigure:
    """A picture that is in the page itself: its title, size in pixels, and address."""

    title: str
    width: int
    height: int
    address: str

    @classmethod
    def of(
        cls, title: str, image: np.ndarray, *, quality: int = FACES, longest: int | None = None
    ) -> PageFigure:
        """Return an image uint8 [H, W, 3] as a figure, not larger than `longest` pixels."""
        data = webp(image, quality, longest)
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
        return cls(title, width, height, embedded(data))

    def __len__(self) -> int:
        """Return how many bytes of the page it takes."""
        return len(self.address)


def curve_images(panels: Sequence[Panel]) -> list[tuple[str, np.ndarray]]:
    """Return each panel as a picture of its own, uint8 [H, W, 3], with its title."""
    found = []
    for panel in panels:
        with style():
            drawn, buffer = draw_curves([panel]), io.BytesIO()
            drawn.savefig(buffer, format="png", dpi=140)
        with Image.open(buffer) as image:
            found.append((panel.title, np.asarray(image.convert("RGB"))))
    return found


def curve_figures(panels: Sequence[Panel]) -> list[PageFigure]:
    """Return each panel as a figure of its own, so that a page lays them out."""
    return [PageFigure.of(title, image, quality=SHARP) for title, image in curve_images(panels)]


def frames(
    paths: Sequence[Path],
    most: int,
    *,
    corner: int | None = None,
    longest: int | None = None,
    quality: int = FACES,
) -> list[PageFigure]:
    """Return up to `most` pictures from first to last, titled by their numbers.

    `corner` keeps so many pixels from the top left. A file that cannot be read is passed over.
    """
    count = len(paths)
    last = max(1, min(count, most) - 1)
    chosen = sorted({round(i * (count - 1) / last) for i in range(min(count, most))})
    found = []
    for place in chosen:
        try:
            image = read(paths[place])
        except ImageError:
            continue
        image = image if corner is None else image[:corner, :corner]
        title = f"step {int(paths[place].stem):,}"
        found.append(PageFigure.of(title, image, quality=quality, longest=longest))
    return found


def read(path: Path) -> np.ndarray:
    """Return the pixels of a PNG, uint8 [H, W, 3]; raises ImageError."""
    try:
        with quiet, Image.open(path, formats=("PNG",)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError("it is larger than animekit draws")
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(str(path), f"not a readable picture ({error})", "format") from None


def sample_grids(folder: Path) -> list[Path]:
    """Return the sample grids in a folder, by the step that their names say."""
    found = (path for path in folder.glob("*.png") if path.stem.isdecimal())
    return sorted(found, key=lambda path: int(path.stem))
