"""Ablation: what each variant reached, with its spread over seeds, beside base and floor."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from animekit.ablation.plan import AblatePlan, Planned
from animekit.ablation.trial import State, Trial
from animekit.errors import PartialError
from animekit.evaluation.result import Row, Value
from animekit.runs.records import CLOSE
from animekit.text import Printed, number

Judgement = Literal["better", "worse", "alike", "unknown"]


@dataclass(frozen=True)
class Outcome:
    """One variant: its trainings, and the numbers over those that came to an end."""

    planned: Planned
    trials: tuple[Trial, ...]
    states: tuple[State, ...]
    values: Mapping[str, Value]

    @property
    def name(self) -> str:
        """What the variant is called."""
        return self.planned.variant.name

    @property
    def done(self) -> list[State]:
        """The trainings that were measured."""
        return [state for state in self.states if state.measured is not None]

    @property
    def failed(self) -> list[State]:
        """The trainings that came to nothing."""
        return [state for state in self.states if state.failed is not None]

    @property
    def steps(self) -> float | None:
        """Steps that its trainings took, on average."""
        return float(np.mean([state.step for state in self.done])) if self.done else None

    @property
    def seconds(self) -> float | None:
        """Seconds of the processor that they took, on average."""
        return float(np.mean([state.seconds for state in self.done])) if self.done else None

    @property
    def verdicts(self) -> list[str]:
        """What was said of mode collapse, one sentence a seed."""
        told = [(state.seed, (state.measured or {}).get("verdict")) for state in self.done]
        return [f"seed {seed}: {each['text']}" for seed, each in told if each is not None]


@dataclass(frozen=True)
class Ablation(Printed):
    """Everything that an ablation found; `outcomes[0]` is the base."""

    plan: AblatePlan
    outcomes: tuple[Outcome, ...]
    rows: tuple[Row, ...]
    floor: Mapping[str, Value]
    """The numbers of real pictures against other real ones."""
    n: int
    """Images of each side that were measured."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """What was written, by kind: page, md, csv, json, sheet, curves, and pair.NAME."""

    @classmethod
    def of(cls, plan: AblatePlan, states: Sequence[State]) -> Ablation:
        """Put the states of a plan's trials together."""
        rows: dict[str, Row] = {}
        floors: list[Mapping[str, Any]] = []
        for state in states:
            for row in (state.measured or {}).get("rows", ()):
                rows.setdefault(row["key"], Row(**row))
            if state.measured is not None:
                floors.append(state.measured["real"])
        outcomes, place = [], 0
        for planned in plan.variants:
            count = len(plan.request.seeds)
            own = tuple(states[place : place + count])
            trials, place = plan.trials[place : place + count], place + count
            found = [state.measured["fake"] for state in own if state.measured is not None]
            values = {key: over_seeds([each.get(key) for each in found]) for key in rows}
            outcomes.append(Outcome(planned, tuple(trials), own, values))
        floor = {key: Value(**floors[0][key]) for key in rows if key in floors[0]} if rows else {}
        n = max(((state.measured or {}).get("n", 0) for state in states), default=0)
        return cls(plan, tuple(outcomes), tuple(rows.values()), floor, n)

    @property
    def folder(self) -> Path:
        """Where all of it lies."""
        return self.plan.folder

    @property
    def base(self) -> Outcome:
        """What the variants are held against."""
        return self.outcomes[0]

    def difference(self, outcome: Outcome, key: str) -> tuple[float, float] | None:
        """Return how far a number is from the base's, and the deviation of that.

        The deviation is 0 where one of both has no spread.
        """
        one, base = outcome.values.get(key), self.base.values.get(key)
        if one is None or base is None or one.value is None or base.value is None:
            return None
        if one.spread is None or base.spread is None:  # of one seed that was measured once
            return one.value - base.value, 0.0
        return one.value - base.value, math.hypot(one.spread, base.spread)

    def judge(self, outcome: Outcome, key: str) -> Judgement:
        """Say whether a number is better than the base's by over two deviations.

        What is good as real is better where it is nearer to the number of real pictures.
        """
        found, row = self.difference(outcome, key), self.row(key)
        if found is None or not found[1]:
            return "unknown"
        difference, deviation = found
        if abs(difference) <= CLOSE * deviation:
            return "alike"
        if row.better == "real":
            real = self.floor[key].value if key in self.floor else None
            if real is None:
                return "unknown"
            ours, base = outcome.values[key].value, self.base.values[key].value
            assert ours is not None and base is not None
            return "better" if abs(ours - real) < abs(base - real) else "worse"
        return "better" if (difference < 0) == (row.better == "lower") else "worse"

    def row(self, key: str) -> Row:
        """Return what a key means."""
        return next(row for row in self.rows if row.key == key)

    def as_table(self) -> list[Sequence[str]]:
        """Return a row for each variant, real pictures first: numbers, and what they say."""
        keys = [row.key for row in self.rows]
        table: list[Sequence[str]] = [("variant", "steps", *keys)]
        if self.floor:
            table.append(("real pictures", "", *(str(self.floor.get(key, "")) for key in keys)))
        for outcome in self.outcomes:
            table.append((outcome.name, self.steps_of(outcome), *self._cells(outcome, keys)))
        return table

    def steps_of(self, outcome: Outcome) -> str:
        """Return how many steps a variant took, or that it did not come so far."""
        if outcome.steps is None:
            return "failed"
        failed = f" ({len(outcome.failed)} failed)" if outcome.failed else ""
        return f"{outcome.steps:,.0f}{failed}"

    def _cells(self, outcome: Outcome, keys: Sequence[str]) -> Iterator[str]:
        for key in keys:
            value = outcome.values[key]
            if value.value is None:
                yield "-"
                continue
            judged = "" if outcome is self.base else self.judge(outcome, key)
            yield f"{value} {'' if judged == 'unknown' else judged}".rstrip()

    def sentences(self) -> list[str]:
        """Return what the table says of each number, in words."""
        found = []
        for row in self.rows:
            judged: dict[Judgement, list[str]] = {}
            for outcome in self.outcomes[1:]:
                judged.setdefault(self.judge(outcome, row.key), []).append(outcome.name)
            parts = [
                f"{word}: {', '.join(judged[kind])}"
                for kind, word in (
                    ("better", "better than the base"),
                    ("worse", "worse"),
                    ("alike", "under two deviations apart"),
                    ("unknown", "not to be told, for want of a spread or a number"),
                )
                if kind in judged
            ]
            found.append(f"{row.key}: {'; '.join(parts)}")
        return found

    def warnings(self) -> list[str]:
        """Return what a reader should know before believing the table."""
        found = list(self.plan.notes)
        seeds = len(self.plan.request.seeds)
        if seeds == 1:
            found.append(
                "one seed: the spread is that of measuring alone, not of training; some numbers"
                " have one from --repeats 2 on"
            )
        elif seeds < 5:
            found.append(f"{seeds} seeds: the spread is itself a rough guess")
        for outcome in self.outcomes:
            for state in outcome.failed:
                assert state.failed is not None
                found.append(f"{outcome.name}, seed {state.seed}: {state.failed['message']}")
        return found

    def failure(self) -> PartialError | None:
        """Return the error of trainings that came to nothing, None where all are done."""
        failed = [(each.name, state) for each in self.outcomes for state in each.failed]
        if not failed:
            return None
        name, state = failed[0]
        assert state.failed is not None
        total = len(self.plan.trials)
        error = PartialError(
            f"{len(failed)} of {total} trainings came to nothing; {name}, seed {state.seed}:"
            f" {state.failed['message']}",
            "the others are in the table; what diverged is not tried again",
        )
        error.data = self.facts()
        return error

    def facts(self) -> dict[str, Any]:
        """Return everything as plain values: the JSON answer's `data`, and table.json."""
        return {
            **self.plan.facts(),
            "n": self.n,
            "metrics": [asdict(row) for row in self.rows],
            "real": {key: asdict(value) for key, value in self.floor.items()},
            "outcomes": [self._facts(outcome) for outcome in self.outcomes],
            "sentences": self.sentences(),
            "warnings": self.warnings(),
        }

    def _facts(self, outcome: Outcome) -> dict[str, Any]:
        variant = outcome.planned.variant
        apart = {key: self.difference(outcome, key) for key in outcome.values}
        return {
            "name": outcome.name,
            "model": outcome.planned.recipe.model.name,
            "changes": outcome.planned.changes,
            "values": {key: asdict(value) for key, value in outcome.values.items()},
            "difference": {key: each and each[0] for key, each in apart.items()},
            "deviation": {key: each and each[1] for key, each in apart.items()},
            "judgement": {key: self.judge(outcome, key) for key in outcome.values}
            if variant.values
            else {},
            "steps": outcome.steps,
            "seconds": outcome.seconds,
            "verdicts": outcome.verdicts,
            "trainings": [
                {
                    "seed": state.seed,
                    "state": state.doing,
                    "steps": state.step,
                    "seconds": round(state.seconds, 1),
                    "run": (state.measured or {}).get("run"),
                    "failed": state.failed,
                    "values": {
                        key: value["value"]
                        for key, value in (state.measured or {}).get("fake", {}).items()
                    },
                }
                for state in outcome.states
            ],
        }


def over_seeds(found: Sequence[Mapping[str, Any] | None]) -> Value:
    """Return the mean of one number over seeds; its spread is that of them.

    The uncertainty of measuring, on average, is the standard error: where it is the larger of the
    two, or there is one seed, it is the spread.
    """
    values = [Value(**each) for each in found if each is not None]
    known = [each for each in values if each.value is not None]
    if not known:
        reason = next((each.reason for each in values if each.reason), "no training came so far")
        return Value(None, reason=reason)
    numbers = np.array([each.value for each in known], dtype=float)
    spreads = [each.spread for each in known if each.spread is not None]
    return Value(
        value=float(numbers.mean()),
        sd=float(numbers.std(ddof=1)) if len(numbers) > 1 else None,
        se=float(np.mean(spreads)) if spreads else None,
        n=known[0].n,
        repeats=len(known),
    )


def counted(value: float | None) -> str:
    """Return a number for a table, - where there is none."""
    return "-" if value is None else number(value)
