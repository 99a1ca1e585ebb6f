"""Rows of ratios: what animekit takes beside a peer, in rounds that visit each of them in turn."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

Job = Callable[[], object]
IDLE = 0.5
"""Load of the machine up to which figures can be trusted."""
BUSY = "The machine is busy"


@dataclass(frozen=True)
class Row:
    """One line of the table: rates of both sides, higher is better, and the ratio over rounds.

    Without a peer, `peer` is None and the ratio is nan; `ours` then is what `unit` says.
    """

    section: str
    name: str
    unit: str
    ours: float
    beside: str = ""
    peer: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Point:
    """One point of the plot: what a curve costs at a value of its axis."""

    axis: str
    curve: str
    at: float
    cost: float
    unit: str
    section: str = "growth"


@dataclass(frozen=True)
class Asked:
    """What the command line asks of every section."""

    quick: bool = False
    rounds: int = 3
    faces: str | None = None
    cascade: str | None = None


@dataclass
class Table:
    """What sections have found: rows of ratios, points of the plot, and notes."""

    rows: list[Row] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take(self, found: Iterable[Row | Point | str]) -> None:
        """Take in what a section yields."""
        for each in found:
            if isinstance(each, Row):
                self.rows.append(each)
            elif isinstance(each, Point):
                self.points.append(each)
            else:
                self.notes.append(each)

    def facts(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            "rows": [asdict(each) for each in self.rows],
            "points": [asdict(each) for each in self.points],
            "notes": self.notes,
        }


def kept(folder: Path, anew: Sequence[str]) -> Table:
    """Return what a folder's table has of sections that are not measured anew."""
    path = folder / "table.json"
    facts = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    rows = [Row(**each) for each in facts.get("rows", ())]
    points = [Point(**each) for each in facts.get("points", ())]
    notes = [each for each in facts.get("notes", ()) if not each.startswith((*anew, BUSY))]
    return Table(
        [each for each in rows if each.section not in anew],
        [each for each in points if each.section not in anew],
        notes,
    )


def in_turns(jobs: Mapping[str, Job], rounds: int) -> dict[str, list[float]]:
    """Return seconds of every round by job; nobody runs always behind the same neighbour."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    names = list(jobs)
    for turn in range(rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            began = time.perf_counter()
            jobs[name]()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def row(
    section: str,
    name: str,
    unit: str,
    count: float,
    ours: Sequence[float],
    peer: Sequence[float],
    beside: str,
) -> Row:
    """Return a row of seconds a round: how many a second of both, and their ratio.

    >>> made = row("a", "b", "img/s", 10, [1.0, 1.0, 2.0], [2.0, 3.0, 2.0], "a loop")
    >>> made.ours, made.peer, made.ratio, made.low, made.high
    (10.0, 5.0, 2.0, 1.0, 3.0)
    """
    ratios = [theirs / mine for mine, theirs in zip(ours, peer, strict=True)]
    return Row(
        *(section, name, unit, count / median(ours), beside, count / median(peer)),
        *(median(ratios), min(ratios), max(ratios)),
    )


def load() -> float | None:
    """Return how busy the machine is; None where it does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def markdown(rows: Sequence[Row], notes: Sequence[str], machine: str) -> str:
    """Return the table as Markdown."""
    lines = [
        f"Machine: {machine}.",
        "",
        "| what | animekit | peer | ratio | beside |",
        "|---|---|---|---|---|",
    ]
    for each in rows:
        peer = "" if each.peer is None else f"{_rate(each.peer)} {each.unit}"
        ratio = ""
        if each.ratio is not None:
            ratio = f"**{each.ratio:.2f}x** [{each.low:.2f}..{each.high:.2f}]"
        name = f"{each.section}: {each.name}"
        lines.append(
            f"| {name} | {_rate(each.ours)} {each.unit} | {peer} | {ratio} | {each.beside} |"
        )
    return "\n".join([*lines, *(f"\n{note}" for note in notes), ""])


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
