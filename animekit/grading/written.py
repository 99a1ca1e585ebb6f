"""Written: the folder of a grading, with one page, one CSV and framed pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from animekit.files import refuse_unwritable, write_atomic
from animekit.grading.framed import framed
from animekit.grading.picture import PictureGrade
from animekit.grading.submission import RESULT
from animekit.images.page import may_replace_page, refuse_others
from animekit.images.write import KEY, may_replace, write_errors, write_png

FOLDER = Path("grades")
FRAMED = "faces"
MARK = "submission,picture,verdict,"
"""What the CSV begins with, so that it may be written again."""
LONGEST = 60  # letters of a name that a framed picture keeps


def may_write(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder in which files stand in the way that animekit did not make."""
    refuse_unwritable(folder, "--out names another folder")
    may_replace_page(folder / RESULT["page"], overwrite=overwrite)
    refuse_others(folder / RESULT["csv"], MARK, overwrite=overwrite)


def write_framed(
    pictures: Sequence[PictureGrade], folder: Path, *, overwrite: bool
) -> dict[str, Path]:
    """Write each picture that could be read, with frames; return paths by names."""
    shown = [picture for picture in pictures if picture.pixels is not None]
    paths = {}
    for number, picture in enumerate(shown, 1):
        path = folder / FRAMED / f"{number:03}-{file_name(picture.name)}.png"
        may_replace(path, ".png", overwrite=overwrite)
        about = {"grade": picture.name, "faces": picture.faces}
        with write_errors(path):
            write_png(path, framed(picture), {KEY: json.dumps(about, ensure_ascii=True)})
        paths[picture.name] = path
    return paths


def write_texts(texts: Mapping[str, str], folder: Path) -> dict[str, Path]:
    """Write the page and the CSV into a folder; return their paths by the same names."""
    paths = {name: folder / RESULT[name] for name in texts}
    for name, text in texts.items():
        with write_errors(paths[name]):
            write_atomic(paths[name], text)
    return paths


def file_name(name: str) -> str:
    """Return a name as every system takes it as that of a file.

    >>> file_name("bob/samples/gan.png"), file_name("../<b>.png")
    ('bob-samples-gan', 'b')
    """
    plain = re.sub(r"[^\w.-]+", "-", re.sub(r"\.\w+$", "", name), flags=re.ASCII)
    return plain[-LONGEST:].strip("-.") or "picture"
