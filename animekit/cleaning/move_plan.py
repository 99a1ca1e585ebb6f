"""What would move: every file is looked at, and every name is found, before the first one goes."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from animekit.cleaning.journal import Move
from animekit.cleaning.move import digest, free_name, is_inside
from animekit.data.dataset import Skipped
from animekit.errors import DeviceError, UnusableError

if TYPE_CHECKING:
    import pandas as pd

FLAGGED = ("reject", "review")
"""Decisions whose pictures go: the others are what `train` uses."""
BY_HAND = "by_hand"
"""The folder of what a person rejected and no check did."""


@dataclass
class Plan:
    """What would be moved, and what cannot be.

    `gone` are no longer in the folder; `refused` are not what the manifest speaks of.
    """

    folder: Path
    into: Path
    moves: list[Move] = field(default_factory=list)
    bytes: int = 0
    gone: list[str] = field(default_factory=list)
    refused: list[Skipped] = field(default_factory=list)


def rejected_folder(folder: Path) -> Path:
    """Return the folder beside a folder of pictures where what is flagged goes.

    >>> rejected_folder(Path("/data/faces")).name
    'faces_rejected'
    """
    path = Path(os.path.abspath(folder))
    return path.with_name(f"{path.name}_rejected")


def plan(folder: Path, table: pd.DataFrame, tiers: Sequence[str] = FLAGGED) -> Plan:
    """Look at every file that would move, and change nothing.

    The table is a manifest. Files whose content is not the manifest's stay where they are. Raises
    where a folder cannot be written to, or the disk beside would be full.
    """
    into = rejected_folder(folder)
    made = Plan(folder, into)
    taken: set[str] = set()
    flagged = table[table["decision"].isin(list(tiers))]
    columns = (flagged[name].astype(str) for name in ("name", "sha256", "reasons"))
    for name, sha256, reasons in zip(*columns, strict=True):
        path = folder / name
        if not os.path.lexists(path):
            made.gone.append(name)
            continue
        try:
            found, problem = look(folder, path, name, sha256)
        except OSError as error:
            found, problem = "", f"cannot be read: {error.strerror}"
        if problem:
            made.refused.append(Skipped(name, problem))
            continue
        to = free_name(into, f"{_reason(reasons)}/{name}", taken)
        link = os.fspath(path.readlink()) if path.is_symlink() else None
        made.moves.append(Move(name, to, found, link))
        made.bytes += path.lstat().st_size
    _check_places(made)
    return made


def look(folder: Path, path: Path, name: str, sha256: str) -> tuple[str, str]:
    """Return the hash of a file, and why it must stay; "" where it may go."""
    if not is_inside(folder, name):
        return "", "lies outside the folder"
    if path.is_symlink() and not path.exists():
        return "", "a link to nothing"
    if not path.is_file():
        return "", "not a regular file"
    found = digest(path)
    changed = sha256 not in ("", found)
    return found, "changed since the manifest was made" if changed else ""


def _reason(reasons: str) -> str:
    """Return the first reason, as the name of a folder."""
    first = reasons.partition(";")[0].strip()
    return first if re.fullmatch(r"\w[\w-]{0,99}", first) else BY_HAND


def _check_places(made: Plan) -> None:
    """Find out before the first move whether the last one can be made."""
    if not made.moves:
        return
    hint = "nothing was moved"
    top = next(path for path in (made.into, *made.into.parents) if os.path.lexists(path))
    if not top.is_dir():
        raise UnusableError(f"{top} is in the way: it is no folder", hint, code="path")
    sources = dict.fromkeys((made.folder / move.name).parent for move in made.moves)
    for place in (top, *sources):
        if not os.access(place, os.W_OK | os.X_OK):
            raise UnusableError(f"cannot write to {place}: permission denied", hint, code="path")
    free = shutil.disk_usage(top).free
    if top.stat().st_dev != made.folder.stat().st_dev and made.bytes > free:
        raise DeviceError(
            f"{made.bytes:,} bytes do not fit on the disk of {top}: {free:,} are free",
            hint,
            code="device.disk_full",
        )
