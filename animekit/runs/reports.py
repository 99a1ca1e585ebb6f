"""Reports of a run, a line of metrics.jsonl each: of training, or of an evaluation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from animekit.foreign import BadLine, iterate_jsonl

Report = dict[str, Any]
EVALUATION, FLOOR, ALARM = "eval/", "floor/", "alarm/"
"""How keys begin of a metric, of what real images get, of an alarm (1 where it holds)."""


@dataclass
class Reports:
    """The reports of a run in order, and how many other lines hold none.

    What a crash cut off behind the last of them is neither.
    """

    rows: list[Report] = field(default_factory=list)
    bad: int = 0

    def up_to(self, step: int) -> list[Report]:
        """Return the reports up to a step, and those of other programs without one."""
        return [row for row in self.rows if row.get("step", 0) <= step]


def read_reports(path: Path) -> Reports:
    """Return the reports of a file; none where there is no file."""
    found, cut = Reports(), False
    for line in iterate_jsonl(path, "reports"):
        cut = isinstance(line, BadLine) or not _is_report(line)
        if cut:
            found.bad += 1
        else:
            assert isinstance(line, dict)
            found.rows.append(line)
    if cut and not _ends_a_line(path):
        found.bad -= 1
    return found


def last_with(rows: Sequence[Report], key: str) -> Report:
    """Return the last report that has a value, {} where none has.

    >>> last_with([{"step": 1, "seconds": 2.0}, {"step": 2, "eval/swd": 9.0}], "seconds")
    {'step': 1, 'seconds': 2.0}
    """
    return next((row for row in reversed(rows) if key in row), {})


def last_evaluation(rows: Sequence[Report]) -> Report:
    """Return the newest number of each kind that an evaluation made, {} without any.

    Looks at samples come oftener than scores, and the step is that of the newest.

    >>> last_evaluation([{"step": 1, "eval/swd": 9.0}, {"step": 2, "eval/twins": 1.0}])
    {'step': 2, 'eval/swd': 9.0, 'eval/twins': 1.0}
    """
    found: Report = {}
    for row in rows:
        if any(key.startswith("eval/") for key in row):
            found |= row
    return found


def set_aside(path: Path) -> Path:
    """Copy a damaged file to a free name beside it: metrics-damaged-1.jsonl."""
    number = 1
    while (kept := path.with_name(f"{path.stem}-damaged-{number}{path.suffix}")).exists():
        number += 1
    kept.write_bytes(path.read_bytes())
    return kept


def _is_report(row: Report) -> bool:
    """Say whether a row has a step and numbers; rows of other programs may hold anything."""
    if "step" not in row:
        return True
    step = row["step"]
    return type(step) is int and step >= 0 and all(map(_is_number, row.values()))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"
