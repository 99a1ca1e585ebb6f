"""Pictures of one colour, and what is seen of them, for the tests of this room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

BLUE, RED = (10, 60, 200), (200, 60, 10)
EXACT: dict[str, Any] = {"device": "cpu", "precision": "fp32", "threads": 1}


def paint(
    path: Path | str, colour: Any = RED, size: tuple[int, int] = (24, 16), **how: Any
) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = how.pop("mode", "RGB")
    Image.new(mode, size, colour).save(path, **how)
    return path


def colour(path: Path | str) -> Any:
    with Image.open(path) as image:
        return image.getpixel((image.width // 2, image.height // 2))


def tree(folder: str | Path) -> list[str]:
    """Return the files below a folder by name, without the small pictures of its page."""
    paths = (path.relative_to(folder) for path in Path(folder).rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if path.parts[0] != ".page")
