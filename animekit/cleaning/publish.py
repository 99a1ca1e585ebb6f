"""A clean copy: what a manifest keeps, copied or linked to another folder; nothing moves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from animekit.cleaning.journal import Move
from animekit.cleaning.move import copy, state
from animekit.cleaning.move_plan import ACROSS, MovePlan
from animekit.cleaning.quarantine import Applied, existing
from animekit.data.manifest import kept_names
from animekit.errors import UnusableError, UsageError
from animekit.files import FULL, Progress, as_error
from animekit.labels.sources import label_files
from animekit.signals import StopSignals

if TYPE_CHECKING:
    import pandas as pd

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
    progress: Progress | None = None,
) -> Applied:
    """Make a folder of the pictures that a manifest keeps, under the same names.

    `link` makes hard links: no bytes are copied, and a picture that is changed in one place changes
    in both. What is there already with the same content is passed over, so that a call that was
    stopped can go on. Raises UnusableError, before anything is written, where another file is in
    the way.
    """
    folder = existing(folder)
    into = kept_folder(folder) if out is None else Path(out)
    made, there = _plan(folder, table, into)
    total = len(made.moves)
    try:
        with StopSignals() as signals:
            for count, move in enumerate(made.moves):
                if progress is not None:
                    progress(count, total)
                if signals.received is not None:
                    raise signals.received(
                        f"stopped after {count:,} of {total:,} files",
                        "the same command goes on from there",
                    )
                source = (folder / move.name).resolve()  # of a link, what it leads to
                if how == "copy":
                    copy(source, into / move.to, move.sha256)
                else:
                    _link(source, into / move.to)
        if progress is not None:
            progress(total, total)
    except OSError as error:
        raise as_error(error, "the same command goes on from there") from None
    return Applied(None, into, None, total + there, made.gone, made.refused)


def plan_copy(folder: Path, table: pd.DataFrame, out: Path | str | None = None) -> MovePlan:
    """Look at every file that `publish` would copy or link, and write nothing."""
    return _plan(folder, table, kept_folder(folder) if out is None else Path(out))[0]


def _plan(folder: Path, table: pd.DataFrame, into: Path) -> tuple[MovePlan, int]:
    """Return what is to be written, and how many pictures are there already."""
    if Path(os.path.realpath(into)).is_relative_to(os.path.realpath(folder)):
        raise UsageError(f"{into} lies in {folder} itself", "name a folder outside with --out")
    made, there = MovePlan(folder, into), 0
    hashes = dict(zip(table["name"], table["sha256"], strict=True))
    in_the_way = []
    kept = kept_names(table)
    for name in [*kept, *label_files(folder, kept)]:
        found = made.look(name, hashes.get(name, ""))
        if not found:
            continue
        move = Move(name, name, found)
        match state(into / name, move):
            case "other":
                in_the_way.append(str(into / name))
            case "same":
                there += 1
            case "gone":
                made.moves.append(move)
    if in_the_way:
        raise UnusableError(
            f"{len(in_the_way):,} other files are in the way: {' '.join(in_the_way[:NAMED])}",
            "nothing was written; name another folder with --out",
            code="file.exists",
        )
    return made, there


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError as error:  # another disk, or a file system without hard links
        if isinstance(error, FileExistsError) or error.errno in FULL:
            raise
        reason = (error.strerror or str(error)).lower()
        raise UnusableError(f"cannot link {target}: {reason}", ACROSS, code="path") from None
