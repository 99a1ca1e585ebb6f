"""Records: what `animekit evaluate` stored of a run, number by number, with spread and floor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from animekit.errors import AnimekitError
from animekit.foreign import read_json
from animekit.runs.run import Run

RECORD = "evaluation.json"
CLOSE = 2.0  # combined standard deviations under which a difference says nothing


def is_apart(difference: float, one: float | None, two: float | None) -> bool | None:
    """Say whether a difference is over two deviations; None without any spread."""
    spread = math.hypot(one or 0.0, two or 0.0)
    return abs(difference) > CLOSE * spread if spread else None


@dataclass(frozen=True)
class Measured:
    """One number of a run as an evaluation stored it.

    `basis` is all that must be equal for two of them to be held against each other: the
    definition with its parameters and count, the real images, and the size.
    """

    key: str
    value: float | None
    spread: float | None
    real: float | None
    real_spread: float | None
    better: str
    definition: str
    n: int
    basis: str
    reason: str | None = None

    def differs(self, other: Measured) -> bool | None:
        """Say whether two numbers differ by over two deviations; None if that is unknown."""
        if self.value is None or other.value is None or self.basis != other.basis:
            return None
        if self.value == other.value:
            return False
        return is_apart(self.value - other.value, self.spread, other.spread)


@dataclass(frozen=True)
class Record:
    """What one evaluation stored of a run: numbers by key, and what was said."""

    folder: Path
    numbers: dict[str, Measured]
    of: dict[str, Any]
    """The evaluated weights: run, step, sha256."""
    n: int
    repeats: int
    real: str
    verdict: str | None = None
    tables: list[dict[str, Any]] = field(default_factory=list)

    def pictures(self, kind: str) -> list[Path]:
        """Return the pictures of a kind, as "neighbours", that are of this run's weights."""
        found = sorted(self.folder.glob(f"{kind}*.png"))
        names = [str(self.of.get("run") or ""), _short(self.of)]
        own = [path for path in found if path.stem.endswith(tuple(f"-{n}" for n in names if n))]
        return own or found[:1]


def records(run: Run) -> list[Record]:
    """Return what evaluations stored of a run, the newest last."""
    folders = sorted((run.path / "eval").glob("[0-9][0-9][0-9][0-9]*"))
    return [each for folder in folders for each in read_record(folder, run)]


def read_record(folder: Path, run: Run) -> Iterator[Record]:
    """Yield what the record in a folder says of a run, if it does."""
    try:
        found = read_json(folder / RECORD, "record of an evaluation")
        columns = found["columns"]
        own = folder.parent.parent == run.path  # whose first contender it is, by whatever name
        named = (i for i, each in enumerate(columns) if i and each.get("run") == run.id)
        place = next(named, 1 if own else len(columns))
        record = found["provenance"]
        real = record["real"]
        shared = f"{real.get('fingerprint') or real.get('name')}, {record['size']} px"
        numbers = {row["name"]: _measured(row, place, shared) for row in found["metrics"]}
        label = list(found["metrics"][0]["values"])[place] if found["metrics"] else ""
        verdict = found["verdicts"].get(label)
        yield Record(
            folder,
            numbers,
            {key: columns[place].get(key) for key in ("run", "step", "sha256", "model")},
            int(record["n"]),
            int(record["repeats"]),
            str(real.get("name")),
            None if verdict is None else str(verdict["text"]),
            [each for each in found.get("tables", []) if each.get("of") == label],
        )
    except (AnimekitError, LookupError, TypeError, ValueError, AttributeError, StopIteration):
        return  # no record, of another run, or not what evaluate writes


def _measured(row: dict[str, Any], place: int, shared: str) -> Measured:
    columns = list(row["values"].values())
    real, own = columns[0], columns[place]
    definition = str(row["definition"])
    return Measured(
        str(row["name"]),
        _number(own["value"]),
        _spread(own),
        _number(real["value"]),
        _spread(real),
        str(row["better"]),
        definition,
        int(own["n"]),
        f"{definition}; {shared}",
        own["reason"],
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _spread(column: dict[str, Any]) -> float | None:
    known = [float(column[key]) for key in ("sd", "se") if column[key] is not None]
    return max(known) if known else None


def _short(of: dict[str, Any]) -> str:
    """Return how a column of a table names a run: 0007-wgangp."""
    return "-".join(str(of.get("run") or "").split("-")[:2])
