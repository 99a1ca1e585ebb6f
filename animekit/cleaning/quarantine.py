"""Quarantine: what a manifest flags moves to a folder beside the data, and can come back.

`data/faces/a.png`, flagged as a near duplicate, goes to
`data/faces_rejected/near_duplicate/a.png`. The journal there says where everything came from.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from animekit.cleaning.journal import Journal, Move, MoveBatch
from animekit.cleaning.move import bring_back, is_inside, part_of, rename, state, tidy
from animekit.cleaning.move_plan import ACROSS, FLAGGED, plan, rejected_folder
from animekit.data.dataset import Skipped, nothing_at
from animekit.errors import NotFoundError, UnusableError
from animekit.files import Progress, as_error
from animekit.signals import StopSignals
from animekit.text import clipped

if TYPE_CHECKING:
    import pandas as pd

NAMED = 10  # batches that a hint names
CHUNK = 64  # files that move between two lines of the journal
Step = tuple[Path, Path, Move]  # from, to, and what was written down


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
    """What came back: how many files of which batch, and what could not, and why.

    `bad_lines` counts the lines of the journal that could not be read and were passed over.
    """

    id: int | None
    journal: Path
    files: int
    refused: list[Skipped]
    bad_lines: int = 0


def apply(
    folder: Path | str,
    table: pd.DataFrame,
    *,
    manifest: str = "",
    tiers: Sequence[str] = FLAGGED,
    progress: Progress | None = None,
) -> Applied:
    """Move what a manifest flags to a folder beside; `undo` can bring it back.

    The folder is that of `rejected_folder`. All files are looked at before the first one moves,
    nothing is ever replaced, and all moves are in the journal before they are made. `tiers` are the
    decisions whose pictures move; `manifest` is the path of the table, for the journal. SIGINT and
    SIGTERM end it with Stopped after the files that are being moved.
    """
    folder = existing(folder)
    into = rejected_folder(folder)
    journal = Journal(into)
    with _plain_errors("what was moved can come back: --undo"):
        made = plan(folder, table, tiers)
        if not made.moves:
            return Applied(None, into, None, 0, made.gone, made.refused)
        into.mkdir(parents=True, exist_ok=True)
        with _alone(into):
            when = datetime.now(UTC).isoformat(timespec="seconds")
            batch = journal.begin(folder.absolute(), manifest, made.moves, when)
            steps = [(folder / move.name, into / move.to, move) for move in made.moves]
            _run(
                steps,
                lambda source, target, move: rename(source, target),
                partial(journal.note, batch, "done"),
                progress,
            )
            journal.note(batch, "end")
    return Applied(batch.id, into, journal.path, len(made.moves), made.gone, made.refused)


def undo(folder: Path | str, which: str = "last", *, progress: Progress | None = None) -> Undone:
    """Bring back what one call of `apply` moved.

    `which` is the number of a batch, or "last" for the last that was not undone.
    A file that was changed, or whose old place is taken, stays where it is and is named; all others
    come back. It can be called again, after a kill too, and does what is left to be done.
    """
    folder = existing(folder)
    into = rejected_folder(folder)
    journal = Journal(into)
    batch = find(journal, which)
    if batch is None or batch.undone:
        return Undone(None if batch is None else batch.id, journal.path, 0, [], journal.bad)
    steps: list[Step] = []
    refused: list[Skipped] = []
    taken: set[str] = set()
    with _plain_errors("the same command goes on from there"), _alone(into):
        for move in batch.moves:
            problem, goes = _look_back(folder, into, batch, move)
            if goes and taken & {f"from {move.to}", f"to {move.name}"}:
                problem = "stands twice in the journal"
            if problem:
                refused.append(Skipped(move.name, problem))
            elif goes:
                steps.append((into / move.to, folder / move.name, move))
                taken |= {f"from {move.to}", f"to {move.name}"}
        journal.note(batch, "undo", files=len(steps))
        _run(steps, bring_back, partial(journal.note, batch, "back"), progress)
        if batch.lost:
            refused.append(Skipped(str(journal.path), f"{batch.lost:,} lines are damaged"))
        if not refused:
            journal.note(batch, "undone")
        tidy(into, [move.to for move in batch.moves])
    return Undone(batch.id, journal.path, len(steps), refused, journal.bad)


def _look_back(folder: Path, into: Path, batch: MoveBatch, move: Move) -> tuple[str, bool]:
    """Return why a file cannot come back, and whether it is to be moved."""
    if not is_inside(folder, move.name) or not is_inside(into, move.to):
        return "leads out of the folder", False
    moved, old = into / move.to, folder / move.name
    for path in (moved, old):
        with suppress(OSError):
            part_of(path, move.sha256).unlink()  # of a copy that was killed
    here, there = state(moved, move), state(old, move)
    if there == "same":
        if here == "same":  # 0.1.0 gave a second name first, or a copy was killed at its end
            moved.unlink()
        return "", False
    if here == "same" and there == "other":
        return f"another file is in its place; it is still {moved}", False
    if here == "other":
        return f"was changed since it was moved; it stays {moved}", False
    above = next(path for path in old.parents if os.path.lexists(path))
    if here == "same" and not above.is_dir():
        return f"{above} is in its place, and is no folder; it is still {moved}", False
    never_moved = there == "other" and move.name not in batch.done  # and was changed since
    return "" if here == "same" or never_moved else f"is gone from {moved}", here == "same"


def find(journal: Journal, which: str) -> MoveBatch | None:
    """Return a batch by number, or the last that can be undone; None where all were.

    Raises NotFoundError where there is no journal or no such batch.
    """
    into = journal.path.parent
    began = [batch for batch in journal.read() if batch.began or _lies_there(into, batch)]
    if not began:
        bad = f"; lines of it that cannot be read: {journal.bad:,}" if journal.bad else ""
        raise NotFoundError(
            f"nothing to undo: no moves in {journal.path}{bad}",
            "only what --apply moved can come back",
            code="journal.not_found",
        )
    if which == "last":
        return next((batch for batch in reversed(began) if not batch.undone), None)
    for batch in began:
        if str(batch.id) == which.lstrip("0"):
            return batch
    known = " ".join(str(batch.id) for batch in began[-NAMED:])
    raise NotFoundError(
        f'no "{clipped(which)}" in {journal.path}', f"known: last {known}", code="journal.not_found"
    )


def _lies_there(into: Path, batch: MoveBatch) -> bool:
    """Say whether something has moved of a batch whose "go" and "done" cannot be read."""
    return any(is_inside(into, move.to) and os.path.lexists(into / move.to) for move in batch.moves)


def _run(
    steps: Sequence[Step],
    one: Callable[[Path, Path, Move], None],
    note: Callable[..., None],
    progress: Progress | None,
) -> None:
    """Move files one by one, note each chunk of them, and stop between two chunks."""
    total = len(steps)
    with StopSignals() as signals:
        for start in range(0, total, CHUNK):
            if progress is not None:
                progress(start, total)
            if start and signals.received is not None:
                raise signals.received(
                    f"stopped after {start:,} of {total:,} files",
                    "the same command goes on; --undo brings back what --apply moved",
                )
            chunk = steps[start : start + CHUNK]
            for source, target, move in chunk:
                one(source, target, move)
            note(names=[move.name for _, _, move in chunk])
    if progress is not None:
        progress(total, total)


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
        hint = f"{hint}; {ACROSS}" if error.errno == errno.EXDEV else hint
        raise as_error(error, hint) from None
