"""`animekit models`: the weights that are here, and those that others published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from animekit.cli.bars import following
from animekit.cli.options import CONSENT, Common, DefaultGroup, argument, command, option
from animekit.console import Screen
from animekit.errors import NetworkError, Stopped, UsageError

if TYPE_CHECKING:
    from animekit.catalogue import Entry

NAME = argument("name", required=True, help="Name of weights, as `animekit models` lists them.")
SHA256 = option("sha256", str, metavar="HEX", help="Take only the file that has this sha256.")
SECONDS = 15.0  # between two lines of progress where nothing can be redrawn
ROW = {"name", "summary", "licence", "page", "source", "note", "verified", "sha256", "urls"}
"""Keys of an entry that answers show."""
UNITS = ("bytes", "kB", "MB", "GB")


def add_to(app: typer.Typer) -> None:
    """Add the group to the root; `animekit models` alone lists."""
    group = typer.Typer(cls=DefaultGroup, help="List, download and check weights of others.")
    command(group, "ls", ls, of="models")
    command(group, "pull", pull, NAME, SHA256, *CONSENT, of="models")
    command(group, "verify", verify, of="models")
    app.add_typer(group, name="models")


def ls(common: Common) -> list[dict[str, Any]]:
    """List the bundled weights, and those that can be downloaded.

    Examples
      animekit models
      animekit models ls --json
      animekit models ls --plain
    """
    from animekit import catalogue, weights

    rows: list[dict[str, Any]] = [
        {"name": name, "state": "bundled", "size": path.stat().st_size, "path": str(path)}
        | {"licence": "MIT, as animekit", "pinned": True, "verified": True, "page": ""}
        | {"summary": "comes with animekit"}
        for name, path in weights.bundled().items()
    ]
    rows += [_row(entry) for entry in catalogue.entries("weights").values()]
    common.screen.table(
        ("name", "state", "size", "sha256", "licence"),
        [
            (row["name"], row["state"], human(row["size"]), pinning(row["pinned"]), row["licence"])
            for row in rows
        ],
    )
    common.screen.note("animekit models pull NAME downloads one of those that are missing")
    return rows


def pull(common: Common, name: str, sha256: str | None) -> dict[str, Any]:
    """Download weights of others, after showing their licence and sha256.

    Examples
      animekit models pull lbpcascade_animeface
      animekit models pull inception --yes
      animekit models pull cyclegan/apple2orange -n
    """
    from animekit import catalogue

    entry, screen = catalogue.find(name, "weights"), common.screen
    sound = [row["state"] != "damaged" for row in catalogue.verify([name])]
    if sound != [True] or sha256:
        introduce(screen, entry, sha256)
        if common.dry_run:
            return _row(entry)
        known = entry.pinned or sha256
        agree(common, f"Download {entry.name}{'' if known else ' unchecked'}?")
        with downloading(screen, entry.name) as progress:
            catalogue.pull(name, sha256=sha256, unpinned=True, progress=progress)
    screen.made(catalogue.place_of(entry), "weights", f"licence: {entry.licence}")
    return _row(entry)


def verify(common: Common) -> list[dict[str, Any]]:
    """Read the downloaded weights again and compare their sha256.

    Examples
      animekit models verify
      animekit models verify --json
      animekit models verify --plain
    """
    from animekit import catalogue
    from animekit.store import weights_dir

    with common.screen.busy("reading"):
        rows = catalogue.verify()
    if not rows:
        common.screen.note(f"nothing is downloaded yet; {weights_dir()} is empty")
    common.screen.table(
        ("name", "state", "sha256"), [(row["name"], row["state"], row["sha256"]) for row in rows]
    )
    damaged = [row["name"] for row in rows if row["state"] == "damaged"]
    if damaged:
        raise NetworkError(
            f"wrong sha256: {' '.join(damaged)}",
            "\n".join(f"animekit models pull {name}" for name in damaged),
            code="weights.damaged",
        )
    return rows


def introduce(screen: Screen, entry: Entry, sha256: str | None = None) -> None:
    """Say what a download is, on which terms, and how far it can be trusted."""
    size = human(entry.size) or "of unknown size"
    digest = sha256 or entry.sha256
    shown = f"sha256 {digest}" if digest else f"manifest {entry.manifest}" if entry.manifest else ""
    for line in (
        f"{entry.name}  {entry.summary}",
        f"  file     {entry.file}  {size}",
        f"  digest   {shown or 'none: unpinned'}",
        f"  licence  {entry.licence}",
        f"  from     {entry.urls[0]}",
        f"  page     {entry.page}",
        *([f"  note     {entry.note}"] if entry.note else []),
    ):
        screen.note(line)
    for warning in entry.warnings:
        if not (sha256 and "unpinned" in warning):
            screen.warn(warning, "catalogue")


def agree(common: Common, question: str) -> None:
    """Ask before a download, unless --yes is given; raise if nobody can be asked."""
    if common.yes:
        return
    if not common.may_ask():
        raise UsageError("a download needs your word", "repeat it with --yes; -n only shows it")
    if not typer.confirm(question, err=True):
        raise Stopped("nothing was downloaded")


@contextmanager
def downloading(screen: Screen, name: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yield what shows how much of a file is here: a bar, or a line now and then."""
    columns = ("BarColumn", "DownloadColumn", "TransferSpeedColumn", "TimeRemainingColumn")

    def line(now: str, done: int, total: int | None) -> str:
        return f"{now}: {human(done)}" + (f" of {human(total)}" if total else "")

    with following(screen, name, columns, line, every=SECONDS) as tell:
        yield lambda done, total: tell(name, done, total)


def human(size: int | None) -> str:
    """Return a number of bytes as a person reads it.

    >>> human(246_945), human(95_628_359), human(None), human(12)
    ('247 kB', '95.6 MB', '', '12 bytes')
    """
    if size is None:
        return ""
    value, unit = float(size), 0
    while value >= 1000 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {UNITS[unit]}"


def pinning(pinned: bool) -> str:
    """Return the word for a digest that is known, or not."""
    return "known" if pinned else "unpinned"


def _row(entry: Entry) -> dict[str, Any]:
    from animekit import catalogue

    facts = entry.model_dump(mode="json", include=ROW)
    path = catalogue.place_of(entry)
    return facts | {
        "state": catalogue.state_of(entry),
        "pinned": entry.pinned,
        "path": str(path),
        "size": path.stat().st_size if path.is_file() else entry.size,
    }
