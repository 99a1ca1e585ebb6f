"""Planning: what a run would do, how large it is and, if measured, how long it takes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from animekit.data.pack import Skipped
from animekit.data.places import Data
from animekit.device import threads
from animekit.runs import checkpoint
from animekit.runs.names import folder_of
from animekit.runs.run import Run
from animekit.text import Printed, duration, number
from animekit.training.job import TrainJob, new_job
from animekit.training.request import TrainRequest
from animekit.training.resume import refuse_others, resumed_job
from animekit.training.tips import TipChange


@dataclass(frozen=True)
class TrainPlan(Printed):
    """What a run would do: shown by --dry-run."""

    model: str
    preset: str | None
    choice: str
    """Why that preset was chosen, where `best` was asked for; else ""."""
    data: str
    found: int
    used: int
    skipped: list[Skipped]
    values: dict[str, tuple[Any, str]]
    networks: dict[str, int]
    phases: list[tuple[str, int]]
    rhythms: list[str]
    """When each of the phases runs, in words."""
    memory_bytes: int
    disk_bytes: int
    device: str
    precision: str
    compiled: bool
    threads: int
    steps: int | None
    epochs: float | None
    minutes: float | None
    folder: str
    tips: list[TipChange]
    cautions: list[str]
    """What the run would warn of: its data, and what goes together badly in it."""
    img_s: float | None = None
    seconds: float | None = None

    def as_table(self) -> list[Sequence[str]]:
        """Return the plan in words."""
        networks = ", ".join(f"{name} {size / 1e6:.2f} M" for name, size in self.networks.items())
        phases = ", ".join(
            f"{name} {when}" for (name, _), when in zip(self.phases, self.rhythms, strict=True)
        )
        goal = f"{self.minutes} minutes"
        if self.steps is not None and self.epochs is not None:
            goal = f"{self.steps:,} steps, {self.epochs:.4g} epochs"
        threads = "thread" if self.threads == 1 else "threads"
        speed = "not measured (add --benchmark)"
        if self.img_s is not None:
            speed = f"{number(self.img_s)} img/s"
            speed += f", about {duration(self.seconds)} in all" if self.seconds else ""
        rows = {
            "would train": f"{self.model}, preset {self.preset}" if self.preset else self.model,
            **({"since": self.choice} if self.choice else {}),
            "into": self.folder,
            "data": f"{self.data}; {self.used:,} of {self.found:,} used",
            "goal": goal,
            "networks": networks,
            "phases": phases,
            "device": f"{self.device}, {self.precision}, {self.threads} {threads}",
            "memory": f"{self.memory_bytes / 1e6:,.0f} MB for weights and optimisers",
            "disk": f"{self.disk_bytes / 1e6:,.0f} MB for checkpoints",
            "speed": speed,
        }
        return [("plan", ""), *rows.items()]


def plan(
    model: str,
    data: Data | None = None,
    *,
    measure: int = 0,
    resume: str | bool | Path | None = None,
    **asked: Any,
) -> TrainPlan:
    """Return what `train` would do with the same arguments; time `measure` steps.

    `asked` are the arguments of `TrainRequest.of`, as for `train`; `resume` names a run to go on
    with, which is looked at as `train` would. Memory counts weights,
    gradients, two moments of Adam and the average, in bytes; activations come on top.
    """
    request = TrainRequest.of(model, data, **asked)
    job, folder = _on(request, resume) if resume else _new(request)
    recipe, options, built = job.recipe, job.recipe.options, job.build()
    weights, phases = sum(p.numel() for p in built.parameters()), built.phases()
    total = options.total_steps()
    with threads(job.engine.threads) as count:
        speed = _measure(job, measure) if measure else None
    everything = {**recipe.params.model_dump(), **options.model_dump()}
    return TrainPlan(
        model=recipe.model.name,
        preset=recipe.preset,
        choice=recipe.choice,
        data=f"{options.data}: {job.description}",
        found=job.pack.found,
        used=len(job.pack),
        skipped=job.pack.skipped,
        values={
            key: (value, recipe.origins.get(key, "the run")) for key, value in everything.items()
        },
        networks={
            name: sum(p.numel() for p in child.parameters())
            for name, child in built.named_children()
            if any(True for _ in child.parameters())
        },
        phases=[(phase.name, phase.every) for phase in phases],
        rhythms=[phase.rhythm for phase in phases],
        memory_bytes=weights * 4 * 5,
        disk_bytes=weights * 4 * 4 * (options.keep_checkpoints + 1),
        device=str(job.engine.device),
        precision=job.engine.precision,
        compiled=job.engine.compiled,
        threads=count,
        steps=total,
        epochs=None if total is None else total * options.batch_size / job.images,
        minutes=options.minutes,
        folder=str(folder),
        tips=list(recipe.tips),
        cautions=[*job.warnings, *built.cautions()],
        img_s=speed,
        seconds=total * options.batch_size / speed if speed and total is not None else None,
    )


def _new(request: TrainRequest) -> tuple[TrainJob, Path]:
    """Return a new job and the folder that its run would have."""
    job = new_job(request)
    folder = folder_of(request.model, job.label, request.runs)
    with suppress(FileNotFoundError):
        Path(folder.name).lstat()  # a name that no file can have is refused now, as later
    return job, folder


def _on(request: TrainRequest, resume: str | Path | Literal[True]) -> tuple[TrainJob, Path]:
    """Return the job of a run that goes on, and its folder; raise what `train` would."""
    run = Run.newest(request.model, request.runs) if resume is True else Run(resume, request.runs)
    job = resumed_job(run, request)
    if checkpoint.steps_of(run.path) or run.metrics():
        folder = checkpoint.newest_sound(run.path)
        refuse_others(run, job, folder, checkpoint.verify(folder))
    return job, run.path


def _measure(job: TrainJob, steps: int) -> float:
    """Return images per second over some steps, after two to warm up."""
    stepper = job.stepper()
    for _ in range(2):
        stepper.step()
    start = time.perf_counter()
    for _ in range(steps):
        stepper.step()
    stepper.healthy()  # waits for the device
    return steps * job.recipe.options.batch_size / (time.perf_counter() - start)
