"""Sheets for people to look at: rows of pictures, each row with a line of text over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from animekit.images.captions import label, width
from animekit.images.layout import below, beside, padded, strip

SHOWN = 64  # px: pictures smaller than this are enlarged by whole numbers
LINE, LETTERS = 18, 12  # px: height of a line of text and of its letters
GAP = 12  # px between groups of pictures, between rows, and around the sheet


@dataclass(frozen=True)
class SheetRow:
    """One row: text, and groups of pictures [N, 3, H, W] with labels or none."""

    text: str
    groups: Sequence[np.ndarray]
    labels: Sequence[Sequence[str] | None]


def sheet(rows: Sequence[SheetRow]) -> np.ndarray:
    """Draw the rows under each other on white: uint8 [H, W, 3]."""
    return padded(below([_drawn(row) for row in rows], GAP), GAP)


def _drawn(row: SheetRow) -> np.ndarray:
    strips = [
        strip(enlarged(group), labels)
        for group, labels in zip(row.groups, row.labels, strict=True)
        if len(group)
    ]
    text = label(row.text, LETTERS, (LINE, width(row.text, LETTERS)), align="left", ink="black")
    return below([text, beside(strips, GAP)])


def enlarged(group: np.ndarray) -> np.ndarray:
    """Return pictures as [N, H, W, 3], pixels repeated until they can be seen."""
    times = max(1, -(-SHOWN // max(group.shape[2:])))
    return group.transpose(0, 2, 3, 1).repeat(times, axis=1).repeat(times, axis=2)
