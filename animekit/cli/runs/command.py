"""`animekit runs`: what was trained here, how it went, and what is apart between runs."""

from __future__ import annotations

from inspect import Parameter
from pathlib import Path
from typing import Any

import typer

from animekit.cli._commands import DefaultGroup
from animekit.cli._options import CHANCE, CONSENT, OPEN, Common, argument, command, option
from animekit.files import is_file

FOLDER = option("runs", Path, metavar="DIR", help="The folder of the runs.", default=Path("runs"))
SORT = option(
    "sort",
    str,
    metavar="KEY",
    help="id, age, steps, time, size, best or a number's key; -KEY turns it round.",
    default="id",
    choices=("id", "age", "steps", "time", "size", "best"),
)
STATE = option(
    "state",
    str,
    metavar="STATE,...",
    help="Those alone that are running, finished, interrupted, stopped (by an alarm), diverged or"
    " damaged.",
    choices=("running", "finished", "interrupted", "stopped", "diverged", "damaged"),
)
DRY = [each for each in CONSENT if each.name == "dry_run"]


def _several(help: str) -> Parameter:
    """Return the argument of several runs."""
    default = typer.Argument(None, metavar="RUN", help=help)
    return Parameter("names", Parameter.KEYWORD_ONLY, default=default, annotation=list[str] | None)


COMPARE = [
    _several("Ids, numbers or folders of 2 to 12 runs; left out, the two newest."),
    FOLDER,
    option("seeds", str, metavar="SEEDS", help="Columns of the sheet.", default="0-7"),
    option("checkpoint", str, metavar="best|last|N", help="Which ones draw.", default="best"),
    option("no_sheet", bool, help="Draw no sheet of the same noise."),
    option("evaluate", bool, help="Measure all of them together first."),
    option("num", int, metavar="N", help="Images of each side, with --evaluate."),
    option("quick", bool, help="1,000 images, once, with --evaluate."),
    option("threads", int, metavar="N", help="CPU threads."),
    option(
        "out",
        list[Path],
        "--out",
        "-o",
        metavar="FILE",
        help="Where it goes: .html, .md, .csv, or .png for the sheet; may be repeated.",
    ),
]


class RunsGroup(DefaultGroup):
    """The group of runs, in which a number or a folder of a run stands for `show`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `show` before the number, the id or the folder of a run."""
        where = args[0] if args and args[0] not in self.commands else ""
        if where[:1].isdecimal() or (where and is_file(Path(where) / "config.json")):
            args = ["show", *args]
        return super().parse_args(ctx, args)


def add_to(app: typer.Typer) -> None:
    """Add the group to the root; `animekit runs` alone lists."""
    group = typer.Typer(
        cls=RunsGroup, help="List the runs in ./runs, show, compare, put them away."
    )
    trash = option("trash", bool, help="List what is in the trash instead.")
    command(group, "ls", ls, SORT, STATE, trash, FOLDER, of="runs")
    run = argument("run", help="Id, number or folder of the run; left out, the newest.")
    everything = option("all", bool, help="Every value, not only those that are not the preset's.")
    command(group, "show", show, run, everything, FOLDER, of="runs")
    device = [each for each in CHANCE if each.name == "device"]
    command(group, "compare", compare, *COMPARE, *device, *CONSENT, OPEN, of="runs")
    undo = option("undo", bool, help="Bring back what was removed last, or the runs named.")
    gone = _several("Ids, numbers or folders of the runs.")
    command(group, "rm", rm, gone, undo, FOLDER, *DRY, of="runs")
    back = _several("Ids or numbers in the trash; left out, those removed last.")
    command(group, "restore", restore, back, FOLDER, *DRY, of="runs")
    newest = option("sort", str, metavar="KEY", help="As of ls; the newest first.", default="-id")
    page = option("out", Path, "--out", "-o", metavar="FILE", help="The page (runs/index.html).")
    command(group, "gallery", gallery, newest, STATE, FOLDER, page, *CONSENT, OPEN, of="runs")
    app.add_typer(group, name="runs")


def ls(common: Common, **options: Any) -> Any:
    """List the runs, oldest first.

    Examples
      animekit runs
      animekit runs ls --sort best --state finished
      animekit runs ls --runs /data/runs --json
    """
    from animekit.cli.runs import show as screen

    return screen.ls(common, **options)


def show(common: Common, **options: Any) -> Any:
    """Show one run: its state, its curves in letters, and what is not its preset's.

    Examples
      animekit runs show                      the newest
      animekit runs show 7                    or: animekit runs 7
      animekit runs show 7 --all --json
    """
    from animekit.cli.runs import show as screen

    return screen.show(common, **options)


def compare(common: Common, **options: Any) -> Any:
    """Hold runs against each other: values, numbers, curves, the same noise.

    Examples
      animekit runs compare 7 5
      animekit runs compare 7 5 3 --evaluate --num 2000
      animekit runs compare 7 5 -o report/compare.md -o report/compare.csv
    """
    from animekit.cli.runs import run

    return run.compare(common, **options)


def rm(common: Common, **options: Any) -> Any:
    """Put runs into the trash, a folder beside them; nothing is deleted.

    Examples
      animekit runs rm 3 4
      animekit runs rm 0003-gan-faces64 -n
      animekit runs rm --undo                 bring the last ones back
    """
    from animekit.cli.runs import run

    return run.rm(common, **options)


def restore(common: Common, **options: Any) -> Any:
    """Bring runs back from the trash.

    Examples
      animekit runs restore                   those removed last
      animekit runs restore 3
      animekit runs ls --trash                what is there
    """
    from animekit.cli.runs import run

    return run.restore(common, **options)


def gallery(common: Common, **options: Any) -> Any:
    """Write a page over all runs, a card each.

    Examples
      animekit runs gallery
      animekit runs gallery --sort best -o gallery.html
      animekit runs gallery --state finished --runs /data/runs
    """
    from animekit.cli.runs import run

    return run.gallery(common, **options)
