"""`animekit models`: the weights that are here, and those that others published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import typer

from animekit.cli import _sharing as sharing
from animekit.cli._commands import DefaultGroup
from animekit.cli._console import Screen
from animekit.cli._options import CONSENT, Common, argument, command, option
from animekit.cli._progress import following
from animekit.errors import NetworkError, Stopped, UsageError

if TYPE_CHECKING:
    from animekit.hub.catalog import Entry

NAME = argument(
    "name", required=True, help="A name of `animekit models`, hf:USER/NAME@REVISION, or a folder."
)
CALLED = option("called", str, "--name", metavar="NAME", help="What to call shared weights.")
SHA256 = option("sha256", str, metavar="HEX", help="Take only the file that has this sha256.")
FILE = argument(
    "file", required=True, help="State dict of CycleGAN or StarGAN (.pth, .ckpt), or a name."
)
IMPORT = [
    option("name", str, metavar="NAME", help="What to call it (default: as the file or folder)."),
    option("back", Path, metavar="FILE", help="CycleGAN: the generator of the other direction."),
    option("source", str, metavar="URL", help="Where the file is from; noted in the weights."),
    option("licence", str, metavar="TEXT", help="On which terms; noted in the weights."),
    option("size", int, metavar="PX", help="Side that it was trained at (256; StarGAN 128)."),
    option("labels", str, metavar="A,B", help="StarGAN: names of its labels, in their order."),
    option("statistics", str, metavar="image|running", help="Statistics of batch norms (image)."),
]
SECONDS = 15.0  # between two lines of progress where nothing can be redrawn
# keys of an entry that answers show
ROW = {"name", "summary", "licence", "page", "source", "note", "verified", "sha256", "urls"}
TRANSLATORS = ("cyclegan", "stargan")  # whose published weights can be converted
UNITS = ("bytes", "kB", "MB", "GB")


def add_to(app: typer.Typer) -> None:
    """Add the group to the root; `animekit models` alone lists."""
    group = typer.Typer(cls=DefaultGroup, help="List, download, check and share weights.")
    command(group, "ls", ls, of="models")
    command(group, "pull", pull, NAME, CALLED, SHA256, *CONSENT, of="models")
    command(group, "pack", sharing.pack, *sharing.PACK, of="models")
    command(group, "push", sharing.push, *sharing.PUSH, of="models")
    command(group, "verify", verify, of="models")
    command(group, "import", import_, FILE, *IMPORT, *CONSENT, of="models")
    app.add_typer(group, name="models")


def ls(common: Common) -> list[dict[str, Any]]:
    """List the bundled and imported weights, and those that can be downloaded.

    Examples
      animekit models
      animekit models ls --json
      animekit models ls --plain
    """
    from animekit.hub import catalog
    from animekit.models import weights

    rows: list[dict[str, Any]] = [
        {"name": name, "state": "bundled", "size": path.stat().st_size, "path": str(path)}
        | {"licence": "MIT, as animekit", "pinned": True, "verified": True, "page": ""}
        | {"summary": "comes with animekit"}
        for name, path in weights.bundled().items()
    ]
    rows += [_imported_row(name, path) for name, path in weights.imported().items()]
    rows += [_row(entry) for entry in catalog.entries("weights").values()]
    common.screen.table(
        ("name", "state", "size", "sha256", "licence"),
        [
            (row["name"], row["state"], human(row["size"]), pinning(row["pinned"]), row["licence"])
            for row in rows
        ],
    )
    common.screen.note("animekit models pull NAME downloads one of those that are missing")
    return rows


def pull(common: Common, name: str, called: str | None, sha256: str | None) -> dict[str, Any]:
    """Download weights of others, after showing their licence and sha256.

    Examples
      animekit models pull lbpcascade_animeface
      animekit models pull cyclegan/apple2orange -n
      animekit models pull hf:ann/faces@v1 --name ann
    """
    from animekit.hub import catalog

    if sharing.is_shared(name):
        if sha256 is not None:
            raise UsageError(
                "--sha256 is of the catalogue's files", "config.json has that of these"
            )
        return sharing.pull_shared(common, name, called, downloading)
    if called is not None:
        raise UsageError("--name is for hf:USER/NAME or a folder", "leave it out")
    entry, screen = catalog.find(name, "weights"), common.screen
    sound = [row["state"] != "damaged" for row in catalog.verify([name])]
    if sound != [True] or sha256:
        introduce(screen, entry, sha256)
        if common.dry_run:
            return _row(entry)
        known = entry.pinned or sha256
        agree(common, f"Download {entry.name}{'' if known else ' unchecked'}?")
        with downloading(screen, entry.name) as progress:
            catalog.pull(name, sha256=sha256, unpinned=True, progress=progress)
        tell_seen(screen, entry)
    screen.made(catalog.place_of(entry), "weights", f"licence: {entry.licence}")
    if entry.name.partition("/")[0] in TRANSLATORS:
        screen.note(f"to use them: animekit models import {entry.name}")
    return _row(entry)


def verify(common: Common) -> list[dict[str, Any]]:
    """Read the downloaded weights again and compare their sha256.

    Examples
      animekit models verify
      animekit models verify --json
      animekit models verify --plain
    """
    from animekit.files import weights_dir
    from animekit.hub import catalog

    with common.screen.busy("reading"):
        rows = catalog.verify()
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


def import_(common: Common, file: str, **options: Any) -> dict[str, Any]:
    """Convert published CycleGAN or StarGAN weights, to be used by name.

    A name of `animekit models` that is not here is downloaded first, after asking.

    Examples
      animekit models import latest_net_G_A.pth --back latest_net_G_B.pth --name horses
      animekit models import 200000-G.ckpt --name celeba
      animekit models import cyclegan/apple2orange
    """
    from animekit.hub.convert import import_weights
    from animekit.hub.published import Statistics

    labels = [word.strip() for word in (options.pop("labels") or "").split(",") if word.strip()]
    statistics = options.pop("statistics") or "image"
    if statistics not in get_args(Statistics):
        raise UsageError(
            f'there is no --statistics "{statistics}"', f"use {' or '.join(get_args(Statistics))}"
        )
    registry = common.registry()
    fetch_first(common, file)
    with common.screen.busy("reading"):
        made = import_weights(
            file,
            registry,
            labels=labels,
            statistics=cast(Statistics, statistics),
            overwrite=common.yes,
            dry_run=common.dry_run,
            **options,
        )
    source = made.about["source"]
    for line in (
        f"{made.name}  {made.summary}",
        f"  sha256   {source['sha256']}  {source['file']}",
        f"  licence  {source['licence']}",
        *([f"  from     {source['url']}"] if source["url"] else []),
        *([f"  labels   {', '.join(made.about['spec']['labels'])}"] if made.labels else []),
    ):
        common.screen.note(line)
    if not common.dry_run:
        words = f"animekit transfer {made.about['model']} {made.name} PHOTOS"
        common.screen.made(made.path, "weights", words)
    return {"name": made.name, "path": str(made.path), **made.about}


def fetch_first(common: Common, name: str) -> None:
    """Download weights of the catalogue that are not here, after asking."""
    from animekit.hub import catalog

    entry = catalog.entries("weights").get(name)
    if entry is None or Path(name).exists() or catalog.state_of(entry) == "here":
        return
    if common.dry_run or not (common.yes or common.may_ask()):
        return  # the import itself says what is missing
    introduce(common.screen, entry)
    agree(common, f"Download {entry.name}{'' if entry.pinned else ' unchecked'}?")
    with downloading(common.screen, entry.name) as progress:
        catalog.pull(name, unpinned=True, progress=progress)
    tell_seen(common.screen, entry)


def tell_seen(screen: Screen, entry: Entry) -> None:
    """Say which sha256 came, where nobody had told which should come."""
    from animekit.hub.obtain import seen

    digest = seen(entry)
    if digest is not None and not entry.pinned:
        screen.note(
            f"{entry.name}: sha256 {digest} came; it is on record, and what must come again"
        )


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


def _imported_row(name: str, path: Path) -> dict[str, Any]:
    from animekit.models import weights

    about, note = weights.about(path), weights.note_of(path)
    source = {"summary": f"{about.get('model', '')} from {note['from']}", **note} if note else {}
    source = source or about.get("source", {})
    return {
        "name": name,
        "summary": source.get("summary", ""),
        "licence": source.get("licence", ""),
        "page": source.get("url") or "",
        "state": "imported",
        "pinned": True,
        "verified": True,
        "sha256": source.get("sha256"),
        "path": str(path),
        "size": path.stat().st_size,
    }


def _row(entry: Entry) -> dict[str, Any]:
    from animekit.hub import catalog

    facts = entry.model_dump(mode="json", include=ROW)
    path = catalog.place_of(entry)
    return facts | {
        "state": catalog.state_of(entry),
        "pinned": entry.pinned,
        "path": str(path),
        "size": path.stat().st_size if path.is_file() else entry.size,
    }
