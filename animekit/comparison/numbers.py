"""Numbers: what was measured of several runs, with floors, and which of it is apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from animekit.runs.records import Measured, Record, read_record
from animekit.runs.run import Run

ALIKE, APART, UNKNOWN = "alike", "apart", "unknown"
"""Under two deviations; over; and nothing can be said."""


@dataclass(frozen=True)
class NumberRow:
    """One number of several runs; None for a run of which it was not measured."""

    key: str
    cells: tuple[Measured | None, ...]

    @property
    def better(self) -> str:
        """Which way is good: lower, higher, or as real images."""
        return next((each.better for each in self.cells if each is not None), "")

    @property
    def floor(self) -> str:
        """What real images get, where it is the same for all; "" where it is not."""
        found = {(e.real, e.real_spread) for e in self.cells if e is not None}
        return shown(*next(iter(found))) if len(found) == 1 else ""

    def verdict(self, first: int, second: int) -> str:
        """Say of two runs: alike (under two deviations), apart, or unknown."""
        one, two = self.cells[first], self.cells[second]
        found = None if one is None or two is None else one.differs(two)
        return UNKNOWN if found is None else APART if found else ALIKE

    def alike(self) -> list[tuple[int, int]]:
        """Return the pairs of runs that differ by under two deviations."""
        pairs = combinations(range(len(self.cells)), 2)
        return [pair for pair in pairs if self.verdict(*pair) == ALIKE]

    def best(self) -> int | None:
        """Return which run has the best number, where all can be held against each other."""
        known = [(place, each) for place, each in enumerate(self.cells) if each is not None]
        values = [(place, each.value) for place, each in known if each.value is not None]
        if len(values) < 2 or len({each.basis for _, each in known}) > 1:
            return None
        real = next((each.real for _, each in known), None)
        if self.better == "real":
            if real is None:
                return None
            return min(values, key=lambda pair: abs(pair[1] - real))[0]
        return (max if self.better == "higher" else min)(values, key=lambda pair: pair[1])[0]

    def words(self) -> str:
        """Say what the row tells, as the last cell of a table."""
        best = self.best()
        if best is None:
            bases = {each.basis for each in self.cells if each is not None}
            return "not measured alike" if len(bases) > 1 else ""
        others = [
            o for o, each in enumerate(self.cells) if o != best and each and each.value is not None
        ]
        verdicts = {other: self.verdict(best, other) for other in others}
        near = [best, *(other for other, each in verdicts.items() if each == ALIKE)]
        if len(near) > 1:
            return f"under 2 sd: {', '.join(str(place + 1) for place in sorted(near))}"
        known = all(each == APART for each in verdicts.values())
        return f"{best + 1} is best" if known else f"{best + 1} leads, no spread known"


@dataclass
class Numbers:
    """The numbers of several runs, and what must be known to read them."""

    rows: list[NumberRow]
    records: list[Record | None]
    notes: list[str] = field(default_factory=list)

    def facts(self, labels: Sequence[str]) -> list[dict[str, Any]]:
        """Return a row for each number as plain values."""
        return [
            {
                "key": row.key,
                "better": row.better,
                "values": {
                    label: None
                    if cell is None
                    else {
                        "value": cell.value,
                        "spread": cell.spread,
                        "real": cell.real,
                        "n": cell.n,
                        "definition": cell.definition,
                    }
                    for label, cell in zip(labels, row.cells, strict=True)
                },
                "best": None if (best := row.best()) is None else labels[best],
                "alike": [[labels[a], labels[b]] for a, b in row.alike()],
            }
            for row in self.rows
        ]


def gather(runs: Sequence[Run]) -> Numbers:
    """Return the newest numbers of some runs.

    An evaluation of all of them together goes before one of each: its draws, real images and
    parameters are the same. What one evaluation of others said of a run counts for it too.
    """
    folders = [
        folder for run in runs for folder in (run.path / "eval").glob("[0-9][0-9][0-9][0-9]*")
    ]
    folders.sort(key=_age)
    found = [[next(read_record(folder, run), None) for run in runs] for folder in folders]
    together = [row for row in found if all(each is not None for each in row)]
    chosen: list[Record | None]
    if together:
        chosen = together[-1]
    else:
        columns = zip(*found, strict=True) if found else ([],) * len(runs)
        chosen = [next((e for e in reversed(list(c)) if e is not None), None) for c in columns]
    keys = dict.fromkeys(key for each in chosen if each is not None for key in each.numbers)
    rows = [
        NumberRow(key, tuple(e.numbers.get(key) if e else None for e in chosen)) for key in keys
    ]
    return Numbers([row for row in rows if _is_there(row)], chosen, _notes(runs, chosen))


def shown(value: float | None, spread: float | None = None) -> str:
    """Return a number with its spread, to the digits that mean something.

    >>> shown(12.53, 0.31), shown(None), shown(0.2)
    ('12.5 ±0.3', '–', '0.200')
    """
    if value is None:
        return "–"
    size = max(abs(value), spread or 0)
    digits = next((d for d, least in enumerate((1000, 10, 1)) if size >= least), 3)
    known = [each for each in (value, spread) if each is not None]
    return " ±".join(f"{each:.{digits}f}" for each in known)


def _is_there(row: NumberRow) -> bool:
    return any(each is not None and each.value is not None for each in row.cells)


def _age(folder: Path) -> float:
    try:
        return (folder / "evaluation.json").stat().st_mtime
    except OSError:
        return 0.0


def _notes(runs: Sequence[Run], chosen: Sequence[Record | None]) -> list[str]:
    notes = []
    lacking = [run.id for run, each in zip(runs, chosen, strict=True) if each is None]
    names = " ".join(f"--compare {run.id}" for run in runs[1:])
    command = f"animekit evaluate {runs[0].id} {names}"
    if lacking:
        notes.append(f"not evaluated: {', '.join(lacking)}; {command} measures all alike")
    known = [each for each in chosen if each is not None]
    if len({(each.n, each.real, each.repeats) for each in known}) > 1:
        notes.append(f"the runs were not measured alike; {command} does so")
    single = [each.of.get("run") for each in known if each.repeats == 1]
    if single:
        notes.append(
            f"drawn once, so that only what has an error of its own has a spread: {single[0]}"
        )
    return notes
