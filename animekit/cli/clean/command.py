"""`animekit clean [PATH]`: find what should not be in a data set; move it only if asked to."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import typer

from animekit.cli import _commands
from animekit.cli._commands import Command
from animekit.cli._options import CONSENT, OPEN, SETTINGS, Common, argument, option, share

CHECKS, RESULT, CROPS = "Checks", "Result", "Crops"
OWN = [
    argument("path", help="Folder of pictures; left out, data/faces."),
    option("check", list[str], metavar="NAMES", help="Only these, as in face,blur.", panel=CHECKS),
    option("skip", list[str], metavar="NAMES", help="All but these.", panel=CHECKS),
    option("detector", str, metavar="NAME", help="What finds the faces.", panel=CHECKS),
    option("faces", str, metavar="1..", help="How many faces a picture has.", panel=CHECKS),
    option("min_size", int, metavar="PX", help="Shorter side at least.", panel=CHECKS),
    option("aspect", str, metavar="0.5..2", help="Allowed width / height.", panel=CHECKS),
    option(
        "dup_distance",
        str,
        metavar="BITS|none",
        help="Bits of 64 by which near duplicates differ; none: exact ones only.",
        panel=CHECKS,
    ),
    option(
        "keep_duplicate",
        Literal["best", "first"],
        metavar="best|first",
        help="Which one of duplicates stays.",
        panel=CHECKS,
    ),
    option("blur", str, metavar="auto|F", help="Sharpness below which is blur.", panel=CHECKS),
    option("tags", Path, metavar="FILE", help="Check these tags too.", panel=CHECKS),
    option("apply", bool, help="Move what is flagged to PATH_rejected.", panel=RESULT),
    option(
        "apply_as",
        Literal["quarantine", "copy", "link"],
        metavar="quarantine|copy|link",
        help="Move what is flagged, or copy or link the rest to PATH_clean.",
        panel=RESULT,
    ),
    option(
        "tier",
        Literal["reject"],
        metavar="reject",
        help="Move only what is rejected.",
        panel=RESULT,
    ),
    option("undo", bool, help="Bring back what was moved last.", panel=RESULT),
    option("undo_id", str, metavar="ID", help="Bring back this batch of moves.", panel=RESULT),
    option("manifest", Path, metavar="CSV", help="Decisions of a manifest.", panel=RESULT),
    option(
        "crop",
        Literal["face", "largest"],
        metavar="face|largest",
        help="Cut faces out into --out.",
        panel=CROPS,
    ),
    option("margin", float, metavar="0.3", help="Added on each side of a face.", panel=CROPS),
    option("resize", int, metavar="PX", help="Side of the crops.", panel=CROPS),
    option("min_score", float, metavar="F", help="Lowest score of a face to cut out.", panel=CROPS),
    option("sheet", str, metavar="8x8", help="Contact sheets, columns x rows.", panel=RESULT),
    option("fail_if", list[str], metavar="EXPR", help='Exit 5 if so: "flagged>20%".', panel=RESULT),
    option("out", Path, "--out", "-o", metavar="DIR", help="Where results go.", panel=RESULT),
]
WORK = [
    option(
        "workers",
        str,
        "--workers",
        "--threads",
        metavar="auto|N",
        help="Pictures looked at at a time, in processes or threads.",
        panel="Work",
    ),
    option("shard", str, metavar="I/N", help="Look at one part of N only.", panel="Work"),
    option("merge", bool, help="Judge what all shards measured.", panel="Work"),
    option(
        "shards",
        list[str],
        metavar="DIR",
        help="Merge a shard that had this --out; may be repeated.",
        panel="Work",
    ),
]
RENAMED = {"--keep": "--keep-duplicate", "--from": "--manifest"}
VALUED = {
    "--apply": ("--apply-as", "quarantine|copy|link"),
    "--undo": ("--undo-id", "last|[0-9]+"),
}
"""Flags that could have a value in version 0.1.0: where it goes now, and what was one."""
NOTHING = "(?!)"  # matches no word


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    own = [*OWN, *WORK, *SETTINGS, *CONSENT, OPEN]
    app.command("clean", cls=CleanCommand)(share("clean", clean, own))


def clean(common: Common, **values: Any) -> Any:
    """Find what should not be in a folder of faces; nothing moves unasked.

    Examples
      animekit clean data/faces
      animekit clean data/faces --detector lbp --fail-if "flagged>20%"
      animekit clean data/faces --apply
      animekit clean data/faces --undo
      animekit clean data/art --crop face --resize 64 --out data/faces
    """
    from animekit.cli.clean import run
    from animekit.cli.clean.request import read_options

    return run.run(common, read_options(values))


class CleanCommand(Command):
    """A command with flags that may be typed with a value, as in version 0.1.0."""

    valued, renamed = VALUED, RENAMED

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read a flag with a value as the option that takes it."""
        return super().parse_args(ctx, spell_out(args))


def spell_out(args: list[str]) -> list[str]:
    """Return the words with the option in place of a flag that has a value.

    A word behind `--merge` is a shard only where the folder stands first: it is the folder else.

    >>> spell_out(["faces", "--apply", "copy"]), spell_out(["--undo", "faces"]), spell_out([])
    (['faces', '--apply-as', 'copy'], ['--undo', 'faces'], [])
    >>> spell_out(["faces", "--merge", "part"]), spell_out(["--merge", "faces"])
    (['faces', '--shards', 'part'], ['--merge', 'faces'])
    """
    is_after_folder = bool(args) and not args[0].startswith("-")
    shards = "[^-].*" if is_after_folder else NOTHING
    return _commands.spell_out(args, {**VALUED, "--merge": ("--shards", shards)})
