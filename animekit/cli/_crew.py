"""`--processes N`: the command line once more, in several processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter
from typing import TYPE_CHECKING

import typer

from animekit.cli._commands import GENERAL
from animekit.errors import UsageError

if TYPE_CHECKING:
    from animekit.cli._console import Screen

FLAG = "--processes"
PROCESSES = Parameter(
    "processes",
    Parameter.KEYWORD_ONLY,
    default=typer.Option(
        None,
        FLAG,
        metavar="N",
        help="Share the work between so many processes: one for each GPU.",
        rich_help_panel=GENERAL,
    ),
    annotation=int | None,
)


def count_of(word: str | None) -> int:
    """Return how many processes are asked for; one where none are.

    >>> count_of(None), count_of("4")
    (1, 4)
    """
    if word is None:
        return 1
    if not word.isdecimal() or not int(word):
        raise UsageError(f'{FLAG} is "{word}"', f"a number of processes, as in {FLAG} 2")
    return int(word)


def shared(
    screen: Screen, take_part: Callable[[Sequence[str]], int], words: Sequence[str], count: int
) -> int:
    """Run a command line in several processes, and return its exit code.

    Each runs it by `take_part`. One of them says why it failed, unless that was by no fault of
    theirs: then an error is raised.
    """
    from animekit.engines.launch import gathered

    crew = gathered(take_part, (list(words),), processes=count)
    if crew.error is not None:
        screen.as_json = screen.as_json and 0 not in crew.answers  # whose JSON is there
        raise crew.error
    speaker = 0 if crew.speaker is None else crew.speaker
    return int(crew.answers.get(speaker) or max(crew.answers.values()))
