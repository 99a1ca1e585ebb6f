"""Kill test: SIGKILL at random moments, resume, and compare with the run that was left alone.

    python -m tests.attacks.kill_runs [--kills 100] [--seed 0] [--models gan,wgan] [--fresh]

All models are trained at tiny sizes. A process kills itself with SIGKILL: every second time in the
middle of a checkpoint that it writes (half a file, a file before the next one, all files before the
rename, the folder before its pointer), else at a random moment of a random step. Then it goes on,
to be killed again or to its end; every tensor of the last checkpoint (weights, average, optimisers)
and every report must equal those of an undisturbed run. Processes are forked where the system can;
`--fresh` starts a new interpreter for each. Exit status 0 only if all are equal.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # the first optimiser loads it; not in the time of each process

from animekit import plugins
from animekit.models import weights
from animekit.models.base import Need
from animekit.runs import checkpoint
from animekit.runs.names import list_runs
from animekit.runs.run import Run
from animekit.testing.tiny import small_params
from animekit.training.stepper import Stepper
from animekit.training.train import train

SETTINGS: dict[str, Any] = {
    "size": 32,
    "batch_size": 4,
    "steps": 16,
    "threads": 1,
    "log_every": 2,
    "sample_every": 4,
    "save_every": 2,
    "eval_every": 0,
}
ONE_SET, TWO_SETS = "synthetic:24", "synthetic:24,synthetic:count=24,seed=1"
SMALL = {"z_dim": 8, "n_blocks": 1, "pool_size": 4, "replay_size": 8, "c_z_dim": 4}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "crop": ("wgan", {"n_critic": 2, "crop": 8, "mirror": True}),
    "bf16": ("gan", {"spectral_norm": True, "g_dropout": 0.2, "precision": "bf16"}),
    "sgd": ("gan", {"optimizer": "sgd", "instance_noise": 0.1}),
}
WRITES = 3  # of files in a checkpoint, after which a fsync of each and four more come
CLOCKS = ("seconds", "img_s", "mem_gb")  # what no two runs have in common


def recipes() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return what is trained, by name: every model that is installed, and some variants."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for name, cls in plugins.load().all("model").items():
        values = small_params(cls, **SMALL).model_dump(exclude_unset=True)
        data = TWO_SETS if cls.data is Need.UNPAIRED else ONE_SET
        found[name] = (name, {"data": data, **values})
    for name, (model, changes) in VARIANTS.items():
        found[name] = (model, found[model][1] | changes)
    return found


@dataclass(frozen=True)
class Work:
    """One training: a model, its values, and the folder that holds its run."""

    model: str
    values: dict[str, Any]
    runs: Path

    def run(self) -> Run:
        """Return the run, which a kill may have kept from being numbered 1."""
        return Run(list_runs(self.runs)[-1])


@dataclass(frozen=True)
class Plan:
    """A kill to come: in or behind which step, in a checkpoint or not, and where in it."""

    step: int
    inside: bool
    place: int
    delay: float


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


def die() -> None:
    """End this process as nothing can catch it."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(plan: Plan) -> None:
    """Let this process die as planned; it is a process of its own, so nothing is put back."""
    step = Stepper.step
    armed = threading.Event()

    def counted(self: Stepper) -> None:
        if self.done + 1 >= plan.step and not armed.is_set():
            armed.set()
            if not plan.inside:
                timer = threading.Timer(plan.delay, die)
                timer.daemon = True
                timer.start()
        step(self)

    Stepper.step = counted  # type: ignore[method-assign]
    if plan.inside:
        _arm_writes(plan, armed)


def _arm_writes(plan: Plan, armed: threading.Event) -> None:
    write, sync = checkpoint._write_through, os.fsync
    seen = {"writes": 0, "syncs": 0}

    def half(path: Path, data: bytes) -> None:
        if armed.is_set() and path.parent.name.startswith(".tmp-"):
            seen["writes"] += 1
            if seen["writes"] == plan.place:
                path.write_bytes(data[: len(data) // 2])
                die()
        write(path, data)

    def counted(descriptor: int) -> None:
        if armed.is_set() and seen["writes"]:
            seen["syncs"] += 1
            if seen["syncs"] == plan.place - WRITES:
                die()
        sync(descriptor)

    checkpoint._write_through = half
    os.fsync = counted  # type: ignore[assignment]


def advance(work: Work, plan: Plan | None) -> None:
    """Train in a process of its own: go on with the run, or begin one where there is none."""
    torch.set_num_threads(1)
    if plan is not None:
        arm(plan)
    registry = plugins.load()
    if list_runs(work.runs):
        train(work.model, resume=work.run().path, registry=registry, runs=work.runs)
    else:
        train(work.model, registry=registry, runs=work.runs, **SETTINGS, **work.values)


def session(work: Work, context: Any, plan: Plan | None = None) -> bool:
    """Train until it is over; say whether it was killed. RuntimeError if it failed."""
    process = context.Process(target=advance, args=(work, plan))
    process.start()
    process.join()
    if process.exitcode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"training in {work.runs} ended with status {process.exitcode}")
    return bool(process.exitcode)


def saved(work: Work) -> int:
    """Return the step of the newest checkpoint, -1 where there is none."""
    steps = checkpoint.steps_of(work.run().path) if list_runs(work.runs) else []
    return int(steps[-1].name) if steps else -1


def torment(work: Work, context: Any, kills: int, dice: random.Random, first: int) -> list[Kill]:
    """Kill the training up to `kills` times, then finish it; return the kills.

    `first` is how many kills there were before, so that every second one of all is in a checkpoint.
    """
    done: list[Kill] = []
    while len(done) < kills and saved(work) < SETTINGS["steps"]:
        step = min(max(saved(work), 0) + dice.randint(1, 4), SETTINGS["steps"])
        inside = (first + len(done)) % 2 == 0
        # the time of a step or two
        plan = Plan(step, inside, dice.randint(1, WRITES + 8), dice.uniform(0, 0.05))
        if session(work, context, plan):
            done.append(Kill(saved(work), bool(list(work.runs.rglob(".*tmp*")))))
    session(work, context)
    return done


def trial(
    folder: Path, kills: int, seed: int, *, models: Sequence[str] = (), fresh: bool = False
) -> Outcome:
    """Torment runs of all models below a folder, and compare each with an undisturbed one."""
    can_fork = "fork" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if can_fork and not fresh else "spawn")
    known, dice, outcome = recipes(), random.Random(seed), Outcome()
    names = list(models or known)
    each = max(1, -(-kills // len(names)))  # kills of one run
    calm: dict[str, Run] = {}
    for index in range(kills):  # never so many runs, unless kills come too late
        left = kills - len(outcome.kills)
        if left <= 0:
            break
        name = names[index % len(names)]
        model, values = known[name]
        if name not in calm:
            straight = Work(model, values, folder / f"calm-{name}")
            session(straight, context)
            calm[name] = straight.run()
        work = Work(model, values, folder / f"killed-{index}")
        done = torment(work, context, min(each, left), dice, len(outcome.kills))
        wrong = differences(calm[name], work.run())
        outcome.runs += 1
        outcome.kills += done
        outcome.equal += not wrong
        steps = ", ".join(f"{kill.step}{'*' * kill.half}" for kill in done) or "none"
        verdict = wrong[0] if wrong else "equal"
        outcome.lines.append(
            f"run {index + 1:>2}  {name:<12} killed behind step {steps:<30} {verdict}"
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
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--models", default="", help="names with commas; all by default")
    parser.add_argument("--fresh", action="store_true", help="a new interpreter a process")
    given = parser.parse_args()
    torch.set_num_threads(1)
    start = time.monotonic()
    names = [name for name in given.models.split(",") if name]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ANIMEKIT_HOME"] = folder
        outcome = trial(Path(folder), given.kills, given.seed, models=names, fresh=given.fresh)
    print(*outcome.lines, sep="\n")
    print(
        f"{outcome.equal} of {outcome.runs} runs equal after {len(outcome.kills)} kills,"
        f" {sum(kill.half for kill in outcome.kills)} of them in the middle of a checkpoint (*)"
        f" ({time.monotonic() - start:.0f} s)"
    )
    return 0 if outcome.equal == outcome.runs else 1


if __name__ == "__main__":
    sys.exit(main())
