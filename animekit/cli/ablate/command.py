"""`animekit ablate MODEL`: one change at a time, at an equal budget, over several seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from animekit.cli._options import (
    CHANCE,
    CONSENT,
    OPEN,
    SETTINGS,
    Common,
    argument,
    checkpoint_of,
    command,
    option,
)

CHANGES, TRAINING, MEASURING = "What changes", "Training", "Measuring"
OWN = [
    argument("model", help="The model that all others are held against.", required=True),
    option("preset", str, metavar="NAME", help="The base starts from a named recipe."),
    option("out", Path, "--out", "-o", metavar="DIR", help="Folder of the ablation."),
    option("tip", list[str], metavar="N,N", help="A variant for each ganhacks tip.", panel=CHANGES),
    option(
        "axis",
        list[str],
        metavar="KEY=V,V",
        help="A variant for each value of a parameter, of model or of preset; may be repeated.",
        panel=CHANGES,
    ),
    option(
        "variant",
        list[str],
        metavar='"NAME: KEY=V KEY=V"',
        help="One variant with several values; may be repeated.",
        panel=CHANGES,
    ),
    option("on", str, metavar="cleaned,raw", help="Data with and without cleaning.", panel=CHANGES),
    option("grid", bool, help="All combinations, not one change at a time.", panel=CHANGES),
    option("data", str, metavar="PATH", help="Folder of images.", panel=TRAINING),
    option("tags", Path, metavar="FILE", help="Tags of the images.", panel=TRAINING),
    option("size", int, metavar="PX", help="Side of the images.", panel=TRAINING),
    option("batch_size", int, metavar="N", help="Images in a batch.", panel=TRAINING),
    option("steps", int, metavar="N", help="Budget: steps of each training.", panel=TRAINING),
    option(
        "seconds",
        float,
        metavar="S",
        help="Budget: seconds of the processor (on a GPU of the clock) for each.",
        panel=TRAINING,
    ),
    option("seeds", str, metavar="0,1", help="One training each.", default="0", panel=TRAINING),
    option("jobs", int, metavar="N", help="Trainings at a time (one a core).", panel=TRAINING),
    option("threads", int, metavar="N", help="CPU threads of each.", default=1, panel=TRAINING),
    option("benchmark", bool, help="With -n and --steps: time some steps.", panel=TRAINING),
    option(
        "metric",
        list[str],
        metavar="NAME",
        help=r"What to measure; may be repeated. [dim]\[default: swd, ms_ssim][/]",
        panel=MEASURING,
    ),
    option("num", int, metavar="N", help="Images of each side.", default=2000, panel=MEASURING),
    option("repeats", int, metavar="N", help="Draws of each.", default=1, panel=MEASURING),
    option(
        "checkpoint",
        str,
        metavar="best|last|N",
        help="Which one of each.",
        default="last",
        panel=MEASURING,
    ),
    option("ref", str, metavar="DIR", help="Other real images.", panel=MEASURING),
]
DEVICE = [each for each in CHANCE if each.name == "device"]
"""Chance begins at --seeds: there are several."""


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(app, "ablate", ablate, *OWN, *DEVICE, *SETTINGS, *CONSENT, OPEN)


def ablate(common: Common, **options: Any) -> Any:
    """Train variants of a model at an equal budget, and say what each change does.

    What is done is not done again: the same command goes on where it was cut.

    Examples
      animekit ablate wgangp --axis gp_weight=1,10,100 --steps 2000 --seeds 0,1
      animekit ablate gan --preset cpu --tip 4,5,9 --seconds 600 --seeds 0-2
      animekit ablate wgangp --axis model=wgan,lsgan --seconds 600 -n
    """
    from animekit.cli.ablate.run import run

    options["checkpoint"] = checkpoint_of(options["checkpoint"])
    return run(common, options)
