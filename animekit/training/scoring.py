"""Scoring: what the pictures of a model are worth while it trains, and what goes wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property

from animekit.errors import AlarmError, AnimekitError, Stopped, UnusableError
from animekit.models.collapse import YOUNG, Training, Verdict
from animekit.plugins import Registry
from animekit.runs.reports import EVALUATION, FLOOR
from animekit.seeds import derive_seed
from animekit.training import samples
from animekit.training.job import TrainJob
from animekit.training.judge import KEY, Judge
from animekit.training.reporter import Reporter
from animekit.training.stepper import Stepper
from animekit.training.watch import Alarm, Lookout, Watch

OFFSET = derive_seed("evaluation") >> 32
"""The first seed of the pictures that are judged, which no sample shows."""


class Scoring:
    """Draws and scores pictures of the averaged weights; every report passes it.

    What looks at pictures is made when it is needed, since that takes many real images.
    """

    def __init__(self, job: TrainJob, registry: Registry, reporter: Reporter) -> None:
        self.job, self.registry, self.reporter = job, registry, reporter
        self.stopping: Alarm | None = None
        self.recall()

    def recall(self) -> None:
        """Know what the reports of the run tell, after a resume or a roll-back."""
        self.watch = Watch(self.job.recipe.options.alarm_reports, self.reporter.run.metrics())

    def report(self, step: int, stats: dict[str, float], verdict: Verdict | None = None) -> None:
        """Report numbers and the alarms that they are; a new alarm has its sentence."""
        wanted, alarms = self.job.recipe.options.stop_on, self.watch.read(stats, verdict)
        self.reporter.report(step, {**stats, **{each.key: 1.0 for each in alarms}})
        for each in alarms:
            if each.is_new:
                self.reporter.note(step, "alarm", each.text)
            if wanted in ("any", each.trouble):
                self.stopping = self.stopping or each

    @cached_property
    def judge(self) -> Judge | None:
        """What scores the model, to keep the best weights."""
        try:
            return self.job.judge(self.registry)
        except UnusableError as error:  # such as a side that the metric does not know
            self.undefined(0, f"{error.message}; no best checkpoint is kept")
            return None

    @cached_property
    def lookout(self) -> Lookout | None:
        """What looks for collapse."""
        try:
            return self.job.lookout(self.registry)
        except UnusableError as error:
            words = f"nothing looks for mode collapse: {error.message}"
            self.reporter.note(0, "warning", words)
            return None

    def undefined(self, step: int, why: str) -> None:
        """Say why there is no score."""
        self.reporter.note(step, "warning", f"{KEY} is undefined: {why}")

    def scores(self, stepper: Stepper) -> dict[str, float] | None:
        """Return the numbers of the metric; None where there are none."""
        if self.judge is None:
            return None
        fakes = samples.draw_fakes(stepper, self.judge.count, offset=OFFSET)
        assert fakes is not None
        try:
            return self.judge.scores(fakes)
        except UnusableError as error:
            self.undefined(stepper.done, error.message)
            return None

    def better(self, step: int, scores: Mapping[str, float], best: float | None) -> float | None:
        """Report scores; return the one that counts if it is the best so far."""
        named = {f"{EVALUATION}{key}": value for key, value in scores.items()}
        self.report(step, named | self.floor(scores))
        value = scores[KEY]
        if not math.isfinite(value):
            self.undefined(step, "it is not finite")
            return None
        if best is not None and value >= best:
            return None
        self.reporter.note(step, "info", f"best so far: {KEY} {value:.2f}")
        return value

    def floor(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Return what real images get, under the keys that a report has for it."""
        found = {} if self.judge is None else self.judge.floor
        return {f"{FLOOR}{key}": value for key, value in found.items() if key in scores}

    def look(self, stepper: Stepper) -> None:
        """Report mode collapse in pictures, once it can be told from youth."""
        if stepper.images < YOUNG or self.lookout is None:
            return
        fakes = samples.draw_fakes(stepper, self.lookout.count, offset=OFFSET)
        assert fakes is not None
        training = Training(stepper.done, stepper.images)
        with suppress(UnusableError):  # of pictures that have no number
            row, verdict = self.lookout.verdict(fakes.transpose(0, 3, 1, 2), training)
            self.report(stepper.done, row, verdict)


def stopped_by(cause: type[Stopped] | Alarm | None, step: int, again: str) -> AnimekitError:
    """Return what ends a run before its time: a signal, or an alarm."""
    if isinstance(cause, Alarm):
        return AlarmError(
            f"stopped at step {step:,}, everything is saved: {cause.text}",
            f"what helps: docs/howto/mode-collapse.md; or go on all the same: {again}"
            " --stop-on none",
            code=f"alarm.{cause.trouble}",
        )
    assert cause is not None
    return cause(f"stopped at step {step:,}; everything is saved", f"go on: {again}")
