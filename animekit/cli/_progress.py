"""How far a command is: a bar on a screen, a line now and then in a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from animekit.cli._console import Screen

HEARTBEAT = 10.0  # seconds between two lines in a pipe
Tell = Callable[[str, float, float | None], None]
"""Told what is going on, how much of it is done, and of how much."""


@contextmanager
def following(
    screen: Screen,
    words: str,
    columns: Sequence[str],
    line: Callable[[str, Any, Any], str],
    *,
    total: float | None = None,
    every: float | None = None,
) -> Iterator[Tell]:
    """Yield what shows progress: a bar with Rich's columns of these names, or lines."""
    if screen.live and not screen.quiet:
        from rich import progress

        parts = [progress.TextColumn("{task.description}")]
        parts += [getattr(progress, name)() for name in columns]
        with progress.Progress(*parts, console=screen.err, transient=True) as bar:
            task = bar.add_task(words, total=total)
            yield lambda now, done, of: bar.update(task, description=now, completed=done, total=of)
        return
    last = time.monotonic()

    def say(now: str, done: float, of: float | None) -> None:
        nonlocal last
        if time.monotonic() - last >= (HEARTBEAT if every is None else every):
            last = time.monotonic()
            screen.note(line(now, done, of))

    yield say


@contextmanager
def counting(screen: Screen, words: str) -> Iterator[Callable[[int, int], None]]:
    """Yield what shows how many of how many are done."""
    columns = ("BarColumn", "MofNCompleteColumn", "TimeRemainingColumn")
    with following(screen, words, columns, "{}: {:,} of {:,}".format) as tell:
        yield lambda done, total: tell(words, done, total)


@contextmanager
def sharing(screen: Screen) -> Iterator[Callable[[str, float], None]]:
    """Yield what shows which step goes on, and the share of it that is done."""
    columns = ("BarColumn", "TimeElapsedColumn")
    line = "{}: {:.0%}".format
    with following(screen, "", columns, lambda now, done, _: line(now, done), total=1.0) as tell:
        yield lambda words, share: tell(words, share, 1.0)
