"""Kill test: SIGKILL at random moments, resume, and compare with the run that was left alone.

    python -m tests.attacks.kill_runs [--runs 20] [--kills 3] [--seed 0] [--fresh]

Each run is killed up to `--kills` times, then goes on to its end; every tensor of its last
checkpoint (weights, average, optimisers) and every report must equal those of an undisturbed run.
Processes are forked where the system can; `--fresh` starts a new interpreter for each. Exit status
0 only if all are equal.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # the first optimiser loads it; not in the time of each process

from animekit import plugins
from animekit.models import weights
from animekit.runs import checkpoint
from animekit.runs.run import Run, list_runs
from animekit.training.train import train

SETTINGS: dict[str, Any] = {
    "data": "synthetic:24",
    "size": 32,
    "batch_size": 4,
    "steps": 24,
    "g_channels": 4,
    "d_channels": 4,
    "z_dim": 8,
    "threads": 1,
    "log_every": 2,
    "sample_every": 4,
    "save_every": 2,
    "eval_every": 0,
}
RECIPES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("gan", {}),
    ("wgangp", {"n_critic": 3}),
    ("wgan", {"n_critic": 2, "crop": 8, "mirror": True}),
    ("gan", {"spectral_norm": True, "g_dropout": 0.2, "instance_noise": 0.1, "precision": "bf16"}),
)
CLOCKS = ("seconds", "img_s", "mem_gb")  # what no two runs have in common


@dataclass(frozen=True)
class Work:
    """One training: a recipe, and the folder that holds its run."""

    recipe: int
    runs: Path

    @property
    def model(self) -> str:
        """The name of the model."""
        return RECIPES[self.recipe][0]

    def run(self) -> Run:
        """Return the run, which a kill may have kept from being numbered 1."""
        return Run(list_runs(self.runs)[-1])


@dataclass(frozen=True)
class Kill:
    """A kill: the step that was saved before it (or -1), and if it left a half-written file."""

    step: int
    half: bool


@dataclass
class Outcome:
    """How many runs were equal in the end, and a line about each."""

    runs: int = 0
    equal: int = 0
    kills: list[Kill] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def advance(work: Work, ready: Any) -> None:
    """Train in a process of its own: go on with the run, or begin one where there is none."""
    ready.set()
    model, values = RECIPES[work.recipe]
    if list_runs(work.runs):
        train(model, resume=work.run().path, registry=plugins.load(), runs=work.runs)
    else:
        train(model, registry=plugins.load(), runs=work.runs, **SETTINGS, **values)


def begin(work: Work, context: Any) -> Any:
    """Return a process that trains, once it has loaded everything."""
    ready = context.Event()
    process = context.Process(target=advance, args=(work, ready))
    process.start()
    while not ready.wait(0.1) and process.is_alive():
        pass
    return process


def finish(work: Work, context: Any) -> float:
    """Train to the end; return the seconds that it took. Raises RuntimeError if it failed."""
    process = begin(work, context)
    start = time.monotonic()
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"training in {work.runs} ended with status {process.exitcode}")
    return time.monotonic() - start


def torment(
    work: Work, context: Any, seconds: float, kills: int, dice: random.Random
) -> list[Kill]:
    """Kill the training up to `kills` times, then finish it; return the kills.

    A moment is a random time behind a random checkpoint, so that it falls into the training on a
    busy machine too; `seconds` is what a whole run takes.
    """
    done = []
    for _ in range(kills):
        behind = dice.randrange(saved(work), SETTINGS["steps"])
        process = begin(work, context)
        while process.is_alive() and saved(work) < behind:
            time.sleep(0.002)
        process.join(dice.uniform(0, seconds * SETTINGS["save_every"] / SETTINGS["steps"]))
        if process.exitcode is None:
            process.kill()
            process.join()
            done.append(Kill(saved(work), bool(list(work.runs.rglob(".*tmp*")))))
        elif process.exitcode != 0:
            raise RuntimeError(f"training in {work.runs} ended with status {process.exitcode}")
        if saved(work) == SETTINGS["steps"]:
            break
    finish(work, context)
    return done


def saved(work: Work) -> int:
    """Return the step of the newest checkpoint, -1 where there is none."""
    steps = checkpoint.steps_of(work.run().path) if list_runs(work.runs) else []
    return int(steps[-1].name) if steps else -1


def trial(folder: Path, runs: int, kills: int, seed: int, *, fresh: bool = False) -> Outcome:
    """Torment `runs` runs below a folder and compare each with an undisturbed one."""
    can_fork = "fork" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if can_fork and not fresh else "spawn")
    dice = random.Random(seed)
    straight: dict[int, tuple[Run, float]] = {}
    outcome = Outcome()
    for index in range(runs):
        recipe = index % len(RECIPES)
        if recipe not in straight:
            calm = Work(recipe, folder / f"calm-{recipe}")
            seconds = finish(calm, context)
            straight[recipe] = calm.run(), seconds
        expected, seconds = straight[recipe]
        work = Work(recipe, folder / f"killed-{index}")
        done = torment(work, context, seconds, kills, dice)
        wrong = differences(expected, work.run())
        outcome.runs += 1
        outcome.kills += done
        outcome.equal += not wrong
        steps = ", ".join(f"{kill.step}{'*' * kill.half}" for kill in done) or "none"
        verdict = wrong[0] if wrong else "equal"
        outcome.lines.append(
            f"run {index + 1:>2}  {work.model:<7} killed behind step {steps:<14} {verdict}"
        )
    return outcome


def differences(one: Run, other: Run) -> list[str]:
    """Say in what the last checkpoints and the reports of two runs differ; nothing if equal."""
    first, second = checkpoint.newest_sound(one.path), checkpoint.newest_sound(other.path)
    found = [] if first.name == second.name else [f"step {first.name} is not {second.name}"]
    for file in (checkpoint.MODEL, checkpoint.AVERAGE):
        a, b = weights.read(first / file)[0], weights.read(second / file)[0]
        found += [f"{file}: {place}" for place in unequal(a, b)]
    a, b = checkpoint.read_state(first), checkpoint.read_state(second)
    for clock in CLOCKS:
        a.pop(clock, None), b.pop(clock, None)
    found += [f"{checkpoint.STATE}: {place}" for place in unequal(a, b)]
    found += [f"metrics.jsonl: {place}" for place in unequal(reports(one), reports(other))]
    return found


def reports(run: Run) -> list[dict[str, Any]]:
    """Return the reports of a run without the time that they took."""
    rows = run.metrics()
    return [{key: value for key, value in row.items() if key not in CLOCKS} for row in rows]


def unequal(a: Any, b: Any, place: str = "") -> Iterator[str]:
    """Yield where two nests of containers, tensors and values differ; tensors bit for bit."""
    if type(a) is not type(b):
        yield f"{place} {type(a).__name__} is not {type(b).__name__}"
    elif isinstance(a, torch.Tensor):
        same = a.dtype == b.dtype and a.shape == b.shape
        if not same or a.numpy().tobytes() != b.numpy().tobytes():  # -0.0 is not 0.0 here
            yield f"{place} differs"
    elif isinstance(a, dict):
        for key in a.keys() | b.keys():
            if key not in a or key not in b:
                yield f"{place}.{key} is in one only"
            else:
                yield from unequal(a[key], b[key], f"{place}.{key}")
    elif isinstance(a, (list, tuple)) and len(a) == len(b):
        for index, (x, y) in enumerate(zip(a, b, strict=True)):
            yield from unequal(x, y, f"{place}[{index}]")
    elif a != b:
        yield f"{place} {a!r:.60} is not {b!r:.60}"


def main() -> int:
    """Run the trial in a temporary folder and print its outcome."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--kills", type=int, default=3, help="most kills of one run")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--fresh", action="store_true", help="a new interpreter a process")
    given = parser.parse_args()
    torch.set_num_threads(1)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ANIMEKIT_HOME"] = folder
        outcome = trial(Path(folder), given.runs, given.kills, given.seed, fresh=given.fresh)
    print(*outcome.lines, sep="\n")
    print(
        f"{outcome.equal} of {outcome.runs} equal after {len(outcome.kills)} kills,"
        f" {sum(kill.half for kill in outcome.kills)} of them in the middle of a file (*)"
        f" ({time.monotonic() - start:.0f} s)"
    )
    return 0 if outcome.equal == outcome.runs else 1


if __name__ == "__main__":
    sys.exit(main())
