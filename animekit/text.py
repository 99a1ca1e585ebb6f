"""Words for people: the nearest name, numbers, durations, names that print."""

from __future__ import annotations

import difflib
import html
import itertools
import os
import re
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # not the ends of lines, and no tabs
LONGEST = 200  # letters of a word that may be a slip of the pen


def printable(name: str) -> str:
    """Return a name as one line of valid text: what would not print is spelled out.

    >>> printable("a\\x1b[31m.png"), printable("a\\nb\\u202egnp.png")
    ('a\\\\x1b[31m.png', 'a\\\\nb\\\\u202egnp.png')
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def harmless(text: str) -> str:
    """Return lines of text in which nothing is left that a terminal obeys.

    >>> harmless("a\\x1b[31m.png\\nb\\tc")
    'a\\\\x1b[31m.png\\nb\\tc'
    """
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def clipped(text: str, most: int = 60) -> str:
    """Return what a stranger wrote, printable and as long as a message bears.

    >>> clipped("short"), clipped("9" * 5000, 12)
    ('short', '999999999...')
    """
    shown = printable(text[:most])
    return shown if len(text) <= most and len(shown) <= most else f"{shown[: most - 3]}..."


def typed(path: object) -> str:
    """Return a path as it is typed in a shell: quoted, and never taken for an option.

    >>> typed("my faces"), typed("-faces")
    ("'my faces'", './-faces')
    """
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def at_home(value: Any) -> Any:
    """Return a text that begins with ~/ as a path in the home folder, else the value.

    >>> at_home("~/faces") == at_home("~") + "/faces", at_home("a~/b"), at_home(7)
    (True, 'a~/b', 7)
    """
    if isinstance(value, str) and re.match(r"~([/\\]|$)", value):
        return os.path.expanduser(value)  # noqa: PTH111 - Path.expanduser raises without a home
    return value


def one_name(name: str) -> str:
    """Return what names have in common that some system takes for one file.

    >>> one_name("A.png") == one_name("a.PNG"), one_name("\u00e9") == one_name("e\u0301")
    (True, True)
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def apart(first: str, second: str) -> str:
    """Say by what two such names differ; "" for the same name.

    >>> apart("A.png", "a.png"), apart("\u00e9.png", "e\u0301.png")
    ('by upper and lower case', 'by how an accent is written (Unicode NFC and NFD)')
    """
    if first == second:
        return ""
    if unicodedata.normalize("NFC", first) == unicodedata.normalize("NFC", second):
        return "by how an accent is written (Unicode NFC and NFD)"
    return "by upper and lower case"


def duration(seconds: float) -> str:
    """Return a time as a person reads it.

    >>> duration(211), duration(59.6), duration(7384)
    ('03:31', '01:00', '2:03:04')
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def number(value: float) -> str:
    """Return a number in about three digits, thousands marked.

    >>> [number(x) for x in (4180, 14.23, -3.1, 0.3126, 0.00012, 0, 1e9)]
    ['4,180', '14.2', '-3.10', '0.313', '0.00012', '0', '1,000,000,000']
    """
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if size >= 1:
        return f"{value:.2f}"
    return f"{value:.3f}" if size >= 0.01 else f"{value:.2g}"


def size(count: float) -> str:
    """Return a number of bytes as a person reads it.

    >>> size(512), size(86_000_000), size(3.2e9)
    ('512 B', '86 MB', '3.2 GB')
    """
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{number(count) if 0 < count < 10 and unit != 'B' else round(count)} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def age(seconds: float) -> str:
    """Return how long ago something was, in its largest unit.

    >>> age(20), age(400), age(9000), age(400_000)
    ('now', '6 min', '2 h', '4 d')
    """
    for least, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= least:
            return f"{int(seconds // least)} {unit}"
    return "now"


def sparkline(values: Sequence[float], width: int = 40, marks: str = "▁▂▃▄▅▆▇█") -> str:
    """Return numbers as a small curve of letters, more than `width` averaged.

    >>> sparkline([0, 1, 2, 7]), sparkline([3, 3]), sparkline([0, 1, 2, 3], 2)
    ('▁▂▃█', '▁▁', '▁█')
    """
    count = len(values)
    if count > width:
        edges = [count * place // width for place in range(width + 1)]
        pairs = itertools.pairwise(edges)
        values = [sum(values[a:b]) / (b - a) for a, b in pairs]
    least, most = min(values, default=0), max(values, default=0)
    steps = (len(marks) - 1) / (most - least) if most > least else 0.0
    return "".join(marks[round((value - least) * steps)] for value in values)


def install_hint(extra: str = "") -> str:
    """Return what to type for animekit's packages, with those of an optional part.

    The name on the package index is not ours: it is installed from its own folder.

    >>> install_hint("maps")
    'pip install -e ".[maps]" in the folder of animekit, where its pyproject.toml lies'
    """
    what = f'".[{extra}]"' if extra else "."
    return f"pip install -e {what} in the folder of animekit, where its pyproject.toml lies"


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return ' Did you mean "x"?' for the nearest known word, or an empty string.

    A word that is known itself is no slip of the pen: then nothing is offered. `cutoff` is how
    alike two words must be, from 0 to 1.

    >>> did_you_mean("wganpg", ["wgangp", "lsgan"])
    ' Did you mean "wgangp"?'
    """
    names = list(known)
    if word in names or len(word) > LONGEST:  # the search takes the square of the length
        return ""
    lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(word.lower(), list(lower), n=1, cutoff=cutoff)
    return f' Did you mean "{lower[near[0]]}"?' if near else ""


def spelled(name: str) -> str:
    """Return a name with - for _: people type either, and mean the same.

    >>> spelled("mean_colour")
    'mean-colour'
    """
    return name.replace("_", "-")


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines whose columns stand under each other.

    >>> align([["name", "kind"], ["wgangp", "model"]])
    ['name    kind', 'wgangp  model']
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


class Printed:
    """A result that prints as its table, in a terminal and in a notebook."""

    def as_table(self) -> list[Sequence[str]]:
        """Return the rows as texts, the first with the names of the columns."""
        raise NotImplementedError

    def __str__(self) -> str:
        return "\n".join(align(self.as_table()))

    def _repr_html_(self) -> str | None:
        return f"<pre>{html.escape(str(self))}</pre>"
