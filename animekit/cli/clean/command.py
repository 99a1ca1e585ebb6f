"""`animekit clean [PATH]`: find what should not be in a data set, and move it only when told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from animekit.cli._commands import Command
from animekit.cli._options import CONSENT, SETTINGS, Common, argument, option, share

BARE = {"--apply": "quarantine", "--undo": "last", "--merge": ""}
"""Options whose value may be left out, and what they mean then."""
WAYS = ("quarantine", "copy", "link")

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
    option("keep", str, metavar="best|first", help="Which one of duplicates stays.", panel=CHECKS),
    option("blur", str, metavar="auto|F", help="Sharpness below which is blur.", panel=CHECKS),
    option("tags", Path, metavar="FILE", help="Check these tags too.", panel=CHECKS),
    option(
        "apply",
        str,
        metavar="quarantine|copy|link",
        help="Move what is flagged to PATH_rejected, or copy or link the rest to PATH_clean.",
        panel=RESULT,
    ),
    option("tier", str, metavar="reject", help="Move only what is rejected.", panel=RESULT),
    option("undo", str, metavar="last|ID", help="Bring back what --apply moved.", panel=RESULT),
    option(
        "source",
        Path,
        "--from",
        metavar="CSV",
        help="Decisions of a manifest.",
        panel=RESULT,
    ),
    option("crop", str, metavar="face|largest", help="Cut faces out into --out.", panel=CROPS),
    option("margin", float, metavar="0.3", help="Added on each side of a face.", panel=CROPS),
    option("resize", int, metavar="PX", help="Side of the crops.", panel=CROPS),
    option("min_score", float, metavar="F", help="Lowest score of a face to cut out.", panel=CROPS),
    option("sheet", str, metavar="8x8", help="Contact sheets, columns x rows.", panel=RESULT),
    option("fail_if", list[str], metavar="EXPR", help='Exit 5 if so: "flagged>20%".', panel=RESULT),
    option("out", Path, "--out", "-o", metavar="DIR", help="Where results go.", panel=RESULT),
]
WORK = [
    option("workers", str, metavar="auto|N", help="Pictures looked at at a time.", panel="Work"),
    option("shard", str, metavar="I/N", help="Look at one part of N only.", panel="Work"),
    option(
        "merge",
        list[str],
        metavar="DIR",
        help="Judge what all shards measured; DIR if they had --out.",
        panel="Work",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    own = [*OWN, *WORK, *SETTINGS, *CONSENT]
    app.command("clean", cls=CleanCommand)(share("clean", clean, own))


def clean(common: Common, **wishes: Any) -> Any:
    """Find what should not be in a folder of faces; nothing moves until told.

    Examples
      animekit clean data/faces
      animekit clean data/faces --detector lbp --fail-if "flagged>20%"
      animekit clean data/faces --apply
      animekit clean data/faces --undo
      animekit clean data/art --crop face --resize 64 --out data/faces
    """
    from animekit.cli.clean import run
    from animekit.cli.clean.request import Wishes

    return run.run(common, Wishes(**wishes))


class CleanCommand(Command):
    """A command that knows options whose value may be left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the values in that were left out."""
        return super().parse_args(ctx, spell_out(args))


def spell_out(args: list[str]) -> list[str]:
    """Return the words with a value behind a bare `--apply`, `--undo` or `--merge`.

    >>> spell_out(["faces", "--apply", "-n"]), spell_out(["--undo", "faces"])
    (['faces', '--apply=quarantine', '-n'], ['--undo=last', 'faces'])
    >>> spell_out(["--apply", "copy", "faces"]), spell_out(["--undo", "2"])
    (['--apply', 'copy', 'faces'], ['--undo', '2'])
    """
    following = [*args[1:], "-"]
    pairs = zip(args, following, strict=False)
    return [f"{word}={BARE[word]}" if _is_bare(word, after) else word for word, after in pairs]


def _is_bare(word: str, after: str) -> bool:
    if word not in BARE or after.startswith("-"):
        return word in BARE
    if word == "--apply":
        return after not in WAYS
    return word == "--undo" and after != "last" and not after.isdecimal()
