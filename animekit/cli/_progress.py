"""How far a command is: a bar on a screen, a line now and then in a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from animekit.cli._console import Screen
from animekit.text import duration

HEARTBEAT = 30.0  # seconds between two lines in a pipe
Tell = Callable[[str, float, float | None], None]
"""Told what is going on, how much of it is done, and of how much."""


class Beat:
    """Says when the next line is due: `seconds` after the last one."""

    def __init__(self, seconds: float = HEARTBEAT, *, first: bool) -> None:
        self.seconds = seconds
        self.clock: Callable[[], float] = time.monotonic
        self._next: float | None = None if first else self.clock() + seconds

    def due(self) -> bool:
        """Return whether a line is due, and count it as written."""
        now = self.clock()
        if self._next is not None and now < self._next:
            return False
        self._next = now + self.seconds
        return True


def bar(screen: Screen, *columns: Any, **style: Any) -> Any:
    """Return a bar of these columns that leaves no trace and costs little."""
    from rich import progress

    parts = [progress.TextColumn(part) if isinstance(part, str) else part for part in columns]
    return progress.Progress(
        *parts, console=screen.err, transient=True, refresh_per_second=2, **style
    )


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

        parts = [getattr(progress, name)() for name in columns]
        with bar(screen, "{task.description}", *parts) as shown:
            task = shown.add_task(words, total=total)
            yield lambda now, done, of: shown.update(
                task, description=now, completed=done, total=of
            )
        return
    beat = Beat(HEARTBEAT if every is None else every, first=False)

    def say(now: str, done: float, of: float | None) -> None:
        if beat.due():
            screen.note(line(now, done, of))

    yield say


@contextmanager
def counting(screen: Screen, words: str) -> Iterator[Callable[[int, int], None]]:
    """Yield what shows how many of how many are done."""
    columns = ("BarColumn", "MofNCompleteColumn", "TimeRemainingColumn")
    with following(screen, words, columns, "{}: {:,} of {:,}".format) as tell:
        yield lambda done, total: tell(words, done, total)


@contextmanager
def packing(screen: Screen) -> Iterator[Callable[[int, int], None]]:
    """Yield what shows how many images are packed; a pipe is told at once."""
    columns = ("BarColumn", "MofNCompleteColumn", "TimeRemainingColumn")
    words = "packing {1:,} images, once for this data set and size"
    tell: Tell | None = None
    first = True
    with ExitStack() as stack:

        def show(done: int, total: int) -> None:
            nonlocal tell, first
            if first and not screen.live:
                screen.note(words.format(done, total))
            first = False
            if done >= total:  # the next display may begin before this block ends
                stack.close()
                tell = None
                return
            if tell is None:
                line = "{}: {:,} of {:,}".format
                tell = stack.enter_context(following(screen, "packing", columns, line))
            tell("packing", done, total)

        yield show


@contextmanager
def sharing(screen: Screen) -> Iterator[Callable[[str, float], None]]:
    """Yield what shows which step goes on, and the share of it that is done."""
    columns = ("BarColumn", "TimeElapsedColumn")
    line = "{}: {:.0%}".format
    with following(screen, "", columns, lambda now, done, _: line(now, done), total=1.0) as tell:
        yield lambda words, share: tell(words, share, 1.0)


def time_left(ends: Callable[[], float | None]) -> Any:
    """Return a column that counts down between two reports."""
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class TimeLeft(ProgressColumn):
        def render(self, task: Task) -> Text:
            end = ends()
            left = "--:--" if end is None else duration(max(0.0, end - time.monotonic()))
            return Text(f"ETA {left}")

    return TimeLeft()


def moving_bar(share: Callable[[], float]) -> Any:
    """Return a bar that the clock moves too, since reports may be minutes apart."""
    from rich.progress import BarColumn, ProgressBar, Task

    class MovingBar(BarColumn):
        def render(self, task: Task) -> ProgressBar:
            task.completed = min(1.0, max(task.completed, share()))
            return super().render(task)

    return MovingBar(bar_width=None)
