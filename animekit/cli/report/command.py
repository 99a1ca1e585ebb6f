"""`animekit report [RUN]`: one page that says what a run is and made."""

from __future__ import annotations

from inspect import Parameter
from pathlib import Path
from typing import Any

import typer

from animekit.cli._options import CONSENT, OPEN, Common, command, option

RUNS = Parameter(
    "names",
    Parameter.KEYWORD_ONLY,
    default=typer.Argument(
        None, metavar="RUN", help="Id, number or folder; left out, the newest. An assignment: more."
    ),
    annotation=list[str] | None,
)
OWN = [
    RUNS,
    option(
        "template",
        str,
        metavar="report|assignment",
        help="A page of the run, or the course report's headings.",
        default="report",
    ),
    option("checkpoint", str, metavar="best|last|N", help="Which one draws.", default="best"),
    option("runs", Path, metavar="DIR", help="The folder of the runs.", default=Path("runs")),
    option("threads", int, metavar="N", help="CPU threads."),
    option(
        "out",
        Path,
        "--out",
        "-o",
        metavar="PATH",
        help="The page (RUN/report.html), or the folder of an assignment (RUN/assignment).",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(app, "report", report, *OWN, *CONSENT, OPEN)


def report(common: Common, **options: Any) -> Any:
    """Write one self-contained page of a run, from its folder alone.

    Examples
      animekit report
      animekit report 7 -o wgangp.html --open
      animekit report 7 5 3 --template assignment -o homework
    """
    from animekit.cli.report import run

    return run.run(common, **options)
