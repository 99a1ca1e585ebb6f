"""`animekit explain MODEL`: what it minimises, how it learns, and what its networks are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from animekit.cli._options import CONSENT, OPEN, SETTINGS, Common, argument, command, option

OWN = [
    argument("model", help="A model, or a run, a checkpoint or weights of one.", required=True),
    option("preset", str, metavar="NAME", help="With the values of a named recipe."),
    option("tip", list[str], metavar="N,N", help="With what ganhacks tips stand for."),
    option("size", int, metavar="PX", help="On images of this side."),
    option("data", str, metavar="PATH", help="With the labels of these images."),
    option("tags", Path, metavar="FILE", help="Tags of the images."),
    option(
        "out",
        list[str],
        "--out",
        "-o",
        metavar="FILE",
        help="Write Markdown (.md), or draw the networks (.png, .svg); may be repeated.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(app, "explain", explain, *OWN, *SETTINGS, *CONSENT, OPEN)


def explain(common: Common, **options: Any) -> Any:
    """Explain a model: objectives, update rule, layers, how to read it, the paper.

    Examples
      animekit explain wgangp
      animekit explain acgan --preset seed000 --size 64
      animekit explain wgangp --set gp_weight=1 -o wgangp.md -o wgangp.png
    """
    from animekit.cli.explain.run import run

    return run(common, options)
