"""`animekit transfer MODEL NAME [INPUT]`: pictures in, pictures out."""

from __future__ import annotations

from inspect import Parameter
from pathlib import Path
from typing import Any

import typer

from animekit.cli._crew import PROCESSES
from animekit.cli._options import CHANCE, CONSENT, OPEN, Common, argument, command, option

INPUT = Parameter(
    "inputs",
    Parameter.KEYWORD_ONLY,
    default=typer.Argument(
        None,
        metavar="INPUT",
        help="Pictures, folders, patterns, videos, - or cam:0; left out, the data's test pictures.",
    ),
    annotation=list[str] | None,
)
WHAT, PICTURE, RESULT, WORK = "What", "Picture", "Result", "Work"
OWN = [
    argument("model", help="cyclegan, stargan or another model that translates."),
    argument("name", help="Run, weights file or name, or a data set: the newest run on it."),
    INPUT,
    option("direction", str, metavar="a2b|b2a|both", help="From where to where.", panel=WHAT),
    option(
        "attr",
        list[str],
        metavar="TEXT",
        help='Attributes to set, as in "black hair" or "-smiling"; repeated, a column each.',
        panel=WHAT,
    ),
    option("source_attr", str, metavar="TEXT", help="Attributes that all inputs have.", panel=WHAT),
    option(
        "weights",
        str,
        metavar="published|bundled",
        help="Take these alone; published ones are downloaded, after asking.",
        panel=WHAT,
    ),
    option("checkpoint", str, metavar="best|last|N", help="Of a run.", default="best", panel=WHAT),
    option(
        "size",
        str,
        metavar="auto|keep|fit|PX",
        help="Own size, the model's, or a shorter side; auto: kept, but seen as the weights know.",
        default="auto",
        panel=PICTURE,
    ),
    option(
        "face",
        str,
        metavar="auto|on|off",
        help="Find faces, and translate them alone; auto: where the weights know faces.",
        default="auto",
        panel=PICTURE,
    ),
    option("detector", str, metavar="NAME", help="Finds faces.", default="own", panel=PICTURE),
    option(
        "alpha",
        str,
        metavar="keep|white|drop",
        help="What becomes of transparency.",
        default="keep",
        panel=PICTURE,
    ),
    option("tile", bool, "--tile/--no-tile", help="In overlapping tiles.", panel=PICTURE),
    option("tile_size", int, metavar="PX", help="Side of a tile.", default=512, panel=PICTURE),
    option("out", Path, "--out", "-o", metavar="DIR", help="Where to; - is stdout.", panel=RESULT),
    option(
        "ext",
        str,
        metavar="same|png|jpg|webp",
        help="Format of the results.",
        default="same",
        panel=RESULT,
    ),
    option("suffix", str, metavar="TEXT", help="Put behind each name.", default="", panel=RESULT),
    option("skip_existing", bool, help="Pass over what is there already.", panel=RESULT),
    option("overwrite", bool, help="Replace what is there already.", panel=RESULT),
    option("html", bool, "--html/--no-html", help="Write index.html.", default=True, panel=RESULT),
    option(
        "reconstruct",
        str,
        metavar="N|all",
        help="Of how many pictures the page shows the way back.",
        default="100",
        panel=RESULT,
    ),
    option("limit", str, metavar="N|all", help="Only the first.", default="all", panel=WORK),
    option("watch", bool, help="Wait for more pictures, until Ctrl-C.", panel=WORK),
    option("precision", str, metavar="auto|fp32|bf16|fp16", help="Arithmetic.", default="auto"),
    option("threads", int, metavar="N", help="CPU threads.", panel=WORK),
]
RENAMED = {"--known": "--source-attr"}


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(app, "transfer", transfer, *OWN, *CHANCE, PROCESSES, *CONSENT, OPEN, renamed=RENAMED)


def transfer(common: Common, **options: Any) -> Any:
    """Translate pictures with a trained model (image-to-image translation).

    Examples
      animekit transfer cyclegan apple2orange
      animekit transfer cyclegan apple2orange photos -o out --direction both
      animekit transfer stargan 0012 faces -o out --attr "black hair" --attr "-smiling"
      animekit transfer stargan celeba-128 faces --weights published
      animekit transfer cyclegan 0007 - -o - < apple.jpg > orange.jpg
    """
    from animekit.cli.transfer import run

    return run.run(common, options)
