"""A clean copy: what a manifest keeps, copied or linked to another folder; nothing moves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from animekit.cleaning.journal import Disk, Move
from animekit.cleaning.move import NO_SECOND_NAME, State, copy, state
from animekit.cleaning.move_plan import Plan, look
from animekit.cleaning.quarantine import Applied, existing
from animekit.data.dataset import Skipped
from animekit.data.manifest import kept_names
from animekit.errors import UnusableError, UsageError
from animekit.files import as_error
from animekit.signals import StopSignals

if TYPE_CHECKING:
    import pandas as pd

TAG_FILE = "tags.csv"
"""It goes along: the labels of the pictures beside it."""
NAMED = 3  # collisions that an error names


def kept_folder(folder: Path) -> Path:
    """Return the folder beside a folder of pictures where a clean copy goes.

    >>> kept_folder(Path("/data/faces")).name
    'faces_clean'
    """
    path = Path(os.path.abspath(folder))
    return path.with_name(f"{path.name}_clean")


def publish(
    folder: Path | str,
    table: pd.DataFrame,
    out: Path | str | None = None,
    *,
    how: Literal["copy", "link"] = "copy",
    progress: Callable[[int, int], None] | None = None,
    disk: Disk | None = None,
) -> Applied:
    """Make a folder of the pictures that a manifest keeps, under the same names.

    `link` makes hard links: no bytes are copied, and a picture that is changed in one place changes
    in both. What is there already with the same content is passed over, so that a call that was
    stopped can go on. Raises UnusableError, before anything is written, where another file is in
    the way.
    """
    folder, disk = existing(folder), disk if disk is not None else Disk()
    into = kept_folder(folder) if out is None else Path(out)
    made, there = _plan(folder, table, into)
    try:
        with StopSignals() as signals:
            for count, move in enumerate(made.moves):
                if progress is not None:
                    progress(count, len(made.moves))
                if signals.received is not None:
                    raise signals.received(
                        f"stopped after {count:,} of {len(made.moves):,} files",
                        "the same command goes on from there",
                    )
                _put(disk, folder / move.name, into / move.to, move, how)
        if progress is not None:
            progress(len(made.moves), len(made.moves))
    except OSError as error:
        raise as_error(error, "the same command goes on from there") from None
    return Applied(None, into, None, len(made.moves) + there, made.gone, made.refused)


def plan_copy(folder: Path, table: pd.DataFrame, out: Path | str | None = None) -> Plan:
    """Look at every file that `publish` would copy or link, and write nothing."""
    return _plan(folder, table, kept_folder(folder) if out is None else Path(out))[0]


def _plan(folder: Path, table: pd.DataFrame, into: Path) -> tuple[Plan, int]:
    """Return what is to be written, and how many pictures are there already."""
    if Path(os.path.realpath(into)).is_relative_to(os.path.realpath(folder)):
        raise UsageError(f"{into} lies in {folder} itself", "name a folder outside with --out")
    made, there = Plan(folder, into), 0
    hashes = dict(zip(table["name"], table["sha256"], strict=True))
    tags = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob(TAG_FILE))]
    tags = [name for name in tags if not any(part.startswith(".") for part in name.split("/"))]
    in_the_way = []
    for name in [*kept_names(table), *tags]:
        if not os.path.lexists(folder / name):
            made.gone.append(name)
            continue
        try:
            found, problem = look(folder, folder / name, name, hashes.get(name, ""))
        except OSError as error:
            found, problem = "", f"cannot be read: {error.strerror}"
        if problem:
            made.refused.append(Skipped(name, problem))
            continue
        move = Move(name, name, found)
        lies = state(into / name, move)
        if lies is State.OTHER:
            in_the_way.append(str(into / name))
        there += lies is State.SAME
        if lies is State.GONE:
            made.moves.append(move)
            made.bytes += (folder / name).stat().st_size
    if in_the_way:
        raise UnusableError(
            f"{len(in_the_way):,} other files are in the way: {' '.join(in_the_way[:NAMED])}",
            "nothing was written; name another folder with --out",
            code="file.exists",
        )
    return made, there


def _put(disk: Disk, source: Path, target: Path, move: Move, how: str) -> None:
    disk.make_folder(target.parent)
    source = source.resolve()  # of a link, what it leads to
    if how == "copy":
        copy(disk, source, target, move.sha256)
        return
    try:
        disk.link(source, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in NO_SECOND_NAME:
            raise
        reason = (error.strerror or str(error)).lower()
        raise UnusableError(
            f"cannot link {target}: {reason}", "--apply copy works across disks", code="path"
        ) from None
