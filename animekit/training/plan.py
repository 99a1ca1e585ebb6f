"""Planning: what a run would do, how large it is and, if measured, how long it takes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animekit import plugins
from animekit.data.pack import Skipped
from animekit.device import threads
from animekit.files import Progress
from animekit.plugins import Registry
from animekit.runs.run import RUNS, list_runs, number_of
from animekit.training.job import Job, given, job


@dataclass(frozen=True)
class Plan:
    """What a run would do: shown by --dry-run."""

    model: str
    preset: str | None
    data: str
    found: int
    used: int
    skipped: list[Skipped]
    values: dict[str, tuple[Any, str]]
    networks: dict[str, int]
    phases: list[tuple[str, int]]
    memory_bytes: int
    disk_bytes: int
    device: str
    precision: str
    compiled: bool
    threads: int
    steps: int | None
    minutes: float | None
    folder: str
    img_s: float | None = None
    seconds: float | None = None


def plan(
    model: str,
    data: str | Path | None = None,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    params: Mapping[str, Any] | None = None,
    preset: str | None = None,
    config: Path | str | None = None,
    registry: Registry | None = None,
    measure: int = 0,
    runs: Path = RUNS,
    progress: Progress | None = None,
    **options: Any,
) -> Plan:
    """Return what `train` would do with the same arguments; time `measure` steps.

    Memory counts weights, gradients, two moments of Adam and the average, in bytes; activations
    come on top.
    """
    registry = registry if registry is not None else plugins.load()
    goal = {"data": data, "steps": steps, "minutes": minutes}
    values = {**(params or {}), **options, **given(goal)}
    made = job(model, registry, values, preset=preset, config=config, progress=progress)
    built = made.build()
    chosen = made.recipe.options
    weights = sum(p.numel() for p in built.parameters())
    number = max((number_of(path) for path in list_runs(runs, complete=False)), default=0) + 1
    total = chosen.total_steps()
    with threads(chosen.threads) as count:
        speed = _measure(made, measure) if measure else None
    everything = {**made.recipe.params.model_dump(), **chosen.model_dump()}
    return Plan(
        model=made.recipe.model.name,
        preset=made.recipe.preset,
        data=f"{chosen.data}: {made.description}",
        found=made.pack.found,
        used=len(made.pack),
        skipped=made.pack.skipped,
        values={key: (value, made.recipe.origins[key]) for key, value in everything.items()},
        networks={
            name: sum(p.numel() for p in child.parameters())
            for name, child in built.named_children()
        },
        phases=[(phase.name, phase.every) for phase in built.phases()],
        memory_bytes=weights * 4 * 5,
        disk_bytes=weights * 4 * 4 * (chosen.keep + 1),
        device=str(made.engine.device),
        precision=made.engine.precision,
        compiled=made.engine.compiled,
        threads=count,
        steps=total,
        minutes=chosen.minutes,
        folder=str(runs / f"{number:04d}-{made.recipe.model.name}-{made.label}"),
        img_s=speed,
        seconds=total * chosen.batch / speed if speed and total is not None else None,
    )


def _measure(made: Job, steps: int) -> float:
    """Return images per second over some steps, after two to warm up."""
    stepper = made.stepper()
    for _ in range(2):
        stepper.step()
    start = time.perf_counter()
    for _ in range(steps):
        stepper.step()
    stepper.healthy()  # waits for the device
    return steps * made.recipe.options.batch / (time.perf_counter() - start)
