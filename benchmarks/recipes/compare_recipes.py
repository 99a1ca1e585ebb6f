"""Recipes at equal processor time, and what each reaches: `animekit ablate` over a list of them.

    python benchmarks/recipes/compare_recipes.py DATA --minutes 30 --seeds 0

trains each recipe for that many minutes of processor time on one core, whatever else the machine
does, and holds it against the first. The table has SWD, MS-SSIM beside that of real pictures, the
Frechet distance on the tagger's features, precision and recall, density and coverage, and how many
of 25 faces the gate finds. The same command goes on where it was cut. `--only NAME;NAME` takes some
recipes; `--minutes 120 --seeds 0,1` is for the best three. `--out` gets the runs and the tables.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import animekit as ak

METRICS = ("swd", "ms_ssim", "fd", "prdc", "faces")
BASE = {"model": "wgangp", "preset": "cpu"}
BEST = {"model": "relativistic", "preset": "best64"}
WIDE = {"g_channels": 48, "d_channels": 48}
RECIPES: dict[str, dict[str, Any]] = {
    "gan cpu": {"model": "gan"},
    "wgangp cpu, augmented": {"augment": "color,translation"},
    "hinge, R1": {"model": "hinge", "preset": "none", **WIDE, "r1_weight": 0.5},
    "best64": BEST,
    "best64, labels for D": {**BEST, "model": "sgan"},
    "best64 without augmentation": {**BEST, "augment": "none"},
    "best64 without R2": {**BEST, "r2_weight": 0.0},
    "best64 with cutout": {**BEST, "augment": "color,translation,cutout"},
    "best64 at half the rates": {**BEST, "lr": 2e-4, "d_lr": 4e-4},
    "best64, penalties every 4": {**BEST, "penalty_every": 4},
    "best64 with attention": {**BEST, "attention": 16},
    "modern": {
        **BEST,
        "architecture": "modern",
        "g_channels": 24,
        "d_channels": 24,
        "lr": 2e-4,
        "d_lr": 2e-4,
    },
    "fastgan": {**BEST, "architecture": "fastgan", "g_channels": 32, "d_channels": 32},
    "projected": {"model": "projected", "preset": "small-data", "mirror": False},
}
"""What differs from `wgangp` with the preset cpu, by name."""


def main() -> None:
    """Train and measure what is not there yet, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=30.0, help="of processor time, each")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--only", default=";".join(RECIPES))
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--num", type=int, default=5000, help="pictures that are measured")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--out", type=Path, default=Path("runs/recipes"))
    told = parser.parse_args()
    found = ak.ablate(
        BASE["model"],
        told.data,
        preset=BASE["preset"],
        seconds=60 * told.minutes,
        variants={name.strip(): RECIPES[name.strip()] for name in told.only.split(";")},
        seeds=told.seeds,
        metrics=METRICS,
        num=told.num,
        size=told.size,
        jobs=told.jobs,
        out=told.out,
        params={"precision": "auto"},
        progress=lambda words, share: print(f"{share:7.2%}  {words}", flush=True),
    )
    print(found)
    print(found.files["page"])


if __name__ == "__main__":
    main()
