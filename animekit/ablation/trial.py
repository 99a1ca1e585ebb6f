"""Trial: one training of an ablation, of one variant and one seed, and what is kept of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from animekit.ablation.request import Budget, Measure
from animekit.config import show
from animekit.errors import AnimekitError, CheckpointError, UnusableError
from animekit.evaluation.evaluate import evaluate
from animekit.files import write_atomic
from animekit.foreign import parse_json, read_json
from animekit.plugins import Registry
from animekit.runs.checkpoint import steps_of
from animekit.runs.names import list_runs
from animekit.runs.run import Run
from animekit.training.logger import Logger
from animekit.training.train import train

FRAMES = 16  # sample grids of a training, for its part of a GIF
REPORTS = 50  # of a training, or one in 100 steps
SAVES = 5  # checkpoints of a training: what a cut costs at most
FIRST = 20  # steps before it is known how long one takes
LONGEST = 300.0  # seconds of the processor between two looks at the clock
ENOUGH = 0.99  # share of the seconds from which no more steps are taken
ODD = "animekit did not write it"


@dataclass(frozen=True)
class Trial:
    """What one training is to be, in values that another process can be told."""

    variant: str
    slug: str
    seed: int
    model: str
    values: Mapping[str, Any]
    origins: Mapping[str, str]
    preset: str | None
    config: str | None
    budget: Budget
    measure: Measure
    folder: Path
    identity: Mapping[str, Any]
    """All resolved values that a step depends on: what is done with others is not this trial."""

    @property
    def name(self) -> str:
        """Variant and seed, as the run and its files are called."""
        return f"{self.slug}-s{self.seed}"

    @property
    def runs(self) -> Path:
        """The folder of all runs of the ablation."""
        return self.folder / "runs"

    @property
    def file(self) -> Path:
        """Where it is kept how far the training is, and what was measured."""
        return self.folder / "trials" / f"{self.name}.json"

    def run(self) -> Run | None:
        """Return the run of this trial, None before it begins."""
        wanted = f"{self.model}-{self.name}"
        found = [path for path in list_runs(self.runs) if path.name.partition("-")[2] == wanted]
        return Run(found[-1]) if found else None

    def as_json(self) -> str:
        """Return the trial as one object, which `of_json` reads."""
        return json.dumps({**asdict(self), "folder": str(self.folder)})

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Trial:
        """Return the trial that another process wrote."""
        budget, measure = Budget(**value["budget"]), dict(value["measure"])
        measure["metrics"] = tuple(measure["metrics"])
        folder = Path(value["folder"])
        return cls(**{**value, "budget": budget, "measure": Measure(**measure), "folder": folder})


@dataclass
class State:
    """How far a trial is: its clock by checkpoint, and its numbers in the end."""

    variant: str
    seed: int
    identity: Mapping[str, Any]
    doing: str = "waiting"
    step: int = 0
    seconds: float = 0.0
    clock: dict[str, float] = field(default_factory=dict)
    """Seconds of the processor at each of the last checkpoints."""
    failed: dict[str, Any] | None = None
    measured: dict[str, Any] | None = None
    """What was measured, and how: see `_measured`."""

    @classmethod
    def of(cls, trial: Trial) -> State:
        """Return the state of a trial; UnusableError where another training has its name."""
        if not trial.file.is_file():
            return cls(trial.variant, trial.seed, trial.identity)
        found = read_json(trial.file, "state of a training", kind=CheckpointError)
        try:
            state = cls(**found)
            before, now = dict(state.identity), dict(trial.identity)
        except (TypeError, ValueError):
            raise CheckpointError(
                f"cannot read {trial.file}: {ODD}", "name another --out"
            ) from None
        for key in dict.fromkeys([*now, *before]):
            if before.get(key) != now.get(key):
                was, is_now = (show(x.get(key, "its default")) for x in (before, now))
                raise UnusableError(
                    f"{trial.file} is of another training: {key} was {was} and is {is_now}",
                    "name another folder with --out, or another variant",
                )
        return state

    def write(self, trial: Trial) -> None:
        """Keep it, whole or not at all."""
        trial.file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(trial.file, json.dumps(asdict(self), indent=1) + "\n")


Progress = Callable[[str, float], None]
"""Told what a trial does, and the share of its training that is done."""


def is_done(trial: Trial, state: State) -> bool:
    """Say whether nothing is left to do: it was measured, or came to nothing."""
    if state.failed is not None:
        return bool(state.failed["for_good"])
    return state.measured is not None and state.measured["how"] == how(trial)


def how(trial: Trial) -> dict[str, Any]:
    """Return how a trial is measured, and after what budget."""
    found = json.dumps({**asdict(trial.measure), **asdict(trial.budget)})
    return dict(parse_json(found, "a measure"))


def do(
    trial: Trial,
    registry: Registry,
    progress: Progress | None = None,
    *,
    device: str = "auto",
    threads: int = 1,
) -> State:
    """Train up to the budget and measure, from where an earlier call was cut.

    A training that diverges, or cannot be, is an outcome: the state says why. Raises Stopped after
    a signal, and DeviceError.
    """
    state, tell = State.of(trial), progress or (lambda words, share: None)
    if is_done(trial, state):
        return state
    state.failed = None
    machine = {"device": device, "threads": threads}
    try:
        _train(trial, state, registry, tell, machine)
        state.doing = "measuring"
        state.write(trial)
        tell("measuring", 1.0)
        state.measured = _measured(trial, registry, machine)
        state.doing = "done"
    except AnimekitError as error:
        if error.exit_code not in (4, 7) and error.code != "device.memory":
            state.doing = "stopped"
            state.write(trial)
            raise
        state.doing, state.measured = "failed", None
        state.failed = {
            "code": error.code,
            "message": error.message,
            "for_good": error.exit_code == 7,  # the same seed would diverge again
        }
    state.write(trial)
    return state


def _train(
    trial: Trial, state: State, registry: Registry, tell: Progress, machine: Mapping[str, Any]
) -> None:
    """Train in one piece, or in as many as the clock needs."""
    budget = trial.budget
    while True:
        run = trial.run()
        state.step, state.seconds = _reached(run, state)
        target = budget.steps if budget.steps is not None else _next_goal(state, budget)
        if target is None or (run is not None and state.step >= target):
            return
        every: dict[str, Any] = _every(_whole(state, budget, target))
        shared: dict[str, Any] = {**machine, "registry": registry, "runs": trial.runs}
        clock = Clock(trial, state, tell)
        if run is not None:
            train(trial.model, resume=run.path, steps=target, loggers=[clock], **every, **shared)
        else:
            own = {"seed": trial.seed, "name": trial.name, "steps": target}
            train(
                trial.model,
                preset=trial.preset,
                config=trial.config,
                params={"eval_every": 0, "keep_checkpoints": 1, **every, **trial.values, **own},
                origins=trial.origins,
                loggers=[clock],
                **shared,
            )


def _reached(run: Run | None, state: State) -> tuple[int, float]:
    """Return the step of the newest checkpoint, and what had been counted when it was written."""
    steps = [] if run is None else [int(path.name) for path in steps_of(run.path)]
    at = max(steps, default=0)
    counted = [value for step, value in state.clock.items() if int(step) <= at]
    return at, max(counted, default=0.0)


def _every(steps: int) -> dict[str, int]:
    """Return how often a training of so many steps is sampled, saved and reported."""
    return {
        "sample_every": max(1, steps // FRAMES),
        "save_every": max(1, steps // SAVES),
        "log_every": max(1, min(100, steps // REPORTS)),
    }


def _whole(state: State, budget: Budget, target: int) -> int:
    """Return how many steps the whole training will have, as far as that is known."""
    if budget.seconds is None:
        return target
    if not state.seconds:
        return target * FRAMES  # before the first look at the clock: one sample, at its end
    return max(target, round(state.step * budget.seconds / state.seconds))


def _next_goal(state: State, budget: Budget) -> int | None:
    """Return the step to train to before the clock is looked at again; None for no more."""
    assert budget.seconds is not None
    left = budget.seconds - state.seconds
    if not state.step:
        return FIRST
    each = state.seconds / state.step
    if state.seconds >= ENOUGH * budget.seconds or left < each / 2:
        return None
    # The first look is after few steps, which are slower than others: then half of the rest.
    part = left / 2 if state.step <= 2 * FIRST else left
    return state.step + max(1, round(min(part, LONGEST) / each))


def _measured(trial: Trial, registry: Registry, machine: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of a trained trial, and those of real pictures beside real ones."""
    asked, run = trial.measure, trial.run()
    assert run is not None
    found = evaluate(
        run,
        asked.ref,
        metrics=list(asked.metrics),
        num=asked.num,
        repeats=asked.repeats,
        checkpoint=asked.checkpoint,
        illustrate=False,
        registry=registry,
        **machine,
    )
    found.save()
    real, fake = found.columns[:2]
    verdict = found.verdicts.get(fake.name)
    return {
        "how": how(trial),
        "run": run.id,
        "n": found.provenance["n"],
        "fake": {key: asdict(value) for key, value in fake.values.items()},
        "real": {key: asdict(value) for key, value in real.values.items()},
        "rows": [asdict(row) for row in found.rows],
        "verdict": None if verdict is None else {"level": verdict.level, "text": verdict.text},
    }


class Clock(Logger):
    """Counts the seconds of the processor, and keeps them by checkpoint.

    A GPU works while the processor waits: there the seconds are those of the clock on the wall.
    """

    name = "clock"

    def __init__(self, trial: Trial, state: State, tell: Progress) -> None:
        super().__init__()
        self.trial, self.state, self.tell = trial, state, tell
        self._now: Callable[[], float] = time.process_time
        self._zero = 0.0

    def start(self, run: Run, config: dict[str, Any]) -> None:
        """Begin to count, from what it was at the checkpoint that is gone on from."""
        if str(config["resolved"]["device"]) != "cpu":
            self._now = time.monotonic
        at, before = _reached(run, self.state)
        self._zero = self._now() - before
        self.state.doing = "training"
        self._keep(at)

    def log(self, step: int, stats: dict[str, float]) -> None:
        """Tell how far the training is."""
        self._keep(step)

    def note(self, step: int, kind: str, message: str) -> None:
        """Keep what had been counted when a checkpoint was written."""
        if kind == "checkpoint":
            self.state.clock = dict([*self.state.clock.items(), (str(step), self._spent())][-3:])
            self._keep(step)

    def close(self, error: BaseException | None = None) -> None:
        """Keep the last count."""
        self._keep(self.state.step)

    def _spent(self) -> float:
        return self._now() - self._zero

    def _keep(self, step: int) -> None:
        self.state.step, self.state.seconds = step, self._spent()
        self.state.write(self.trial)
        self.tell("training", self.trial.budget.share(step, self.state.seconds))
