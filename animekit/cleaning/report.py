"""The report of a cleaning: one HTML file that needs no other, no script and no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from animekit.cleaning.sheets import Example, Thumbs, caption, short
from animekit.images import page
from animekit.text import typed

if TYPE_CHECKING:
    from animekit.cleaning.result import Cleaning
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


@dataclass
class Embedded:
    """Pictures inside the page, until they have so many bytes; then names only."""

    thumbs: Thumbs
    left: int
    omitted: int = 0

    def row(self, examples: Sequence[Example], most: int) -> dict[str, Any]:
        """Return the first of some examples as tiles, and how many more there are."""
        shown = examples[:most]
        self.thumbs.load(example.name for example in shown)
        return {
            "tiles": [
                {"example": each, "caption": caption(each), **self._picture(each.name)}
                for each in shown
            ],
            "more": len(examples) - len(shown),
        }

    def _picture(self, name: str) -> dict[str, str]:
        """Return an address that holds all of a picture, or why there is none."""
        small = self.thumbs.get(name)
        if small is None:
            return {"picture": "", "missing": "cannot be shown"}
        data = page.webp(small, QUALITY)
        if len(data) > self.left:
            self.omitted += 1
            return {"picture": "", "missing": "left out"}
        self.left -= len(data)
        return {"picture": page.embedded(data)}


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
        folder=typed(summary["path"]),
        manifest=typed(cleaning.folder / "manifest.csv"),
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
) -> dict[str, Any]:
    """Return all that the page says of one reason."""
    has_groups = any(example.is_kept for example in group.examples)
    if has_groups:
        sets = [list(each) for _, each in groupby(group.examples, key=lambda each: each.group)]
        rows = [pictures.row(members, MEMBERS) for members in sets[:GROUPS]]
        more = len(sets) - GROUPS
    else:
        rows = [pictures.row(group.examples, EXAMPLES)]
        more = rows[0]["more"]
    own = [sheet for sheet in sheets if sheet.reason == group.reason.name]
    return {
        "reason": group.reason,
        "count": group.count,
        "threshold": "" if group.threshold is None else short(group.threshold),
        "scores": histogram(cleaning, group),
        "rows": rows,
        "more": more,
        "has_groups": has_groups,
        "has_pictures": any(tile["picture"] for row in rows for tile in row["tiles"]),
        "sheets": [sheet.path.name for sheet in own],
        "on_no_sheet": len(group.examples) - sum(sheet.tiles for sheet in own),
    }


def histogram(cleaning: Cleaning, group: ReasonGroup) -> dict[str, Any] | None:
    """Return how the scores of all pictures lie; None where that says nothing.

    Heights of bars are shares of the tallest, marks of thresholds are shares of the width.
    """
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
    return {
        "low": short(low),
        "high": short(high),
        "bars": [(i, shares[i], parts[i]) for i in np.flatnonzero(counts)],
        "marks": [(limit - low) / (high - low) for limit in limits],
    }


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
