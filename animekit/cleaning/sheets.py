"""Contact sheets: for each reason, the pictures that were flagged, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import cv2
import numpy as np

from animekit.errors import UsageError
from animekit.files import cores
from animekit.images.captions import INK, label, without_middle
from animekit.images.decode import ImageError, decode
from animekit.images.layout import below, blank, grid, padded
from animekit.images.write import write_png
from animekit.text import printable

if TYPE_CHECKING:
    import pandas as pd

    from animekit.cleaning.check import Finding, Reason

TILE = 96
FRAME = 3  # px round a tile, green if the picture is kept
LINE = 12
"""Pixels of a line of a caption; there are two."""
HEAD = 22  # px above the first tile
MOST = 4
"""Sheets of a reason; the manifest names all."""
LARGEST = 32  # columns and rows of a sheet
GROUND, FADED, KEPT = "#f2f2f2", "#666666", "#2e9e4f"


@dataclass(frozen=True)
class Example:
    """One picture as it is shown: its name, and why it was flagged or kept."""

    name: str
    score: float | None = None
    note: str = ""
    group: int | None = None
    is_kept: bool = False


@dataclass(frozen=True)
class ReasonGroup:
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
class ContactSheet:
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


def group_by_reason(manifest: pd.DataFrame, findings: Sequence[Finding]) -> list[ReasonGroup]:
    """Return what was found, a group for each reason, the largest first."""
    names = manifest["name"].tolist()
    by_reason: dict[str, list[Finding]] = {}
    for finding in findings:
        by_reason.setdefault(finding.reason.name, []).append(finding)
    made = []
    for own in by_reason.values():
        if any(finding.kept is not None for finding in own):
            examples = list(_with_kept(own, names))
        else:
            examples = [Example(names[f.row], f.score, f.note) for f in sorted(own, key=_badness)]
        made.append(ReasonGroup(own[0].reason, own, examples))
    return sorted(made, key=lambda group: (-group.count, group.reason.name))


def _badness(finding: Finding) -> tuple[float, int]:
    score = 0.0 if finding.score is None else finding.score
    return (score if finding.reason.worst == "lowest" else -score), finding.row


def _with_kept(findings: list[Finding], names: Sequence[str]) -> Iterable[Example]:
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
    made: Iterable[ReasonGroup],
    thumbs: Thumbs,
    folder: Path,
    *,
    columns: int = 8,
    rows: int = 8,
    most: int = MOST,
) -> list[ContactSheet]:
    """Write `<reason>_01.png` and so on, at most `most` for each reason.

    Files that cannot be decoded are not shown; a reason that has only such has no sheet.
    """
    if not (1 <= columns <= LARGEST and 1 <= rows <= LARGEST):
        raise UsageError(
            f"cannot make sheets of {columns}x{rows}", f"give 1x1 to {LARGEST}x{LARGEST}, as in 8x8"
        )
    room = columns * rows
    sheets = []
    for group in made:
        thumbs.load(example.name for example in group.examples[: most * room])
        shown = [each for each in group.examples if thumbs.known.get(each.name) is not None]
        for number, start in enumerate(range(0, len(shown), room), start=1):
            page = shown[start : start + room]
            head = _head(group, start, len(page))
            path = folder / f"{group.reason.name}_{number:02d}.png"
            write_png(path, draw_sheet(page, thumbs, columns, head))
            sheets.append(ContactSheet(group.reason.name, path, len(page)))
    return sheets


def _head(group: ReasonGroup, start: int, shown: int) -> str:
    order = ""
    if any(finding.score is not None for finding in group.findings):
        order = f", {group.reason.worst} score first"
    if any(example.is_kept for example in group.examples):
        order = ", green: kept"
    place = f"{start + 1:,}-{start + shown:,} of {len(group.examples):,}"
    return f"{group.reason.words} ({group.reason.tier})  {place}{order}"


def draw_sheet(page: Sequence[Example], thumbs: Thumbs, columns: int, head: str) -> np.ndarray:
    """Return a sheet, uint8 [H, W, 3]: tiles with name and score under each."""
    columns = min(columns, max(len(page), 4))
    cells = np.stack([_cell(example, thumbs.get(example.name)) for example in page])
    body = grid(cells, columns, background=GROUND)
    wide = body.shape[1]
    text = without_middle(head, wide - 2 * FRAME, 12)
    title = label(text, 12, (HEAD - 2 * FRAME, wide), align="left", inset=FRAME, ground=GROUND)
    return padded(below([title, body]), FRAME, GROUND)


def _cell(example: Example, small: np.ndarray | None) -> np.ndarray:
    """Return a picture in its frame, name and score below: uint8 [126, 102, 3]."""
    frame, ink = (KEPT, KEPT) if example.is_kept else (GROUND, FADED)
    tile = blank(TILE, TILE, GROUND) if small is None else small
    name = printable(PurePosixPath(example.name).name)
    shape = (LINE, TILE + 2 * FRAME)
    lines = [
        label(cut, 10, shape, align="left", inset=FRAME, ink=colour, ground=GROUND)
        for text, colour in ((name, INK), (caption(example), ink))
        for cut in [without_middle(text, TILE, 10)]
    ]
    return below([padded(tile, FRAME, frame), *lines])


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
