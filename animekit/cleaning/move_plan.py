"""What would move: every file is looked at, and every name is found, before the first one goes."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animekit.cleaning.check import FOREIGN, UNOPENED
from animekit.cleaning.journal import Move
from animekit.cleaning.move import free_name, is_inside
from animekit.data.dataset import Skipped
from animekit.errors import UnusableError
from animekit.files import refuse_unwritable, sha256_of

if TYPE_CHECKING:
    import pandas as pd

FLAGGED = ("reject", "review")  # decisions whose pictures go: the others are what `train` uses
BY_HAND = "by_hand"  # the folder of what a person rejected and no check did
ACROSS = "--apply copy works across disks"


@dataclass
class MovePlan:
    """What would be moved, and what cannot be.

    `gone` are no longer in the folder; `refused` are not what the manifest speaks of.
    """

    folder: Path
    into: Path
    moves: list[Move] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    refused: list[Skipped] = field(default_factory=list)

    def look(self, name: str, sha256: str) -> str:
        """Return the hash of a file that may go; "" where it may not, which is noted."""
        path = self.folder / name
        if not os.path.lexists(path):
            self.gone.append(name)
            return ""
        problem, found = "", ""
        try:
            if not is_inside(self.folder, name):
                problem = "lies outside the folder"
            elif path.is_symlink() and not path.exists():
                problem = "a link to nothing"
            elif not path.is_file():
                problem = "not a regular file"
            elif (found := sha256_of(path)) != (sha256 or found):
                problem = "changed since the manifest was made"
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
        if problem:
            self.refused.append(Skipped(name, problem))
        return "" if problem else found


def rejected_folder(folder: Path) -> Path:
    """Return the folder beside a folder of pictures where what is flagged goes.

    >>> rejected_folder(Path("/data/faces")).name
    'faces_rejected'
    """
    path = Path(os.path.abspath(folder))
    return path.with_name(f"{path.name}_rejected")


def plan(folder: Path, table: pd.DataFrame, tiers: Sequence[str] = FLAGGED) -> MovePlan:
    """Look at every file that would move, and change nothing.

    The table is a manifest. Files whose content is not the manifest's stay where they are. Raises
    UnusableError where a folder cannot be written to, or is on another disk than the files.
    """
    made = MovePlan(folder, rejected_folder(folder))
    taken: set[str] = set()
    flagged = movable(table, tiers)
    # text of pandas lies in pyarrow where that is installed, which knows no name that is not UTF-8
    columns = (map(str, flagged[name]) for name in ("name", "sha256", "reasons"))
    for name, sha256, reasons in zip(*columns, strict=True):
        if found := made.look(name, sha256):
            path, to = folder / name, free_name(made.into, f"{_reason(reasons)}/{name}", taken)
            link = os.fspath(path.readlink()) if path.is_symlink() else None
            made.moves.append(Move(name, to, found, link))
    _check_places(made)
    return made


def movable(table: pd.DataFrame, tiers: Sequence[str] = FLAGGED) -> pd.DataFrame:
    """Return the rows of a manifest whose files would move.

    To review because no decoder of ours reads them, or the system does not let us, says nothing
    against a picture: the first stay unless review is asked for by itself, the others always.
    """
    stay = {UNOPENED.name} | ({FOREIGN.name} if len(tiers) > 1 else set())
    moves = [
        decision in tiers and (decision != "review" or str(reasons).partition(";")[0] not in stay)
        for decision, reasons in zip(table["decision"], table["reasons"], strict=True)
    ]
    return table.loc[np.array(moves, bool)]


def _reason(reasons: str) -> str:
    """Return the first reason, as the name of a folder."""
    first = reasons.partition(";")[0].strip()
    return first if re.fullmatch(r"\w[\w-]{0,99}", first) else BY_HAND


def _check_places(made: MovePlan) -> None:
    """Find out before the first move whether the last one can be made."""
    if not made.moves:
        return
    hint = "nothing was moved"
    top = refuse_unwritable(made.into, hint)
    sources = dict.fromkeys((made.folder / move.name).parent for move in made.moves)
    for place in sources:
        refuse_unwritable(place, hint)
        if place.stat().st_dev != top.stat().st_dev:
            raise UnusableError(
                f"cannot move from {place} to {top}: they are on two disks",
                f"{hint}; {ACROSS}",
                code="path",
            )
