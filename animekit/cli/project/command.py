"""`animekit project MODEL PICTURE...`: the noise by which a model draws pictures of one's own."""

from __future__ import annotations

from inspect import Parameter
from pathlib import Path
from typing import Any

import typer

from animekit.cli._options import CHANCE, CONSENT, OPEN, Common, argument, command, option

PATH = "Film between the pictures"
PICTURES = Parameter(
    "pictures",
    Parameter.KEYWORD_ONLY,
    default=typer.Argument(..., metavar="PICTURE|FOLDER...", help="Faces, or folders of faces."),
    annotation=list[Path],
)
OWN = [
    argument("model", required=True, help="Run, checkpoint, weights file or name."),
    PICTURES,
    option("steps", int, metavar="N", help="Steps of the search.", default=300),
    option("starts", int, metavar="N", help="Places from which it begins.", default=8),
    option("seconds", float, metavar="S", help="End the search of a picture after so long."),
    option(
        "features",
        float,
        metavar="W",
        help="Weight of what a tagger sees beside pixels; 0: pixels alone.",
        default=0.5,
    ),
    option("prompt", str, metavar="TEXT", help="Labels that shall stay as they are said."),
    option("classifier", str, metavar="MODEL", help="The tagger: a run or weights."),
    option("checkpoint", str, metavar="best|last|N", help="Which one of a run.", default="best"),
    option("threads", int, metavar="N", help="CPU threads."),
    option(
        "out",
        Path,
        "--out",
        "-o",
        metavar="DIR",
        help="Where pictures and noise go.",
        default=Path("projected"),
    ),
    option("between", int, metavar="FRAMES", help="Draw a film from one to the next.", panel=PATH),
    option("mp4", bool, help="As a video (extra video), not a GIF.", panel=PATH),
    option("mode", str, metavar="slerp|lerp", help="Arcs or lines.", default="slerp", panel=PATH),
    option("loop", bool, "--loop/--no-loop", help="Come back.", default=True, panel=PATH),
]


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(app, "project", project, *OWN, *CHANCE, *CONSENT, OPEN)


def project(common: Common, **options: Any) -> Any:
    """Find pictures of your own in what a model can draw.

    Examples
      animekit project course64 me.png
      animekit project 7 a.png b.png --between 60 --mp4 -o ours
      animekit generate course64 --noise projected/me.png -o samples/me.png
    """
    from animekit.cli.project import run

    return run.run(common, options)
