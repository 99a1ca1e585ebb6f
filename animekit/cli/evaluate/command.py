"""`animekit evaluate [MODEL|DIR]`: numbers against real images; each metric is a flag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from animekit.cli._crew import PROCESSES
from animekit.cli._options import (
    CHANCE,
    CONSENT,
    OPEN,
    SETTINGS,
    Common,
    PluginFlags,
    argument,
    command,
    option,
)

METRICS = "Metrics"
OWN = [
    argument("model", help="Run, weights or a folder of images; left out, the newest run."),
    option("all", bool, help="Every metric that can be computed here.", panel=METRICS),
    option("data", str, metavar="A,B|DIR", help="Test pictures of a translator.", panel="Data"),
    option("ref", str, metavar="DIR", help="The real images, or a reference file.", panel="Data"),
    option("num", int, metavar="N", help="Images of each side.", panel="Data"),
    option("quick", bool, help="1,000 images, once: rough numbers soon.", panel="Data"),
    option("repeats", int, metavar="N", help="Draws, for the spread.", default=3, panel="Data"),
    option("size", int, metavar="PX", help="Bring folders to this side.", panel="Data"),
    option("tags", Path, metavar="FILE", help="What the images of a folder are.", panel="Data"),
    option("ref_tags", Path, metavar="FILE", help="Tags of the real images.", panel="Data"),
    option("direction", str, metavar="a2b|b2a|both", help="Of a translator.", panel="Data"),
    option(
        "attr", list[str], metavar="TEXT", help="Attributes to ask for; repeated.", panel="Data"
    ),
    option("checkpoint", str, metavar="best|last|N", help="Which one of a run.", default="best"),
    option("truncation", float, metavar="F", help="Truncation of z (default: the model's own)."),
    option("threads", int, metavar="N", help="CPU threads."),
    option("compare", list[str], metavar="RUN", help="Measure this one too; may be repeated."),
    option("extractor", str, metavar="NAME", help="Features for fd, kd, prdc.", panel=METRICS),
    option("trust_extractor", bool, help="Run a TorchScript extractor: it is code.", panel=METRICS),
    option("fail_if", list[str], metavar="EXPR", help='Exit 5 if so, as in "swd_avg>40".'),
    option("min_faces", int, metavar="N", help="Exit 5 with fewer faces of 25."),
    option("out", Path, "--out", "-o", metavar="DIR", help="Where the record goes."),
    option("save_ref", Path, metavar="FILE", help="Write --ref's own side for those without it."),
]
RENAMED = {"--vs": "--compare", "--trunc": "--truncation"}


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    own = [*OWN, *CHANCE, PROCESSES, *SETTINGS, *CONSENT, OPEN]
    flags = PluginFlags("metric", METRICS)
    command(app, "evaluate", evaluate, *own, flags=flags, renamed=RENAMED)


def evaluate(common: Common, **options: Any) -> Any:
    """Measure a model, or a folder of images, against real ones.

    A translator is measured on --data: two sets A,B, or a folder of faces.

    Examples
      animekit evaluate --ms-ssim --swd
      animekit evaluate 0007 --compare 0005 --fail-if "swd_avg>40"
      animekit evaluate generated --ref data/faces --all
      animekit evaluate cyclegan-apple2orange --data apples_oranges
    """
    from animekit.cli.evaluate import run

    return run.run(common, options)
