"""Contact sheets: for each reason, the pictures that were flagged, the worst first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from animekit.errors import UsageError
from animekit.files import cores
from animekit.images.decode import ImageError, decode
from animekit.images.write import write_png
from animekit.text import printable

if TYPE_CHECKING:
    from animekit.cleaning.check import Finding, Reason
    from animekit.cleaning.clean import Cleaning

TILE = 96
GAP = 6
LINE = 12
"""Pixels of a line of a caption; there are two."""
HEAD = 22
MOST = 4
"""Sheets of a reason; the manifest names all."""
LARGEST = 32  # columns and rows of a sheet
GROUND, PAPER, INK, FADED, KEPT = "#f2f2f2", "#ffffff", "#1a1a1a", "#666666", "#2e9e4f"


@dataclass(frozen=True)
class Example:
    """One picture as it is shown: its name, and why it was flagged or kept."""

    name: str
    score: float | None = None
    note: str = ""
    group: int | None = None
    is_kept: bool = False


@dataclass(frozen=True)
class Shelf:
    """All that was flagged for one reason: the worst first, or group by group."""

    reason: Reason
    findings: list[Finding]
    examples: list[Example]

    @property
    def count(self) -> int:
        """How many pictures were flagged: the kept ones of groups do not count."""
        return len({finding.row for finding in self.findings})

    @property
    def threshold(self) -> float | None:
        """What the scores were held against, if that was one number for all."""
        limits = {finding.threshold for finding in self.findings}
        return limits.pop() if len(limits) == 1 else None


@dataclass(frozen=True)
class Sheet:
    """One picture file: for which reason, how many tiles."""

    reason: str
    path: Path
    tiles: int


@dataclass
class Thumbs:
    """Small pictures of a folder's files, each made once: uint8 [96, 96, 3]."""

    folder: Path
    known: dict[str, np.ndarray | None] = field(default_factory=dict)

    def load(self, names: Iterable[str]) -> None:
        """Make those that are not known yet, on all cores."""
        new = [name for name in dict.fromkeys(names) if name not in self.known]
        with ThreadPoolExecutor(cores()) as pool:
            self.known.update(zip(new, pool.map(self._make, new), strict=True))

    def get(self, name: str) -> np.ndarray | None:
        """Return a small picture; None for a file that cannot be decoded."""
        if name not in self.known:
            self.known[name] = self._make(name)
        return self.known[name]

    def _make(self, name: str) -> np.ndarray | None:
        try:
            return fit(decode(self.folder / name, name), TILE)
        except ImageError:
            return None


def fit(image: np.ndarray, side: int) -> np.ndarray:
    """Return a picture [H, W, 3], whole, within a square: uint8 [side, side, 3]."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(image, size, interpolation=way)
    square = np.full((side, side, 3), 255, np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    return square


def shelves(cleaning: Cleaning) -> list[Shelf]:
    """Return what was found, a shelf for each reason, the largest first."""
    names = cleaning.manifest["name"].tolist()
    by_reason: dict[str, list[Finding]] = {}
    for finding in cleaning.findings:
        by_reason.setdefault(finding.reason.name, []).append(finding)
    made = []
    for findings in by_reason.values():
        if any(finding.kept is not None for finding in findings):
            examples = list(_groups(findings, names))
        else:
            examples = [
                Example(names[f.row], f.score, f.note) for f in sorted(findings, key=_badness)
            ]
        made.append(Shelf(findings[0].reason, findings, examples))
    return sorted(made, key=lambda shelf: (-shelf.count, shelf.reason.name))


def _badness(finding: Finding) -> tuple[float, int]:
    score = 0.0 if finding.score is None else finding.score
    return (score if finding.reason.worst == "lowest" else -score), finding.row


def _groups(findings: list[Finding], names: Sequence[str]) -> Iterable[Example]:
    """Yield the kept picture of each group, then those that go."""
    groups: dict[int | None, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.group, []).append(finding)
    for group, members in groups.items():
        kept = members[0].kept
        if kept is not None:
            yield Example(names[kept], None, "kept", group, is_kept=True)
        for member in sorted(members, key=_badness):
            yield Example(names[member.row], member.score, member.note, group)


def write_sheets(
    made: Iterable[Shelf],
    thumbs: Thumbs,
    folder: Path,
    *,
    columns: int = 8,
    rows: int = 8,
    most: int = MOST,
) -> list[Sheet]:
    """Write `<reason>_01.png` and so on, at most `most` for each reason.

    Files that cannot be decoded are not shown; a reason that has only such has no sheet.
    """
    if not (1 <= columns <= LARGEST and 1 <= rows <= LARGEST):
        raise UsageError(
            f"cannot make sheets of {columns}x{rows}", f"give 1x1 to {LARGEST}x{LARGEST}, as in 8x8"
        )
    room = columns * rows
    sheets = []
    for shelf in made:
        thumbs.load(example.name for example in shelf.examples[: most * room])
        shown = [each for each in shelf.examples if thumbs.known.get(each.name) is not None]
        for number, start in enumerate(range(0, len(shown), room), start=1):
            page = shown[start : start + room]
            head = _head(shelf, start, len(page))
            path = folder / f"{shelf.reason.name}_{number:02d}.png"
            write_png(path, draw_sheet(page, thumbs, columns, head))
            sheets.append(Sheet(shelf.reason.name, path, len(page)))
    return sheets


def _head(shelf: Shelf, start: int, shown: int) -> str:
    order = ""
    if any(finding.score is not None for finding in shelf.findings):
        order = f", {shelf.reason.worst} score first"
    if any(example.is_kept for example in shelf.examples):
        order = ", green: kept"
    place = f"{start + 1:,}-{start + shown:,} of {len(shelf.examples):,}"
    return f"{shelf.reason.words} ({shelf.reason.tier})  {place}{order}"


def draw_sheet(page: Sequence[Example], thumbs: Thumbs, columns: int, head: str) -> np.ndarray:
    """Return a sheet, uint8 [H, W, 3]: tiles with name and score under each."""
    wide, high = TILE + GAP, TILE + GAP + 2 * LINE
    columns = min(columns, max(len(page), 4))
    rows = math.ceil(len(page) / columns)
    sheet = Image.new("RGB", (columns * wide + GAP, HEAD + rows * high + GAP), GROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, HEAD // 2), _cut(head, sheet.width - 2 * GAP, 12), INK, _font(12), anchor="lm")
    for index, example in enumerate(page):
        row, column = divmod(index, columns)
        left, top = GAP + column * wide, HEAD + row * high
        small = thumbs.get(example.name)
        if small is not None:
            sheet.paste(Image.fromarray(small), (left, top))
        if example.is_kept:
            box = (left - 3, top - 3, left + TILE + 2, top + TILE + 2)
            draw.rectangle(box, outline=KEPT, width=3)
        name = _cut(printable(PurePosixPath(example.name).name), TILE, 10)
        draw.text((left, top + TILE + 3), name, INK, _font(10))
        words, colour = (caption(example), KEPT if example.is_kept else FADED)
        draw.text((left, top + TILE + 3 + LINE), _cut(words, TILE, 10), colour, _font(10))
    return np.asarray(sheet)


def caption(example: Example) -> str:
    """Return what is said of a picture under its name, in a few characters.

    >>> caption(Example("a.png", 0.12345)), caption(Example("a.png", 2400.0))
    ('0.123', '2,400')
    """
    if example.is_kept:
        return "kept"
    if example.score is None:
        return example.note
    return short(example.score)


def short(score: float) -> str:
    """Return a number in three digits, more only where it is a whole one.

    >>> short(12.0), short(0.5), short(1 / 3)
    ('12', '0.5', '0.333')
    """
    return f"{score:,.0f}" if score == int(score) or abs(score) >= 1000 else f"{score:.3g}"


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _cut(text: str, width: int, size: int) -> str:
    """Return a text that is at most some pixels wide, its middle left out."""
    font = _font(size)
    if font.getlength(text) <= width:
        return text
    keep = len(text)
    while keep > 1 and font.getlength(_without_middle(text, keep)) > width:
        keep -= 1
    return _without_middle(text, keep)


def _without_middle(text: str, keep: int) -> str:
    head = keep // 2
    return f"{text[:head]}…{text[len(text) - (keep - head) :]}"
