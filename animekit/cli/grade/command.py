"""`animekit grade PICTURE... | FOLDER...`: pictures of 25 faces judged as the course did."""

from __future__ import annotations

from inspect import Parameter
from pathlib import Path
from typing import Any

import typer

from animekit.cli._options import CONSENT, OPEN, Common, command, option

RUN = "Scripts"
PICTURES = Parameter(
    "pictures",
    Parameter.KEYWORD_ONLY,
    default=typer.Argument(
        ..., metavar="PICTURE|FOLDER...", help="Pictures of 25 faces, or folders of submissions."
    ),
    annotation=list[Path],
)
OWN = [
    PICTURES,
    option("min_faces", int, metavar="N", help="Exit 5 with fewer faces.", default=20),
    option("prompts", Path, metavar="FILE", help="Testing text that pictures of cgan follow."),
    option("classifier", str, metavar="MODEL", help="The tagger that reads: a run or weights."),
    option("cascade", Path, metavar="FILE", help="The LBP cascade, else the one of models pull."),
    option("detector", str, metavar="NAME", help="Who looks at each image alone.", default="own"),
    option(
        "out",
        Path,
        "--out",
        "-o",
        metavar="DIR",
        help="Where page, CSV and framed pictures go.",
        default=Path("grades"),
    ),
    option(
        "run",
        bool,
        help="Execute run_gan.sh and run_cgan.sh, twice, in copies. It is no sandbox.",
        panel=RUN,
    ),
    option(
        "time_limit",
        float,
        metavar="SECONDS",
        help="Stop a script after so long.",
        default=600.0,
        panel=RUN,
    ),
    option(
        "write_limit",
        int,
        metavar="MB",
        help="Stop a script that writes more.",
        default=2_000,
        panel=RUN,
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(app, "grade", grade, *OWN, *CONSENT, OPEN)


def grade(common: Common, **options: Any) -> Any:
    """Grade pictures of 25 faces, or folders of homework, as the course did.

    Examples
      animekit grade samples/gan.png
      animekit grade samples/cgan.png --prompts testing_tags.txt --open
      animekit grade submissions --run --time-limit 120 -o grades
    """
    from animekit.cli.grade import run

    return run.run(common, **options)
