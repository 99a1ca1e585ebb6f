"""Flip test: one bit of a file changes, then training goes on; is it seen, or does it not matter?

    python -m tests.attacks.flip_bits [--flips 1000] [--seed 0]

A bit at random flips in a checkpoint (weights, average, state, manifest), in a pointer, config.json
or metrics.jsonl of a run, or in the packed images, labels, names or metadata; in every second case
the times of the file stay what they were, as a disk leaves them. Then the run goes on, or a new one
begins. It must end with an error of ours, or with every tensor bit for bit as without the flip; a
changed report must be told. Exit status 0 only if all are. Everything happens in this process.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from animekit import plugins
from animekit.errors import AnimekitError
from animekit.models import weights
from animekit.plugins import Registry
from animekit.runs import checkpoint
from animekit.runs.run import Run
from animekit.training.logger import Logger
from animekit.training.train import train
from tests.attacks.kill_runs import reports, unequal

CUT, STEPS = 4, 6  # steps behind which the run was stopped, and where it ends
SETTINGS: dict[str, Any] = {
    "data": "synthetic:8",
    "size": 32,
    "batch_size": 4,
    "threads": 1,
    "log_every": 1,
    "sample_every": 100,
    "save_every": 2,
    "eval_every": 0,
    "g_channels": 2,
    "d_channels": 2,
    "z_dim": 4,
}
RECIPES: dict[str, dict[str, Any]] = {
    "gan": {},
    "wgan": {"n_critic": 2, "mirror": True},
    "acgan": {"replay_size": 8},
}
PACKED = ("images.npy", "labels.npy", "mask.npy", "meta.csv", "manifest.json", "seal.json")
FILES = (checkpoint.MODEL, checkpoint.AVERAGE)
SAME, SEEN, WRONG = "the same", "refused", "WRONG"


class Ears(Logger):
    """A logger that keeps warnings."""

    name = "ears"

    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[str] = []

    def note(self, step: int, kind: str, message: str) -> None:
        """Keep a warning."""
        if kind == "warning":
            self.warnings.append(message)


@dataclass
class Case:
    """A model, the run that was stopped, its packed images, and what it comes to."""

    model: str
    folder: Path
    packs: Path
    expected: dict[str, Any]
    reports: list[dict[str, Any]]


@dataclass
class Outcome:
    """How the flips ended, by file, and a line about each that was not as it must be."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    told: int = 0
    wrong: list[str] = field(default_factory=list)

    def table(self) -> list[str]:
        """Return a line a kind of file, and one for all."""
        files = sorted({file for file, _ in self.counts})
        lines = [
            f"{file:<30} "
            + "  ".join(f"{how} {self.counts[file, how]:>4}" for how in (SEEN, SAME, WRONG))
            for file in files
        ]
        total = [sum(n for (_, how), n in self.counts.items() if how == h) for h in (SEEN, SAME)]
        return [
            *lines,
            f"{sum(self.counts.values())} flips: {total[0]} ended with an error of ours,"
            f" {total[1]} bit for bit the same ({self.told} of those with a word),"
            f" {len(self.wrong)} otherwise",
        ]


def tensors(run: Run) -> dict[str, Any]:
    """Return all tensors and plain values of the last checkpoint of a run but for the clocks."""
    folder = run.checkpoints / f"{STEPS:06d}"
    state = checkpoint.read_state(folder)
    state.pop("seconds")
    files = {
        file: weights.read(folder / file)[0] for file in (checkpoint.MODEL, checkpoint.AVERAGE)
    }
    return {"state": state, **files}


def prepare(model: str, home: Path, folder: Path, registry: Registry) -> Case:
    """Train a model to the end, and keep a copy of the run as it was two steps before."""
    os.environ["ANIMEKIT_HOME"] = str(home)
    values = SETTINGS | RECIPES[model]
    run = train(model, registry=registry, runs=folder / "whole", steps=STEPS, **values)
    expected, told = tensors(run), reports(run)
    stopped = train(model, registry=registry, runs=folder / "cut", steps=CUT, **values)
    return Case(model, stopped.path, home / "packs", expected, told)


def flip(path: Path, dice: random.Random, *, unseen: bool) -> int:
    """Flip one bit of a file, its times unchanged if `unseen`; return the place of its byte."""
    state, data = path.stat(), bytearray(path.read_bytes())
    place = dice.randrange(len(data))
    data[place] ^= 1 << dice.randrange(8)
    path.write_bytes(data)
    # a clock of few digits may not tell two writes apart
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + (0 if unseen else 1)))
    return place


def attack(case: Case, folder: Path, registry: Registry, dice: random.Random) -> tuple[str, ...]:
    """Flip a bit in a copy and train; return the file, how it ended, words, and whether told."""
    runs, home = folder / "runs", folder / "home"
    run = Run(shutil.copytree(case.folder, runs / case.folder.name))
    shutil.copytree(case.packs, home / "packs")
    os.environ["ANIMEKIT_HOME"] = str(home)
    unseen = dice.random() < 0.5
    in_pack = dice.random() < 0.4
    resumed = not in_pack or dice.random() < 0.5
    path = dice.choice(_files(run.path, home / "packs", in_pack=in_pack))
    label = f"{'pack' if in_pack else 'run'}: {path.name}"
    place = flip(path, dice, unseen=unseen)
    where = f"{case.model} {label} byte {place}{' unseen' * unseen}{' resumed' * resumed}"
    ears = Ears()
    shared: dict[str, Any] = {"registry": registry, "loggers": [ears], "runs": runs}
    try:
        if resumed:
            train(case.model, resume=run.path, steps=STEPS, threads=1, **shared)
        else:
            values = SETTINGS | RECIPES[case.model]
            run = train(case.model, verify=unseen, steps=STEPS, **shared, **values)
    except AnimekitError as error:
        return label, SEEN, f"{where}: {error.message}", ""
    except Exception as error:
        return label, WRONG, f"{where}: {type(error).__name__}: {error}", ""
    differences = list(unequal(case.expected, tensors(run)))
    told = " ".join(ears.warnings)
    if not differences and not told:
        differences = list(unequal(case.reports, reports(run)))
    how = WRONG if differences else SAME
    return label, how, f"{where}: {' '.join(differences[:1])}", told


def _files(run: Path, packs: Path, *, in_pack: bool) -> list[Path]:
    if in_pack:
        return [path for path in sorted(packs.rglob("*")) if path.name in PACKED]
    parts = [path for path in sorted((run / "checkpoints").rglob("*")) if path.is_file()]
    return [*parts, run / "config.json", run / "metrics.jsonl"]


def trial(folder: Path, flips: int, seed: int, models: tuple[str, ...] = tuple(RECIPES)) -> Outcome:
    """Flip bits, one at a time, each in a copy of its own."""
    registry, outcome, dice = plugins.load(), Outcome(), random.Random(seed)
    before = os.environ.get("ANIMEKIT_HOME")
    try:
        cases = [
            prepare(model, folder / f"home-{model}", folder / model, registry) for model in models
        ]
        for index in range(flips):
            place = folder / "attack"
            label, how, words, told = attack(cases[index % len(cases)], place, registry, dice)
            outcome.counts[label, how] += 1
            outcome.told += how == SAME and bool(told)
            outcome.wrong += [words] if how == WRONG else []
            shutil.rmtree(place)
    finally:
        os.environ.pop("ANIMEKIT_HOME", None)
        if before is not None:
            os.environ["ANIMEKIT_HOME"] = before
    return outcome


def main() -> int:
    """Run the trial in a temporary folder and print its outcome."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcome = trial(Path(folder), given.flips, given.seed)
    print(*outcome.wrong, *outcome.table(), sep="\n")
    print(f"({time.monotonic() - start:.0f} s)")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
