"""Evaluation: the numbers of an evaluation with their spread, gates and record."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from animekit.errors import GateError, UnusableError, UsageError
from animekit.evaluation.advice import advice
from animekit.evaluation.metric import SPREADS, Exhibit
from animekit.files import write_atomic
from animekit.gates import parse_gate
from animekit.images.write import write_png
from animekit.runs.records import is_apart
from animekit.text import Printed

if TYPE_CHECKING:
    from animekit.evaluation.image_set import Oddity
    from animekit.models.collapse import Verdict
    from animekit.runs.run import Run

FACES = ("faces_figure", "faces_own")  # of 25; the course's count goes before our own
FOLDER = Path("evaluations")  # of the records of what is no run
FROM_REAL = "_from_real"  # end of a gate's key: how far a number is from that of real images
NO_NUMBER = "the metric gave no such number"
Numbers = dict[str, float] | UnusableError
"""What a metric found, or why its numbers are undefined."""


@dataclass(frozen=True)
class Value:
    """One number: its mean over repeats, their spread, and its standard error.

    `value` is None where it is undefined; `reason` then says why, or why some repeats are.
    """

    value: float | None
    sd: float | None = None
    se: float | None = None
    n: int = 0
    repeats: int = 1
    reason: str | None = None

    @property
    def spread(self) -> float | None:
        """The larger of both kinds of uncertainty; None where there is none."""
        known = [each for each in (self.sd, self.se) if each is not None]
        return max(known) if known else None

    def __str__(self) -> str:
        """Return the number with its spread, to the digits that mean something."""
        size = max(abs(self.value or 0), self.spread or 0)
        digits = next((d for d, least in enumerate((1000, 10, 1)) if size >= least), 3)
        known = (each for each in (self.value, self.spread) if each is not None)
        found = " ±".join(f"{each:.{digits}f}" for each in known)
        return "undefined" if self.value is None else found


@dataclass(frozen=True)
class Column:
    """The numbers of one set of images: of a contender, or of real images."""

    name: str
    kind: str
    values: dict[str, Value]
    facts: dict[str, Any] = field(default_factory=dict)

    def numbers(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return the defined values by key, and their spreads."""
        known = {key: value.value for key, value in self.values.items()}
        spreads = {key: value.spread for key, value in self.values.items()}
        return (
            {key: value for key, value in known.items() if value is not None},
            {key: spread for key, spread in spreads.items() if spread is not None},
        )


@dataclass(frozen=True)
class Row:
    """What a key of the table means: its metric, direction and definition."""

    key: str
    metric: str
    better: str
    definition: str


@dataclass(frozen=True)
class GateResult:
    """What came of a gate on the first contender."""

    expr: str
    key: str
    value: float | None
    failed: bool
    reason: str | None = None  # why the value is undefined


@dataclass
class Evaluation(Printed):
    """Everything that an evaluation found; `columns[0]` are the real images."""

    rows: list[Row]
    columns: list[Column]
    oddities: list[Oddity]
    verdicts: dict[str, Verdict]
    provenance: dict[str, Any]
    exhibits: list[tuple[str, Exhibit]] = field(default_factory=list)
    gates: list[GateResult] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    run: Run | None = None  # that the first contender is of, if any

    def as_table(self) -> list[Sequence[str]]:
        """Return a row for each number: its name, what is good, and what each column has."""
        names = [each.name for each in self.columns]
        if counts := {each.n for each in self.real.values.values()} - {self.provenance.get("n")}:
            names[0] += f" (n {max(counts):,})"  # the floor has fewer images than the fakes
        table: list[Sequence[str]] = [("", "good is", *names)]
        for row in self.rows:
            good = "as real" if row.better == "real" else row.better
            table.append((row.key, good, *(str(each.values[row.key]) for each in self.columns)))
        return table

    @property
    def real(self) -> Column:
        """The numbers of real images against other real images."""
        return self.columns[0]

    def value(self, key: str, column: int = 1) -> float | None:
        """Return one number of a contender, the first by default."""
        return self.columns[column].values[key].value

    def check(self, expressions: Sequence[str]) -> None:
        """Test gates such as "swd_avg>40" (which fails above 40) on the first contender.

        Of a number that is good as real, "ms_ssim_from_real>0.1" tells how far it is from theirs.
        An undefined number fails. Raises UsageError for what cannot be read or is no key.
        """
        values = self.gated()
        numbers = {key: value.value for key, value in values.items()}
        for text in expressions:
            gate = parse_gate(text, numbers)
            found, why = gate.value(numbers), values[gate.key].reason
            failed, why = gate.fails(numbers), why if found is None else None
            self.gates.append(GateResult(gate.text, gate.key, found, failed, why))

    def gated(self) -> dict[str, Value]:
        """Return what gates can be on: numbers, and how far they are from real ones."""
        values = dict(self.columns[1].values)
        for row in self.rows:
            if row.better == "real":
                pair = values[row.key], self.real.values[row.key]
                known = [each.value for each in pair if each.value is not None]
                values[row.key + FROM_REAL] = Value(
                    abs(known[0] - known[1]) if len(known) == 2 else None,
                    reason=next((each.reason for each in pair if each.value is None), None),
                )
        return values

    def check_faces(self, fewest: int) -> None:
        """Test that at least so many faces of 25 were found.

        The course's check counts, else our own detector. Raises UsageError where the metric that
        counts them was not computed.
        """
        key = next((key for key in FACES if key in self.columns[1].values), None)
        if key is None:
            raise UsageError("--min-faces needs the metric faces", "add --faces")
        self.check([f"{key}<{fewest}"])

    def failure(self) -> GateError | None:
        """Return the error of the gates that failed, None if none did."""
        failed = [gate for gate in self.gates if gate.failed]
        if not failed:
            return None
        seen = "; ".join(
            f"{gate.expr}: {gate.key} is "
            + (f"undefined: {gate.reason}" if gate.value is None else f"{gate.value:g}")
            for gate in failed
        )
        return GateError(f"{self.columns[1].name} does not pass: {seen}", self._advice(failed))

    def _advice(self, failed: Sequence[GateResult]) -> str:
        facts = self.columns[1].facts
        return advice(facts.get("kind", ""), self.provenance["n"], [g.value for g in failed])

    def alike(self, first: int = 1, second: int = 2) -> list[str]:
        """Return the keys in which two columns differ by under two sd."""
        return [row.key for row in self.rows if self.differ(row.key, first, second) is False]

    def differ(self, key: str, first: int, second: int) -> bool | None:
        """Say whether two columns differ by over two sd; None if that is unknown."""
        one, two = (self.columns[each].values[key] for each in (first, second))
        if one.value is None or two.value is None:
            return None
        return is_apart(one.value - two.value, one.spread, two.spread)

    def reasons(self) -> list[str]:
        """Return a line for each reason for which numbers are undefined."""
        found: dict[tuple[str, bool, str], list[str]] = {}
        for row in self.rows:
            seen: dict[tuple[str, bool], list[str]] = {}
            for column in self.columns:
                value = column.values[row.key]
                if value.reason is not None:
                    seen.setdefault((value.reason, value.value is None), []).append(column.name)
            for (reason, wholly), names in seen.items():
                found.setdefault((reason, wholly, ", ".join(names)), []).append(row.key)
        return [
            f"{'undefined: ' if wholly else ''}{' '.join(keys)} ({names}): {reason}"
            for (reason, wholly, names), keys in found.items()
        ]

    def facts(self) -> dict[str, Any]:
        """Return everything as plain values: the `data` of the JSON answer."""
        return {
            "metrics": [self._row(row) for row in self.rows],
            "columns": [
                {"name": each.name, "kind": each.kind, **each.facts} for each in self.columns
            ],
            "verdicts": {name: asdict(verdict) for name, verdict in self.verdicts.items()},
            "oddities": [oddity._asdict() for oddity in self.oddities],
            "gates": [asdict(gate) for gate in self.gates],
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "tables": [
                {"of": owner, "name": each.name, "caption": each.caption, "table": each.table}
                for owner, each in self.exhibits
                if each.table is not None
            ],
            "provenance": self.provenance,
        }

    def brief(self) -> dict[str, Any]:
        """Return the first contender's and the real numbers, for a line of a log."""
        columns = {"values": self.columns[1], "real": self.real}
        numbers = {
            name: {key: value.value for key, value in column.values.items()}
            for name, column in columns.items()
        }
        facts = {key: self.provenance[key] for key in ("n", "repeats", "seed", "size")}
        of = {key: self.columns[1].facts.get(key) for key in ("step", "sha256")}
        verdicts = {name: each.level for name, each in self.verdicts.items()}
        return {**facts, **of, **numbers, "verdicts": verdicts}

    def _row(self, row: Row) -> dict[str, Any]:
        real, first = (column.values[row.key] for column in self.columns[:2])
        side = re.fullmatch(r"[a-z_]+_(\d+)", row.key)
        return {
            "name": row.key,
            "metric": row.metric,
            "level": int(side[1]) if side else None,
            "value": first.value,
            "std": first.spread,
            "real": real.value,
            "reason": first.reason,
            "n": first.n,
            "better": row.better,
            "definition": row.definition,
            "values": {column.name: asdict(column.values[row.key]) for column in self.columns},
        }

    def pictures(self) -> dict[str, Exhibit]:
        """Return what has a picture, by the name of its file."""
        return {
            f"{_file_name(f'{exhibit.name}-{owner}')}.png": exhibit
            for owner, exhibit in self.exhibits
            if exhibit.image is not None
        }

    def save(self, folder: Path | str | None = None) -> Path:
        """Write evaluation.json and the pictures to a folder; return the JSON's path.

        By default the next one in `eval` of the run, or in `evaluations` for what is no run. A
        run's evaluations.jsonl gets a line.
        """
        folder = Path(folder) if folder is not None else self._next_folder()
        folder.mkdir(parents=True, exist_ok=True)
        for name, exhibit in self.pictures().items():
            assert exhibit.image is not None
            write_png(folder / name, exhibit.image, {"caption": exhibit.caption})
        path = folder / "evaluation.json"
        write_atomic(path, json.dumps(self.facts(), indent=1, allow_nan=False) + "\n")
        if self.run is not None:
            line = json.dumps({"record": folder.name, **self.brief()}, allow_nan=False)
            with (self.run.path / "evaluations.jsonl").open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        return path

    def _next_folder(self) -> Path:
        parent = FOLDER if self.run is None else self.run.path / "eval"
        numbers = [int(each.name[:4]) for each in parent.glob("[0-9][0-9][0-9][0-9]*")]
        label = f"-{_file_name(self.columns[1].name) or 'images'}" if self.run is None else ""
        return parent / f"{max(numbers, default=0) + 1:04d}{label}"


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text)


def keys_of(found: Iterable[Numbers]) -> list[str]:
    """Return the keys that any repeat has, without the uncertainties."""
    keys = (key for each in found if isinstance(each, dict) for key in each)
    return [key for key in dict.fromkeys(keys) if not key.endswith(SPREADS)]


def summarise(
    found: Sequence[Numbers], count: int, keys: Iterable[str] | None = None
) -> dict[str, Value]:
    """Return a Value for each key over repeats; an error says why one has no number.

    `keys` are those that are wanted, by default those that are there.

    >>> summarise([{"a": 1.0, "a_se": 0.5}, {"a": 3.0, "a_se": 0.5}], 8)["a"].value
    2.0
    """
    return {key: _summary(key, found, count) for key in (keys_of(found) if keys is None else keys)}


def _summary(key: str, found: Sequence[Numbers], count: int) -> Value:
    whole = [each for each in found if isinstance(each, dict) and key in each]
    reasons = [each.message for each in found if isinstance(each, UnusableError)]
    if not whole:
        return Value(None, n=count, reason=reasons[0] if reasons else NO_NUMBER)
    numbers = np.array([each[key] for each in whole], dtype=float)
    errors = [each[key + end] for each in whole for end in SPREADS if key + end in each]
    partly = f"not in {len(reasons)} of {len(found)} draws: {reasons[0]}" if reasons else None
    with np.errstate(all="ignore"):
        mean = _finite(numbers.mean())
        if mean is None:
            return Value(None, n=count, reason="it is not finite")
        return Value(
            value=mean,
            sd=_finite(numbers.std(ddof=1)) if len(numbers) > 1 else None,
            se=_finite(np.mean(errors)) if errors else None,
            n=count,
            repeats=len(numbers),
            reason=partly,
        )


def _finite(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None
