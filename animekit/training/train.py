"""Training: from a recipe to a run folder, with reports, roll-backs and exact resume."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from animekit.data.places import Data
from animekit.device import OtherWork, is_out_of_memory, memory_words, threads, tuned
from animekit.engines.processes import place
from animekit.engines.wishes import Wishes
from animekit.errors import CheckpointError, DeviceError, DivergedError, Stopped, Terminated
from animekit.files import Progress
from animekit.models import weights
from animekit.plugins import Registry
from animekit.runs import checkpoint
from animekit.runs.lock import lock
from animekit.runs.names import RUNS
from animekit.runs.run import Run, write_config
from animekit.signals import StopSignals
from animekit.training import resume as runs_of
from animekit.training import samples
from animekit.training.fitting import check_progress
from animekit.training.job import TrainJob
from animekit.training.logger import Logger
from animekit.training.reporter import Mute, Reporter
from animekit.training.request import TrainRequest
from animekit.training.scoring import Scoring, stopped_by
from animekit.training.watch import Alarm

ROLLBACKS = 3
KINDS = (None, Stopped, Terminated)  # what signals ask for, the strongest last
LOOK = 20.0  # seconds of training after which it is known what other programs take
GRID = 8  # a sample grid has 8 x 8 images


def train(
    model: str,
    data: Data | None = None,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    params: Mapping[str, Any] | None = None,
    preset: str | None = None,
    config: Path | str | None = None,
    resume: str | bool | Path | None = None,
    loggers: Sequence[Logger] = (),
    registry: Registry | None = None,
    runs: Path | str = RUNS,
    progress: Progress | None = None,
    verify: bool = False,
    tips: str | Sequence[str] | None = None,
    **options: Any,
) -> Run:
    """Train a model on a data set and return its run.

    `params` are the model's parameters, `options` those of `TrainOptions` (size, seed...), `tips`
    such as ["5", "none:4"] ganhacks tips, or their opposites, that set parameters.
    `resume` goes on with a run (True: the newest of this model) exactly where its last checkpoint
    was, once all of the packed images were found to be what they were; `verify` has them read back
    before a new run too. Raises AnimekitError kinds: Stopped after a signal, once the state is
    saved; DivergedError when three roll-backs did not help.
    """
    request = TrainRequest.of(
        model,
        data,
        steps=steps,
        minutes=minutes,
        params=params,
        preset=preset,
        config=config,
        registry=registry,
        runs=Path(runs),
        progress=progress,
        verify=verify,
        tips=tips,
        **options,
    )
    with ExitStack() as stack:
        if resume:
            run = Run.newest(model, request.runs) if resume is True else Run(resume, request.runs)
            if place().is_main:
                stack.enter_context(lock(run))
            job = runs_of.resumed_job(run, request)
        else:
            job, run = runs_of.begun(request)
            if job.engine.is_main:
                stack.enter_context(lock(run))
        return Trainer(job, run, loggers, stack, request.registry).fit()


class Trainer:
    """Drives a Stepper to the end of its job and keeps everything on disk in order."""

    def __init__(
        self,
        job: TrainJob,
        run: Run,
        loggers: Sequence[Logger],
        stack: ExitStack,
        registry: Registry,
    ) -> None:
        self.job, self.run, self.options = job, run, job.recipe.options
        stack.enter_context(threads(job.engine.threads))
        stack.enter_context(tuned(job.engine.device, job.engine.precision))
        # Killed before its first checkpoint, a run has nothing to lose and begins again.
        self.fresh = not checkpoint.steps_of(run.path) and not run.metrics()
        self.manifest: dict[str, Any] = {}
        if not self.fresh:
            self.folder = checkpoint.newest_sound(run.path)
            self.manifest = checkpoint.verify(self.folder)
            runs_of.refuse_others(run, job, self.folder, self.manifest)
            job.warnings += runs_of.passed_over(run, self.folder)
        self.stepper = job.stepper()
        self.reporter = (Reporter if job.engine.is_main else Mute)(run, loggers)
        self.signals, self.wishes = stack.enter_context(StopSignals()), Wishes(job.engine)
        self.scoring = Scoring(job, registry, self.reporter)
        self.best: float | None = None
        self.rollbacks, self.seconds = 0, 0.0

    def fit(self) -> Run:
        """Train until the steps or the minutes are over; return the run."""
        if self.job.engine.is_main:
            checkpoint.clean(self.run.path)
        if not self.fresh:
            self._restore(self.folder)
        try:
            # A later --resume with no flag goes on to where this one wants to go.
            options = self.options.model_dump(mode="json")
            self.config = {**self.run.config, "options": options}
            if self.job.engine.is_main:
                write_config(self.run.path, self.config)
            self.reporter.start(self.config, self.stepper.done, self.manifest.get("reports"))
            self.scoring.recall()
            self._begin()
            self._loop()
        except OSError as error:
            self.reporter.close(error)
            raise DeviceError(
                f"cannot write in {self.run.path}: {error.strerror or error}",
                f"its checkpoints are whole; make room, then --resume {self.run.path}",
                code="device.disk",
            ) from error
        except BaseException as error:
            self.reporter.close(error)
            if not is_out_of_memory(error):
                raise
            on, batch = self.job.engine.device, self.options.batch_size
            raise DeviceError(
                f"out of memory on {on} at batch {batch}: {memory_words(on)}",
                f"try --batch-size {max(1, batch // 2)} or --batch-size auto in a new run",
                code="device.memory",
            ) from error
        self.reporter.close()
        return self.run

    def _begin(self) -> None:
        self._since, self._begun = time.monotonic(), self.seconds
        self.others: OtherWork | None = OtherWork()  # until it was asked
        for warning in [*self.job.warnings, *self.stepper.model.cautions()]:
            self.reporter.note(self.stepper.done, "warning", warning)
        if self.fresh and self.job.engine.is_main:
            reals = samples.draw_reals(self.stepper.loader, GRID * GRID, GRID)
            self.reporter.picture(0, "reals", reals)
            self._sample()
            self._save()
        if self.stepper.engine.compiled:
            trouble = self.stepper.compile()
            if trouble is not None:
                self.reporter.note(self.stepper.done, "warning", trouble)
        self._report_clock()

    def _loop(self) -> None:
        stepper, options = self.stepper, self.options
        every = options.eval_every
        last = self._finished()  # asked once a step: time that runs out later is for the next
        if last:
            self.reporter.note(stepper.done, "info", f"already finished at step {stepper.done:,}")
        elif not self.fresh:
            self.reporter.note(stepper.done, "resume", f"going on from step {stepper.done:,}")
        while not last:
            stepper.step()
            step, last = stepper.done, self._finished()
            stopped = self._stopped()
            saving = bool(step % options.save_every == 0 or last or stopped)
            judging = bool(every and (step % every == 0 or (last and self.best is not None)))
            reporting = step % options.log_every == 0 or saving or judging
            if reporting:
                if not stepper.healthy():
                    self._roll_back()
                    last = self._finished()
                    continue
                self._report()
            sampling = step % options.sample_every == 0 or last
            with stepper.clock.part("reports"):
                alarm = None
                if reporting or sampling:
                    alarm = self._keep(
                        sampling=sampling, judging=judging, saving=saving, reported=reporting
                    )
            if alarm or (stopped and not last):
                self._pictures()
                again = f"animekit train {self.job.recipe.model.name} --resume {self.run.path}"
                raise stopped_by(alarm or stopped, step, again)
        self._pictures()

    def _keep(self, *, sampling: bool, judging: bool, saving: bool, reported: bool) -> Alarm | None:
        """Draw, evaluate and save what is due; return the alarm that ends the run, if any."""
        engine, improved = self.job.engine, False
        if sampling and engine.is_main:
            self._sample()
            self.scoring.look(self.stepper)
        if judging and engine.is_main:
            improved = self._evaluate()
        alarm: Alarm | None
        alarm, self.best = engine.from_main((self.scoring.stopping, self.best))
        if alarm and not reported:
            self._report()
        if (saving or improved or alarm) and engine.is_main:
            self._save(best=improved)
        return alarm

    def _stopped(self) -> type[Stopped] | None:
        """Return the signal that any process received, as it was last heard."""
        return KINDS[self.signal]

    def _finished(self) -> bool:
        """Say whether this step is the last; hear of signals and of time that is over."""
        step, total, minutes = self.stepper.done, self.options.total_steps(), self.options.minutes
        late = minutes is not None and self._elapsed() >= 60 * minutes
        over, signal = self.wishes.heard(step, (late, KINDS.index(self.signals.received)))
        self.signal = int(signal)
        return (total is not None and step >= total) or over > 0

    def _elapsed(self) -> float:
        return self.seconds + time.monotonic() - self._since

    def _report_clock(self) -> None:
        self.seconds, self._since = self._elapsed(), time.monotonic()
        self._marked = (self.seconds, self.stepper.images)

    def _report(self) -> None:
        elapsed = self._elapsed()
        seconds, seen = self._marked
        stats = self.stepper.report() | {
            "seconds": elapsed,
            "epoch": self.stepper.images / self.job.images,
            "images": float(self.stepper.images),
            "generator_updates": float(self.stepper.updates),
            "img_s": (self.stepper.images - seen) / max(elapsed - seconds, 1e-9),
        }
        if self.stepper.engine.device.type == "cuda":
            stats["mem_gb"] = torch.cuda.max_memory_allocated() / 1e9
        self.scoring.report(self.stepper.done, stats)
        if self.others is not None and elapsed - self._begun >= LOOK:
            warning, self.others = self.others.warning(), None
            if warning is not None:
                self.reporter.note(self.stepper.done, "warning", warning)
        self._report_clock()

    def _sample(self) -> None:
        picture = samples.draw_grid(self.stepper, GRID)
        if picture is not None:
            self.reporter.picture(self.stepper.done, f"{self.stepper.done:06d}", picture)

    def _evaluate(self) -> bool:
        """Score the model, log it, and say whether it is the best so far."""
        scores = self.scoring.scores(self.stepper)
        if scores is None:
            return False
        self._report_clock()
        better = self.scoring.better(self.stepper.done, scores, self.best)
        self.best = self.best if better is None else better
        return better is not None

    def _save(self, *, best: bool = False) -> None:
        state = self.stepper.state()
        state |= {"seconds": self._elapsed(), "rollbacks": self.rollbacks, "best": self.best}
        checkpoint.save(
            self.run.path,
            self.config,
            self.stepper.done,
            self.stepper.model,
            self.stepper.average.state,
            state,
            keep=self.options.keep_checkpoints,
            best=best,
            facts={"fixed": runs_of.fixed_values(self.job), "reports": self.reporter.digest},
        )
        self.reporter.weights(self.stepper.done, self.stepper.phases)
        if self.stepper.done:
            self.reporter.note(self.stepper.done, "checkpoint", f"saved step {self.stepper.done}")
            if self.reporter.curves(now=False):
                self._report_clock()  # which is no speed of the training

    def _restore(self, folder: Path) -> None:
        state = checkpoint.read_state(folder)
        model, _, _ = weights.read(folder / checkpoint.MODEL)
        average, _, _ = weights.read(folder / checkpoint.AVERAGE)
        try:
            check_progress(state, int(folder.name), ROLLBACKS)
        except ValueError as error:
            raise CheckpointError(
                f"{folder / checkpoint.STATE} is not the state of that step: {error}",
                "use another checkpoint",
            ) from None
        self.stepper.load(state, model, average)
        self.rollbacks, self.best = state["rollbacks"], state["best"]
        self.seconds = state["seconds"]

    def _roll_back(self) -> None:
        """Return to the last checkpoint with other random numbers, at most three times."""
        step = self.stepper.done
        if self.rollbacks >= ROLLBACKS:
            raise DivergedError(
                f"training diverged at step {step:,} after {ROLLBACKS} roll-backs: losses or"
                " weights are not finite",
                "lower the learning rate (--set lr=...), or try --precision fp32",
            )
        rollbacks = self.rollbacks + 1
        elapsed = self._elapsed()
        try:
            folder = checkpoint.newest_sound(self.run.path)
            self._restore(folder)
        except CheckpointError as error:
            raise DivergedError(f"training diverged at step {step:,}", error.message) from error
        self.rollbacks = rollbacks
        self.stepper.switch_stream(rollbacks)
        self.seconds, self._since = elapsed, time.monotonic()
        self._report_clock()
        self.reporter.rewind(self.stepper.done)
        self.scoring.recall()
        for warning in runs_of.passed_over(self.run, folder):
            self.reporter.note(step, "warning", warning)
        self.reporter.note(
            step,
            "rollback",
            f"not finite at step {step:,}: back to step {self.stepper.done:,} with other random"
            f" numbers ({rollbacks} of {ROLLBACKS})",
        )

    def _pictures(self) -> None:
        self.reporter.timeline(self.job.spec.size, GRID)
        self.reporter.curves()
