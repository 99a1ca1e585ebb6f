"""Recipes at equal processor time, and what each reaches: one table.

    python benchmarks/recipes/compare_recipes.py DATA --minutes 30 --seeds 0

trains each recipe for that many minutes of processor time on one core, whatever else the machine
does, and draws pictures. The table holds SWD, MS-SSIM beside that of real pictures, the Frechet
distance on the tagger's features, precision and recall, density and coverage, and how many of 25
faces the gate finds. What was cut goes on: a run resumes from its last checkpoint, and what was
measured is not measured again. `--only NAME,NAME` takes some recipes; `--minutes 120 --seeds 0,1`
is for the best three. `--out` gets the runs, `table.json` and `table.md`.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from animekit import plugins
from animekit.errors import AnimekitError
from animekit.evaluation.evaluate import evaluate
from animekit.files import write_atomic
from animekit.plugins import Registry
from animekit.runs.run import Run
from animekit.training.train import train

METRICS = ("swd", "ms_ssim", "fd", "prdc", "faces")
COLUMNS = {
    "swd_avg": "SWD",
    "ms_ssim": "MS-SSIM",
    "fd_tagger": "FD tagger",
    "precision_tagger": "precision",
    "recall_tagger": "recall",
    "density_tagger": "density",
    "coverage_tagger": "coverage",
    "faces_own": "faces of 25",
}
SAME = {"threads": 1, "eval_every": 0, "precision": "auto", "sample_every": 10**6}
PIECE = 20  # steps between two looks at the clock


@dataclass(frozen=True)
class Recipe:
    """One row of the table: a model, a preset, and what differs from it."""

    model: str
    preset: str | None = None
    values: dict[str, Any] = field(default_factory=dict)


RECIPES = {
    "wgangp cpu": Recipe("wgangp", "cpu"),
    "gan cpu": Recipe("gan", "cpu"),
    "wgangp cpu, augmented": Recipe("wgangp", "cpu", {"augment": "color,translation"}),
    "hinge, R1": Recipe("hinge", None, {"g_channels": 48, "d_channels": 48, "r1_weight": 0.5}),
    "best64": Recipe("relativistic", "best64"),
    "best64 without augmentation": Recipe("relativistic", "best64", {"augment": "none"}),
    "best64 without R2": Recipe("relativistic", "best64", {"r2_weight": 0.0}),
    "best64 with cutout": Recipe("relativistic", "best64", {"augment": "color,translation,cutout"}),
    "best64 at half the rates": Recipe("relativistic", "best64", {"lr": 2e-4, "d_lr": 4e-4}),
    "best64, penalties every 4": Recipe("relativistic", "best64", {"penalty_every": 4}),
    "best64 with attention": Recipe("relativistic", "best64", {"attention": 16}),
    "modern": Recipe(
        "relativistic",
        "best64",
        {"architecture": "modern", "g_channels": 24, "d_channels": 24, "lr": 2e-4, "d_lr": 2e-4},
    ),
    "fastgan": Recipe(
        "relativistic", "best64", {"architecture": "fastgan", "g_channels": 32, "d_channels": 32}
    ),
    "projected": Recipe("projected", "small-data", {"mirror": False}),
}


def trained(name: str, seed: int, told: argparse.Namespace, registry: Registry) -> tuple[Run, Any]:
    """Return the run of a recipe that has had its processor time, and what it took.

    The clock of a run is a file beside it, since processor time is lost with the process.
    """
    recipe, folder = RECIPES[name], told.out / f"{name.replace(' ', '-').replace(',', '')}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    clock = folder / "clock.json"
    state = json.loads(clock.read_text()) if clock.is_file() else {"seconds": 0.0, "steps": 0}
    values = {**SAME, "data": str(told.data), "size": told.size, "seed": seed, **recipe.values}
    piece = PIECE
    while state["seconds"] < 60 * told.minutes:
        # A cut run may be ahead of the clock by what it had not written down: it is then let off.
        began, steps = time.process_time(), state["steps"] + piece
        if state["steps"]:
            train(recipe.model, resume=True, steps=steps, registry=registry, runs=folder)
        else:
            train(
                recipe.model,
                preset=recipe.preset,
                params=values,
                steps=steps,
                save_every=10**6,
                registry=registry,
                runs=folder,
            )
        spent = time.process_time() - began
        state = {"seconds": state["seconds"] + spent, "steps": steps}
        write_atomic(clock, json.dumps(state).encode())
        left = max(0.0, 60 * told.minutes - state["seconds"])
        piece = max(1, min(1000, int(piece * min(left, 300) / max(spent, 1e-9))))
    return Run(sorted(path for path in folder.iterdir() if path.is_dir())[-1]), state


def measured(run: Run, told: argparse.Namespace, registry: Registry) -> dict[str, Any]:
    """Return the numbers of a run, and those of real pictures beside real ones."""
    found = evaluate(
        run,
        str(told.data),
        metrics=METRICS,
        num=told.num,
        checkpoint="last",
        registry=registry,
        illustrate=False,
    )
    real, fake = (
        {key: column.values[key].value for key in COLUMNS if key in column.values}
        for column in found.columns[:2]
    )
    return {"fake": fake, "real": real}


def table(rows: dict[str, Any]) -> str:
    """Return the rows as Markdown, the real pictures first."""
    lines = [
        " | ".join(["| recipe", "steps", *COLUMNS.values()]) + " |",
        "|" + " --- |" * (2 + len(COLUMNS)),
    ]

    def line(name: str, steps: str, values: dict[str, Any]) -> str:
        cells = (values.get(key) for key in COLUMNS)
        shown = ["-" if cell is None else f"{cell:.3g}" for cell in cells]
        return " | ".join([f"| {name}", steps, *shown]) + " |"

    done = [row for row in rows.values() if "fake" in row]
    if done:
        lines.append(line("real pictures", "", done[0]["real"]))
    for name, row in rows.items():
        steps = f"{row['steps']:,}" if "steps" in row else row["failed"]
        lines.append(line(name, steps, row.get("fake", {})))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train and measure what is not there yet, writing the table after each recipe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=30.0, help="of processor time, each")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--only", default=",".join(RECIPES).replace(", ", "; "))
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--num", type=int, default=5000, help="pictures that are measured")
    parser.add_argument("--out", type=Path, default=Path("runs/recipes"))
    told = parser.parse_args()
    registry, file = plugins.load(), told.out / "table.json"
    rows = json.loads(file.read_text()) if file.is_file() else {}
    names = [name.replace("; ", ", ") for name in told.only.split(",")]
    for name in names:
        for seed in map(int, told.seeds.split(",")):
            key = f"{name}, seed {seed}, {told.minutes:g} min"
            if "fake" in rows.get(key, {}):
                continue
            try:
                run, state = trained(name, seed, told, registry)
                rows[key] = {**state, **measured(run, told, registry)}
            except AnimekitError as error:  # a recipe that diverges is a result too
                rows[key] = {"failed": error.message}
            write_atomic(file, json.dumps(rows, indent=1).encode())
            write_atomic(told.out / "table.md", table(rows).encode())
            print(table({key: rows[key]}), flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
