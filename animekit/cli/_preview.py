"""Pictures in a terminal: two pixels a character, the upper half of it over its ground."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from animekit.cli._console import Screen

if TYPE_CHECKING:
    import numpy as np

HALF = "\N{UPPER HALF BLOCK}"
RAMP = " .:-=+*#%@"  # from dark to light, where there are no colours
CELL = 18  # characters that an image of a grid should have at least, for a face to be one
LEFT = 4  # lines of the screen that a picture leaves to words


def preview(screen: Screen, pixels: np.ndarray, *, tile: int | None = None) -> None:
    """Show a picture uint8 [H, W, 3] among the words on the way, on a screen.

    Nothing is shown in a pipe, nor with --plain, --quiet or --json. `tile` is the
    side of the images of a grid: as many of its first rows and columns are shown as are not too
    small. Where there are no colours, letters stand for what is light and dark.
    """
    if not screen.live or screen.quiet:
        return
    console = screen.err
    width, height = console.width - 1, 2 * max(4, console.height - LEFT)  # in pixels
    if tile is not None:
        across = tile * max(1, min(width, height) // CELL)
        pixels = pixels[:across, :across]
    shown = _fitted(pixels, width, height)
    if console.no_color or console.color_system is None or not console.encoding.startswith("utf"):
        for line in _letters(shown):
            screen.note(line)
        return
    for row in range(0, len(shown), 2):
        console.print(_blocks(shown[row], shown[row + 1]), soft_wrap=True)


def _fitted(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return a picture within so many pixels, of even height, in its own proportions."""
    import cv2
    import numpy as np

    scale = min(width / pixels.shape[1], height / pixels.shape[0], 1.0)
    columns = max(1, round(scale * pixels.shape[1]))
    rows = max(2, 2 * round(scale * pixels.shape[0] / 2))
    return np.asarray(cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA))


def _blocks(above: np.ndarray, below: np.ndarray) -> Any:
    """Return two rows of pixels [W, 3] as one line."""
    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

    line = Text()
    for upper, lower in zip(above.tolist(), below.tolist(), strict=True):
        line.append(HALF, Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower)))
    return line


def _letters(pixels: np.ndarray) -> list[str]:
    """Return a picture as lines of letters, each for two pixels above each other."""
    import numpy as np

    light = pixels.mean(2)
    pairs = (light[0::2] + light[1::2]) / 2
    steps = np.minimum(len(RAMP) - 1, pairs * len(RAMP) / 256).astype(int)
    return ["".join(RAMP[step] for step in row).rstrip() for row in steps]
