"""Framed: a graded picture with its faces in frames and its verdict above."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from animekit.grading.picture import PictureGrade
from animekit.images.captions import fitting, label, line_height, wrapped
from animekit.images.layout import below

SMALL, LARGE = 640, 1600  # px of the longest side that are drawn at twice, and at most
RED, AMBER = "#ff0000", "#ff9900"
FRAME = 2  # px, the course's
LETTERS = 14
LEGEND = "red: a face; amber: an image in which the detector finds none"


def framed(grade: PictureGrade) -> np.ndarray:
    """Return a picture with a red frame round each face that counts: uint8 [H, W, 3].

    Images in which the detector finds none have an amber frame; the verdict stands above. Small
    pictures are drawn at twice their size.
    """
    assert grade.pixels is not None
    height, width = grade.pixels.shape[:2]
    longest = max(height, width)
    scale = 2.0 if longest <= SMALL else min(1.0, LARGE / longest)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(grade.pixels).resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    for left, top, wide, high in _empty(grade):
        edges = [left, top, left + wide, top + high]
        box = [
            round(each * scale) + inset for each, inset in zip(edges, (1, 1, -2, -2), strict=True)
        ]
        pen.rectangle(box, outline=AMBER, width=2 * FRAME)
    for x, y, wide, high in grade.boxes.tolist():
        box = [round(each * scale) for each in (x, y, x + wide, y + high)]
        pen.rectangle(box, outline=RED, width=FRAME)
    return below([_title(grade.words(), size[0], LETTERS), np.asarray(picture)])


def _empty(grade: PictureGrade) -> list[tuple[int, int, int, int]]:
    """Return left, top, width and height of the cells without a face."""
    if grade.layout is None:
        return []
    columns = len(grade.layout.columns)
    found = []
    for number in grade.faceless:
        row, column = divmod(number - 1, columns)
        top, bottom = grade.layout.rows[row]
        left, right = grade.layout.columns[column]
        found.append((left, top, right - left, bottom - top))
    return found


def _title(text: str, width: int, size: int) -> np.ndarray:
    size = fitting([text], width - 8, range(size, 7, -1))
    lines = wrapped(text, max(1, width - 8), size)
    return label(lines, size, (len(lines) * line_height(size) + 8, width), align="left", inset=4)
