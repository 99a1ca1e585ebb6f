"""Sheets for people to look at: rows of pictures, each row with a line of text over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from animekit.images.layout import strip as captioned_strip

SHOWN = 64  # px: pictures smaller than this are enlarged by whole numbers
LINE, LETTERS = 18, 12  # px: height of a line of text and of its letters
GAP = 12  # px between groups of pictures, and around the sheet
WHITE = 255


@dataclass(frozen=True)
class Row:
    """One row: text, and groups of pictures [N, 3, H, W] with labels or none."""

    text: str
    groups: Sequence[np.ndarray]
    labels: Sequence[Sequence[str] | None]


def sheet(rows: Sequence[Row]) -> np.ndarray:
    """Draw the rows under each other on white: uint8 [H, W, 3]."""
    font = ImageFont.load_default(LETTERS)
    drawn = [_pictures(row) for row in rows]
    width = max(
        max(picture.shape[1] for picture in drawn),
        max(int(font.getlength(row.text)) for row in rows),
    )
    height = sum(LINE + picture.shape[0] + GAP for picture in drawn)
    canvas = Image.new("RGB", (width + 2 * GAP, height + GAP), "white")
    draw, top = ImageDraw.Draw(canvas), GAP
    for row, picture in zip(rows, drawn, strict=True):
        draw.text((GAP, top + LINE // 2), row.text, "black", font, anchor="lm")
        canvas.paste(Image.fromarray(picture), (GAP, top + LINE))
        top += LINE + picture.shape[0] + GAP
    return np.array(canvas)


def _pictures(row: Row) -> np.ndarray:
    strips = [
        captioned_strip(enlarged(group), labels)
        for group, labels in zip(row.groups, row.labels, strict=True)
        if len(group)
    ]
    height = max(strip.shape[0] for strip in strips)
    padded = [
        np.pad(
            strip,
            ((0, height - strip.shape[0]), (0, GAP if index < len(strips) - 1 else 0), (0, 0)),
            constant_values=WHITE,
        )
        for index, strip in enumerate(strips)
    ]
    return np.concatenate(padded, axis=1)


def enlarged(group: np.ndarray) -> np.ndarray:
    """Return pictures as [N, H, W, 3], pixels repeated until they can be seen."""
    times = max(1, -(-SHOWN // max(group.shape[2:])))
    return group.transpose(0, 2, 3, 1).repeat(times, axis=1).repeat(times, axis=2)
