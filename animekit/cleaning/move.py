"""Moving files so that a kill at any moment loses none: first a second name, then the first goes.

For a moment each file has two names. Which of them are there, and whether the content is the one
that was written down, says all that must be known to go back or on.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path, PurePosixPath

from animekit.cleaning.journal import Disk, Move
from animekit.errors import DeviceError

CHUNK = 64
"""Files that have two names at a time; their folders are waited for once."""
NO_SECOND_NAME = {
    getattr(errno, name, errno.EXDEV)
    for name in ("EXDEV", "EPERM", "EMLINK", "ENOSYS", "EOPNOTSUPP", "ENOTSUP", "EACCES", "EINVAL")
}
"""Why a file cannot have a second name there: another disk, or a file system without hard links."""
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

Way = tuple[Path, Path, Move]
"""From, to, and what was written down."""


class State(Enum):
    """What lies under a name."""

    GONE = "gone"
    SAME = "same"
    OTHER = "other"


def digest(path: Path) -> str:
    """Return the sha256 of a file's content; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def state(path: Path, move: Move) -> State:
    """Say whether what was written down lies under a name."""
    if not os.path.lexists(path):
        return State.GONE
    if move.link is not None:
        return State.SAME if _link(path) == move.link else State.OTHER
    if path.is_symlink() or not path.is_file():
        return State.OTHER
    try:
        return State.SAME if digest(path) == move.sha256 else State.OTHER
    except OSError:
        return State.OTHER


def _link(path: Path) -> str | None:
    return os.fspath(path.readlink()) if path.is_symlink() else None


def place(disk: Disk, source: Path, target: Path, move: Move) -> None:
    """Give a file its second name; FileExistsError where another file has it."""
    disk.make_folder(target.parent)
    try:
        if move.link is not None:
            disk.link_to(move.link, target)
        else:
            _link_or_copy(disk, source, target, move)
    except FileExistsError:
        if state(target, move) is not State.SAME:
            raise


def _link_or_copy(disk: Disk, source: Path, target: Path, move: Move) -> None:
    try:
        disk.link(source, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in NO_SECOND_NAME or not source.is_file():
            raise
        copy(disk, source, target, move.sha256)


def copy(disk: Disk, source: Path, target: Path, sha256: str) -> None:
    """Copy a file, look at what was written, and only then give it its name."""
    part = part_of(target, sha256)
    if os.path.lexists(part):
        disk.remove(part)  # of a copy that was killed
    disk.copy(source, part)
    if digest(part) != sha256:
        disk.remove(part)
        raise DeviceError(
            f"{source} and its copy differ", "look after that disk; nothing was lost", code="copy"
        )
    try:
        disk.link(part, target)
        disk.remove(part)
    except FileExistsError:
        disk.remove(part)
        raise
    except OSError as error:
        if error.errno not in NO_SECOND_NAME:
            raise
        disk.rename(part, target)


def part_of(target: Path, sha256: str) -> Path:
    """Return the hidden name under which a copy is written."""
    return target.with_name(f".animekit-{sha256[:24]}.part")


def move_all(disk: Disk, ways: Sequence[Way], moved: Callable[[list[Move]], None]) -> None:
    """Move files in chunks; `moved` is told of each chunk when it is on disk.

    Raises OSError at the first that cannot be moved: those before it have moved, and so it may be
    with some of its chunk's.
    """
    for start in range(0, len(ways), CHUNK):
        chunk = ways[start : start + CHUNK]
        for source, target, move in chunk:
            place(disk, source, target, move)
        for parent in dict.fromkeys(target.parent for _, target, _ in chunk):
            disk.sync(parent)
        for source, _, _ in chunk:
            disk.remove(source)
        moved([move for _, _, move in chunk])


def is_inside(folder: Path, name: str) -> bool:
    """Say whether a name leads to a place in a folder, links above it followed."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        return False
    parent = Path(os.path.realpath((folder / path).parent))
    return parent.is_relative_to(os.path.realpath(folder))


def free_name(folder: Path, name: str, taken: set[str]) -> str:
    """Return a name that is free in a folder: the same, or numbered as in "a.2.png"."""
    path = PurePosixPath(name)
    for candidate in _candidates(path):
        key = str(candidate).casefold()  # on some disks a.png and A.png are one
        if key not in taken and not os.path.lexists(folder / candidate):
            taken.add(key)
            return str(candidate)
    raise AssertionError("there is always another number")


def _candidates(path: PurePosixPath) -> Iterator[PurePosixPath]:
    yield path
    number = 2
    while True:
        yield path.with_name(f"{path.stem}.{number}{path.suffix}")
        number += 1


def tidy(folder: Path, names: Sequence[str]) -> None:
    """Take away the folders of some names below a folder, if nothing is left in them."""
    parents = {parent for name in names for parent in PurePosixPath(name).parents}
    for parent in sorted(parents, key=lambda path: -len(path.parts)):
        if parent.parts:
            with suppress(OSError):  # it is not empty, or is gone
                (folder / parent).rmdir()
