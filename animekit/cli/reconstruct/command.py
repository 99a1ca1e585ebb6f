"""`animekit reconstruct [MODEL] [DATA]`: real images, and what a model makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from animekit.cli._options import CHANCE, CONSENT, OPEN, Common, argument, command, option

MAP = "Map of the codes"
OWN = [
    argument("model", help="Run, checkpoint, weights file or name; left out, the newest run."),
    argument("data", help="Test images; left out, those that the run held out of training."),
    option("num", int, metavar="N", help="Pairs in the picture.", default=10),
    option("image_size", int, metavar="PX", help="Side of an image in the picture."),
    option("tags", Path, metavar="FILE", help="Tags of the images."),
    option("checkpoint", str, metavar="best|last|N", help="Which one of a run.", default="best"),
    option("threads", int, metavar="N", help="CPU threads."),
    option("out", Path, "--out", "-o", metavar="FILE", help="Where the pairs go."),
    option("map", Path, metavar="FILE", help="Draw the codes in two dimensions.", panel=MAP),
    option("attr", str, metavar="NAME", help="hair, eyes or any label.", panel=MAP),
    option("map_num", int, metavar="N", help="Most images on it.", default=1000, panel=MAP),
    option("thumbnails", bool, help="Small pictures in place of points.", panel=MAP),
    option("coords", bool, help="Write its coordinates beside it, as CSV.", panel=MAP),
]
RENAMED = {"--attribute": "--attr", "--tile": "--image-size"}


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(app, "reconstruct", reconstruct, *OWN, *CHANCE, *CONSENT, OPEN, renamed=RENAMED)


def reconstruct(common: Common, **options: Any) -> Any:
    """Let a model reconstruct test images, and measure how far off it is.

    Examples
      animekit reconstruct
      animekit reconstruct 0012 data/faces --num 20 -o pairs.png
      animekit reconstruct 0012 --map map.png --attr hair
    """
    from animekit.cli.reconstruct import run

    return run.run(common, options)
