"""`animekit generate [MODEL]`: seeds, prompts or noise to pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from animekit.cli._commands import OWN_SEEDS, Command
from animekit.cli._crew import PROCESSES
from animekit.cli._options import (
    CHANCE,
    CONSENT,
    OPEN,
    Common,
    argument,
    command,
    in_panel,
    option,
)

OWN = [
    argument("model", help="Run, checkpoint, weights file or name; left out, the newest run."),
    option("num", int, metavar="N", help=r"How many images. [dim]\[default: 25][/]"),
    option("seeds", str, metavar="SEEDS", help="One image a seed, as in 0-24 or 3,17,42."),
    option("checkpoint", str, metavar="best|last|N", help="Which one of a run.", default="best"),
    option(
        "truncation",
        float,
        metavar="F",
        help=r"Below 1: more typical images. [dim]\[default: the model's own, mostly 1][/]",
    ),
    option(
        "noise",
        list[Path],
        metavar="NPY|PICTURE",
        help="Draw from this noise, or that of a picture of animekit; may be repeated.",
    ),
    option("threads", int, metavar="N", help="CPU threads."),
    option("reproduce", Path, metavar="PICTURE", help="Draw a picture again from its metadata."),
]
ASKED = [
    option("prompt", list[str], metavar="TEXT", help="What to draw; may be repeated."),
    option("prompts", Path, metavar="FILE|-", help="A prompt a line, as 1,blue hair green eyes."),
    option(
        "per_prompt",
        str,
        metavar="N|auto",
        help=r"Images of each prompt. [dim]\[default: auto, which fills the grid or is 1][/]",
    ),
    option("random", str, metavar="A,B", help="Draw only these attributes anew for each image."),
    option(
        "sweep",
        str,
        metavar="A[,B]",
        help="All values of an attribute, a row a seed; of two attributes, from one seed.",
    ),
    option(
        "beside",
        list[str],
        metavar="MODEL",
        help="Draw the same noise and prompts by this model too: a row each.",
    ),
    option(
        "best_of",
        int,
        metavar="N",
        help="Of N seeds, the image that shows best what was asked for.",
    ),
    option("classifier", str, metavar="MODEL", help="The tagger that says so: a run or weights."),
]
MOVES = [
    option("more", list[str], metavar="TEXT", help="Move noise to more of it, as a tagger reads."),
    option("less", list[str], metavar="TEXT", help="To less of it. z7 is an axis of the noise."),
    option(
        "strength",
        str,
        metavar="F[,F]",
        help=r"How far: 3, or several for a table or a film. [dim]\[default: 3][/]",
    ),
]
PATH = [
    option(
        "interpolate",
        str,
        metavar="SEEDS|FILES",
        help="From seed to seed (these, --seeds, or 0,1,2), or a.png,b.png that animekit drew.",
    ),
    option("frames", int, metavar="N", help="Images of the path, or film.", default=60),
    option("mode", str, metavar="slerp|lerp", help="Arcs or lines.", default="slerp"),
    option("loop", bool, "--loop/--no-loop", help="Come back to the first seed.", default=True),
]
OUTPUT = [
    option("out", Path, "--out", "-o", metavar="FILE", help="Where to write; - is stdout."),
    option("grid", str, metavar="5x5", help="Columns x rows of the picture."),
    option("image_size", int, metavar="PX", help="Side of an image in the picture."),
    option(
        "style",
        str,
        metavar="plain|figure|strip",
        help="A tight grid, the course's 640x480 figure, or a row with captions.",
    ),
    option("gif", bool, help="Write a GIF, as --out NAME.gif does."),
    option("mp4", bool, help="Write a video (extra video), as --out NAME.mp4 does."),
    option("fps", float, metavar="N", help="Frames a second of the GIF."),
    option("save_each", Path, metavar="DIR", help="Write each image as a file of its own."),
    option(
        "name",
        str,
        metavar="NAME",
        help='Name of each file: "sample_{id}_{k}.jpg"; also {seed}, {prompt}, {index}.',
    ),
    option("quality", int, metavar="1-100", help="Quality of JPEG files.", default=95),
    option("save_noise", Path, metavar="NPY|PNG", help="Write the noise too; of one image as PNG."),
    option("preview", bool, help="Show the images in the terminal too."),
]


RENAMED = {
    "--trunc": "--truncation",
    "--like": "--reproduce",
    "--matrix": "--sweep",
    "--vary": "--sweep",
    "--tile": "--image-size",
    "--each": "--save-each",
}


class GenerateCommand(Command):
    """A command that takes --interpolate without seeds too."""

    alone = {"--interpolate": OWN_SEEDS}


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    parts = [("What", ASKED), ("Directions", MOVES), ("Interpolation", PATH), ("Output", OUTPUT)]
    panels = [each for panel, options in parts for each in in_panel(panel, options)]
    options = [*OWN, *panels, *CHANCE, PROCESSES, *CONSENT, OPEN]
    command(app, "generate", generate, *options, cls=GenerateCommand, renamed=RENAMED)


def generate(common: Common, **options: Any) -> Any:
    """Draw new images from a trained model.

    Examples
      animekit generate --seeds 0-24 --grid 5x5 --image-size 64 -o samples/gan.png
      animekit generate --prompt "blue hair green eyes"
      animekit generate 0007 --interpolate 3,17,42 --frames 60 -o walk.gif
      animekit generate 0007 --beside 0009 --prompts four.txt --seeds 0
      animekit generate --prompts testing.txt --save-each out --name "sample_{id}_{k}.jpg"
      animekit generate --more "blonde hair" --strength -3,3 -o blonde.gif
      animekit generate --reproduce samples/gan.png -o again.png
    """
    from animekit.cli.generate import run
    from animekit.cli.generate.request import GenerateOptions

    return run.run(common, GenerateOptions(**options))
