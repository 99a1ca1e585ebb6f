"""The report of a cleaning: one HTML file that needs no other, no script and no network."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animekit.cleaning.sheets import Example, Thumbs, caption, short
from animekit.images import page

if TYPE_CHECKING:
    from animekit.cleaning.check import Reason
    from animekit.cleaning.clean import Cleaning
    from animekit.cleaning.sheets import ContactSheet, ReasonGroup

FILE = "report.html"
EXAMPLES = 24
GROUPS = 40
MEMBERS = 6  # pictures of a group
PICTURE_BYTES = 7_000_000
"""What all pictures may have together; base64 makes four bytes of three."""
QUALITY = 72
BINS = 48
TAILS = 0.5  # per cent at both ends that a histogram may leave out


@dataclass(frozen=True)
class Tile:
    """One picture as the page shows it: all of it as an address, or why not."""

    name: str
    note: str
    caption: str
    is_kept: bool
    picture: str
    missing: str


@dataclass(frozen=True)
class TileRow:
    """Pictures beside each other, and how many more there would be."""

    tiles: Sequence[Tile]
    more: int


@dataclass(frozen=True)
class Bar:
    """One bin of a histogram; its heights are shares of the tallest."""

    bin: int
    all: float
    flagged: float


@dataclass(frozen=True)
class Histogram:
    """How scores lie from `low` to `high`; marks are shares of the way."""

    low: str
    high: str
    bars: Sequence[Bar]
    marks: Sequence[float]


@dataclass(frozen=True)
class ReportSection:
    """All that the page says of one reason."""

    reason: Reason
    count: int
    threshold: str
    scores: Histogram | None
    rows: Sequence[TileRow]
    more: int
    has_groups: bool
    sheets: Sequence[str]
    on_no_sheet: int

    @property
    def has_pictures(self) -> bool:
        """Whether at least one of the files can be shown."""
        return any(tile.picture for row in self.rows for tile in row.tiles)


@dataclass
class Embedded:
    """Pictures inside the page, until they have so many bytes; then names only."""

    thumbs: Thumbs
    left: int
    omitted: int = 0

    def row(self, examples: Sequence[Example], most: int) -> TileRow:
        """Return the first of some examples with their pictures."""
        shown = examples[:most]
        self.thumbs.load(example.name for example in shown)
        return TileRow([self._tile(example) for example in shown], len(examples) - len(shown))

    def _tile(self, example: Example) -> Tile:
        picture, missing = "", "cannot be shown"
        small = self.thumbs.get(example.name)
        if small is not None:
            data = page.webp(small, QUALITY)
            if len(data) <= self.left:
                self.left -= len(data)
                picture = page.embedded(data)
            else:
                self.omitted += 1
                missing = "left out"
        words = caption(example)
        return Tile(example.name, example.note, words, example.is_kept, picture, missing)


def write_report(
    cleaning: Cleaning,
    groups: Sequence[ReasonGroup],
    sheets: Sequence[ContactSheet],
    thumbs: Thumbs,
) -> Path:
    """Write report.html into the folder of a cleaning, and return its path.

    It says what was found, shows scores and examples, and how to go on.
    """
    summary, pictures = cleaning.summary, Embedded(thumbs, PICTURE_BYTES)
    return page.write(
        cleaning.folder / FILE,
        "clean.html",
        summary=summary,
        folder=shlex.quote(str(summary["path"])),
        manifest=shlex.quote(str(cleaning.folder / "manifest.csv")),
        warnings=cleaning.warnings,
        sections=[_section(cleaning, group, sheets, pictures) for group in groups],
        checks={
            name: {**facts.get("params", {}), **facts.get("thresholds", {})}
            for name, facts in summary["checks"].items()
        },
        pictures=pictures,
    )


def _section(
    cleaning: Cleaning, group: ReasonGroup, sheets: Sequence[ContactSheet], pictures: Embedded
) -> ReportSection:
    has_groups = any(example.is_kept for example in group.examples)
    if has_groups:
        sets = [list(each) for _, each in groupby(group.examples, key=lambda each: each.group)]
        rows = [pictures.row(members, MEMBERS) for members in sets[:GROUPS]]
        more = len(sets) - GROUPS
    else:
        rows = [pictures.row(group.examples, EXAMPLES)]
        more = rows[0].more
    own = [sheet for sheet in sheets if sheet.reason == group.reason.name]
    return ReportSection(
        group.reason,
        group.count,
        "" if group.threshold is None else short(group.threshold),
        histogram(cleaning, group),
        rows,
        more,
        has_groups,
        [sheet.path.name for sheet in own],
        len(group.examples) - sum(sheet.tiles for sheet in own),
    )


def histogram(cleaning: Cleaning, group: ReasonGroup) -> Histogram | None:
    """Return how the scores of all pictures lie; None where that says nothing."""
    scores = {f.row: f.score for f in group.findings if f.score is not None}
    if not scores:
        return None
    flagged = np.array(list(scores.values()), np.float64)
    every = _scores_of_all(cleaning, scores)
    if every is None and len(np.unique(flagged)) == 1:
        return None  # exact duplicates are all equally exact
    every = flagged if every is None else every
    limits = [] if group.threshold is None else [group.threshold]
    low, high = np.percentile(every, [TAILS, 100 - TAILS])
    low, high = min(low, flagged.min(), *limits), max(high, *limits, flagged.min())
    if not low < high:
        return None
    edges = np.linspace(low, high, BINS + 1)
    counts, bad = (np.histogram(np.clip(part, low, high), edges)[0] for part in (every, flagged))
    counts = np.maximum(counts, bad)
    shares = np.sqrt(counts / counts.max())
    parts = shares * bad / np.maximum(counts, 1)
    bars = [Bar(i, float(shares[i]), float(parts[i])) for i in np.flatnonzero(counts).tolist()]
    return Histogram(short(low), short(high), bars, [(x - low) / (high - low) for x in limits])


def _scores_of_all(cleaning: Cleaning, scores: dict[int, float]) -> np.ndarray | None:
    """Return the measure that the scores of a reason are, for all pictures, if there is one."""
    rows = list(scores)
    wanted = np.array([scores[row] for row in rows], np.float64)
    table = cleaning.table
    for column in (name for name in table.columns if "." in name):
        try:
            values = table[column].to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError):
            continue  # lists, hashes
        if np.allclose(values[rows], wanted, atol=1e-9) and len(np.unique(values)) > 2:
            return values[np.isfinite(values)]
    return None
