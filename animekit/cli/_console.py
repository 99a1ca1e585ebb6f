"""What a command writes: answers to stdout, words to stderr, every error in one style."""

from __future__ import annotations

import io
import json
import os
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from animekit.engines.processes import place
from animekit.errors import AnimekitError, Stopped
from animekit.files import sha256_of
from animekit.text import align, harmless, printable

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = (".html", ".htm", ".png", ".svg", ".gif", ".jpg", ".jpeg", ".webp", ".mp4")
"""Of what a browser shows, the first sort first."""
WIDE = 1000  # columns of a pipe: nothing may be cut or wrapped there


def make_console(*, stderr: bool = False, nowhere: bool = False) -> Console:
    """Return a Rich console, which obeys NO_COLOR, FORCE_COLOR and TERM=dumb."""
    from rich.console import Console

    stream = sys.stderr if stderr else io.StringIO() if nowhere else sys.stdout
    return Console(
        file=stream,
        width=None if is_terminal(stream) else WIDE,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
    )


def is_terminal(stream: IO[str]) -> bool:
    """Say whether a person is at the other end, on a screen that can be redrawn."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class Screen:
    """Where one command writes, and the record of what it wrote for the JSON answer.

    stdout holds the answer alone (`say`, `table`, `made`), stderr the words on the way (`note`,
    `warn`). With `quiet` only the paths of results are written, with `as_json` only JSON.
    """

    def __init__(
        self,
        *,
        as_json: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        plain: bool = False,
    ) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.verbose = verbose
        self.plain = plain
        self.streams = False  # whether the JSON answer is the last of many lines
        self.out = make_console()
        self.err = make_console(stderr=True)
        self.live = is_terminal(sys.stderr) and not as_json
        self.artifacts: list[dict[str, Any]] = []
        self.warnings: list[dict[str, str]] = []
        self._began = time.monotonic()
        if not place().is_main:  # another process speaks for this one too, but for its own errors
            self.out = make_console(nowhere=True)
            self.as_json, self.plain, self.live, self.quiet = False, False, False, True

    def say(self, text: str, style: str | None = None) -> None:
        """Write a line of the answer."""
        if not (self.quiet or self.as_json):
            self.out.print(harmless(text), style=style)

    def note(self, text: str, style: str | None = None) -> None:
        """Write a word on the way."""
        if not self.quiet:
            self.err.print(harmless(text), style=style)

    def warn(self, text: str, code: str = "warning") -> None:
        """Write a warning; it is kept for the JSON answer."""
        text = printable(text)
        self.warnings.append({"code": code, "message": text})
        self.note(f"warning: {text}", style="yellow")

    @contextmanager
    def busy(self, words: str) -> Iterator[None]:
        """Show on a screen that something takes a while; it leaves no trace."""
        if not self.live or self.quiet:
            yield
            return
        with self.err.status(words):
            yield

    def made(self, path: Path | str, kind: str, words: str = "") -> None:
        """Write the path of a result; the only thing that is left with --quiet."""
        self.record(path, kind)
        if not self.as_json:
            line = f"{path}  {words}" if words and not self.quiet else str(path)
            self.out.print(harmless(line))

    def record(self, path: Path | str, kind: str) -> None:
        """Name a result in the JSON answer alone."""
        path = Path(path)
        sha256 = sha256_of(path) if path.is_file() else None  # a folder has none
        self.artifacts.append({"kind": kind, "path": str(path), "sha256": sha256})

    def open_made(self) -> None:
        """Open the page that was made in the browser, else the first picture or film."""
        import webbrowser

        paths = [Path(made["path"]) for made in self.artifacts]
        shown = [path for path in paths if path.suffix.lower() in SHOWN and path.is_file()]
        if not shown:
            if sys.exc_info()[0] is None:  # what failed says why itself
                self.warn("there is nothing to open: no page or picture was made", "open")
            return
        first = min(shown, key=lambda path: SHOWN.index(path.suffix.lower()))
        if not webbrowser.open(first.absolute().as_uri()):
            self.warn(f"no browser was found to open {first}", "open")

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, spare: Sequence[str] = ()
    ) -> None:
        """Write a table: aligned for people, a tab-separated record a line if plain.

        On a screen too narrow for it the columns `spare` are left out, one after the other, and
        then cells are broken: nothing is cut.
        """
        if self.quiet or self.as_json:
            return
        cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
        if self.plain:
            # Not through Rich, which makes spaces of tabs.
            sys.stdout.write("".join("\t".join(row) + "\n" for row in cells))
            return
        if not is_terminal(sys.stdout):
            self.out.print("\n".join(align([list(columns), *cells])))
            return
        from rich.cells import cell_len
        from rich.table import Table

        widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
        kept = list(range(len(columns)))
        for name in spare:
            if sum(widths[at] + 2 for at in kept) > self.out.width:
                kept.remove(columns.index(name))
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for at in kept:  # the first column says which row it is: it stays in one piece
            whole = at == 0 and widths[0] <= self.out.width // 2
            table.add_column(columns[at], no_wrap=whole, overflow="fold")
        for row in cells:
            table.add_row(*(row[at] for at in kept))
        self.out.print(table, soft_wrap=False)

    def json_line(self, value: Mapping[str, Any]) -> None:
        """Write one JSON object on one line of stdout, at once."""
        sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
        sys.stdout.flush()

    def event(self, event: str, /, **values: Any) -> None:
        """Write one event of a stream of JSON lines."""
        if self.as_json:
            self.json_line({"schema": "animekit.train/1", "event": event, **values})

    def finish(
        self, command: str, args: Mapping[str, Any], data: Any, error: AnimekitError | None
    ) -> None:
        """Write the JSON answer, with the same keys for success and failure."""
        if not self.as_json:
            return
        from importlib.metadata import version

        failed = error and {"code": error.code, "message": error.message, "hint": error.hint}
        self.json_line(
            ({"event": "end"} if self.streams else {})
            | {
                "schema": f"animekit.{command}/1",
                "ok": error is None,
                "exit_code": error.exit_code if error else 0,
                "version": version("animekit"),
                "args": dict(args),
                "data": data,
                "artifacts": self.artifacts,
                "warnings": self.warnings,
                "error": failed,
                "seconds": round(time.monotonic() - self._began, 3),
            }
        )

    def error(self, error: AnimekitError, cause: BaseException | None = None) -> None:
        """Write an error: what failed and what was seen, then what to type, indented.

        With --verbose the traceback of its cause comes first.
        """
        from rich.text import Text

        if self.verbose and cause is not None:
            self.err.print("".join(traceback.format_exception(cause)).rstrip(), style="dim")
        label = "" if isinstance(error, Stopped) else "error: "
        self.err.print(Text.assemble((label, "bold red"), printable(error.message)))
        for hint in (error.hint or "").splitlines():
            self.err.print("  " + printable(hint))

    def bug(self, error: BaseException, culprit: str) -> None:
        """Write the traceback of an error that nobody expected, and where the bug is."""
        self.err.print("".join(traceback.format_exception(error)).rstrip())
        self.err.print(f"error: {culprit}", style="bold red")
