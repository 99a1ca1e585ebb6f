"""Quarantine: what a manifest flags moves to a folder beside the data, and can come back.

`data/faces/a.png`, flagged as a near duplicate, goes to
`data/faces_rejected/near_duplicate/a.png`. The journal there says where everything came from.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from animekit.cleaning.journal import Batch, Disk, Journal, Move
from animekit.cleaning.move import State, Way, is_inside, move_all, part_of, state, tidy
from animekit.cleaning.move_plan import FLAGGED, plan, rejected_folder
from animekit.data.dataset import Skipped, nothing_at
from animekit.errors import NotFoundError, UnusableError
from animekit.files import as_error
from animekit.signals import StopSignals

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Applied:
    """What was moved: how many files, as which batch, and what was not."""

    id: int | None
    into: Path
    journal: Path | None
    files: int
    gone: list[str]
    refused: list[Skipped]


@dataclass(frozen=True)
class Undone:
    """What came back: how many files of which batch, and what could not, and why."""

    id: int | None
    journal: Path
    files: int
    refused: list[Skipped]


def apply(
    folder: Path | str,
    table: pd.DataFrame,
    *,
    manifest: str = "",
    tiers: Sequence[str] = FLAGGED,
    progress: Progress | None = None,
    disk: Disk | None = None,
) -> Applied:
    """Move what a manifest flags to a folder beside; `undo` can bring it back.

    The folder is that of `rejected_folder`. All files are looked at before the first one moves,
    nothing is ever replaced, and all moves are in the journal before they are made. `tiers` are the
    decisions whose pictures move; `manifest` is the path of the table, for the journal. SIGINT and
    SIGTERM end it with Stopped after the files that are being moved.
    """
    folder, disk = existing(folder), disk if disk is not None else Disk()
    into = rejected_folder(folder)
    journal = Journal(into, disk)
    with _plain_errors("what was moved can come back: --undo"):
        if journal.path.is_file():
            with _alone(into):
                _settle(disk, folder, into, journal)
        made = plan(folder, table, tiers)
        if not made.moves:
            return Applied(None, into, None, 0, made.gone, made.refused)
        disk.make_folder(into)
        with _alone(into):
            when = datetime.now(UTC).isoformat(timespec="seconds")
            batch = journal.begin(folder.absolute(), manifest, made.moves, when)
            ways = [(folder / move.name, into / move.to, move) for move in made.moves]
            _run(disk, ways, lambda names: journal.note(batch, "done", names=names), progress)
            journal.note(batch, "end")
    return Applied(batch.id, into, journal.path, len(made.moves), made.gone, made.refused)


def _settle(disk: Disk, folder: Path, into: Path, journal: Journal) -> None:
    """Take back what a kill left half done: files with two names, parts of copies."""
    for batch in journal.read():
        if not batch.began or batch.ended or batch.undone:
            continue
        for move in batch.moves:
            target = into / move.to
            _drop_part(disk, target, move)
            if move.name in batch.done or not os.path.lexists(target):
                continue
            if state(folder / move.name, move) is state(target, move) is State.SAME:
                disk.remove(target)


def _drop_part(disk: Disk, target: Path, move: Move) -> None:
    part = part_of(target, move.sha256)
    if os.path.lexists(part):
        disk.remove(part)


def undo(
    folder: Path | str,
    which: str = "last",
    *,
    progress: Progress | None = None,
    disk: Disk | None = None,
) -> Undone:
    """Bring back what one call of `apply` moved.

    `which` is the number of a batch, or "last" for the last that was not undone.
    A file that was changed, or whose old place is taken, stays where it is and is named; all others
    come back. It can be called again, after a kill too, and does what is left to be done.
    """
    folder, disk = existing(folder), disk if disk is not None else Disk()
    into = rejected_folder(folder)
    journal = Journal(into, disk)
    batch = find(journal, which)
    if batch is None or batch.undone:
        return Undone(None if batch is None else batch.id, journal.path, 0, [])
    ways: list[Way] = []
    refused: list[Skipped] = []
    with _plain_errors("the same command goes on from there"), _alone(into):
        for move in batch.moves:
            problem, goes = _way_back(disk, folder, into, batch, move)
            if problem:
                refused.append(Skipped(move.name, problem))
            elif goes:
                ways.append((into / move.to, folder / move.name, move))
        journal.note(batch, "undo", files=len(ways))
        _run(disk, ways, lambda names: journal.note(batch, "back", names=names), progress)
        if batch.lost:
            refused.append(Skipped(str(journal.path), f"{batch.lost:,} lines are damaged"))
        if not refused:
            journal.note(batch, "undone")
        tidy(into, [move.to for move in batch.moves])
    return Undone(batch.id, journal.path, len(ways), refused)


def _way_back(disk: Disk, folder: Path, into: Path, batch: Batch, move: Move) -> tuple[str, bool]:
    """Return why a file cannot come back, and whether it is to be moved."""
    if not is_inside(folder, move.name) or not is_inside(into, move.to):
        return "leads out of the folder", False
    moved, old = into / move.to, folder / move.name
    _drop_part(disk, moved, move)
    _drop_part(disk, old, move)
    here, there = state(moved, move), state(old, move)
    if there is State.SAME:
        if here is State.SAME:
            disk.remove(moved)  # it has two names: a kill came between
        return "", False
    if here is State.SAME:
        taken = there is State.OTHER
        return (f"another file is in its place; it is still {moved}" if taken else ""), not taken
    if here is State.OTHER:
        return f"was changed since it was moved; it stays {moved}", False
    if there is State.OTHER and move.name not in batch.done:
        return "", False  # it never moved, and was changed where it is
    return f"is gone from {moved}", False


def find(journal: Journal, which: str) -> Batch | None:
    """Return a batch by number, or the last that can be undone; None where all were.

    Raises NotFoundError where there is no journal or no such batch.
    """
    began = [batch for batch in journal.read() if batch.began]
    if not began:
        raise NotFoundError(
            f"nothing to undo: no moves in {journal.path}",
            "only what --apply moved can come back",
            code="journal.not_found",
        )
    if which == "last":
        return next((batch for batch in reversed(began) if not batch.undone), None)
    for batch in began:
        if which.isdecimal() and batch.id == int(which):
            return batch
    known = " ".join(str(batch.id) for batch in began)
    raise NotFoundError(
        f'no "{which}" in {journal.path}', f"known: last {known}", code="journal.not_found"
    )


def _run(
    disk: Disk,
    ways: Sequence[Way],
    note: Callable[[list[str]], None],
    progress: Progress | None,
) -> None:
    count = 0
    if progress is not None:
        progress(0, len(ways))
    with StopSignals() as signals:

        def moved(moves: list[Move]) -> None:
            nonlocal count
            note([move.name for move in moves])
            count += len(moves)
            if progress is not None:
                progress(count, len(ways))
            if signals.received is not None and count < len(ways):
                raise signals.received(
                    f"stopped after {count:,} of {len(ways):,} files",
                    "the same command goes on; --undo brings back what --apply moved",
                )

        move_all(disk, ways, moved)


def existing(folder: Path | str) -> Path:
    """Return a folder that is there; NotFoundError or UnusableError where it is not."""
    path = Path(folder)
    if not path.exists():
        raise nothing_at(str(folder))
    if not path.is_dir():
        raise UnusableError(f"{path} is not a folder", "give the folder of pictures", code="path")
    return path


@contextmanager
def _alone(into: Path) -> Iterator[None]:
    """Let one process at a time move files to a folder or back."""
    import filelock

    try:
        with filelock.FileLock(into / ".lock", timeout=0):
            yield
    except filelock.Timeout:
        raise UnusableError(
            f"another animekit is moving files of {into}", "wait until it is done", code="path"
        ) from None


@contextmanager
def _plain_errors(hint: str) -> Iterator[None]:
    """Say in one line what the system refused."""
    try:
        yield
    except OSError as error:
        raise as_error(error, hint) from None
