"""Moving files by rename, which a kill cannot cut in two, and never onto a name that is taken."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import Literal

from animekit.cleaning.journal import Move
from animekit.errors import DeviceError
from animekit.files import sha256_of
from animekit.text import one_name

State = Literal["gone", "same", "other"]


def state(path: Path, move: Move) -> State:
    """Say whether what was written down lies under a name."""
    if not os.path.lexists(path):
        return "gone"
    with suppress(OSError):
        if move.link is not None:
            return "same" if os.fspath(path.readlink()) == move.link else "other"
        if path.is_file() and not path.is_symlink() and sha256_of(path) == move.sha256:
            return "same"
    return "other"


def rename(source: Path, target: Path) -> None:
    """Give a file another name; FileExistsError where that one is taken.

    The caller holds the lock of the folder: no other animekit takes the name in between.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    source.rename(target)


def bring_back(source: Path, target: Path, move: Move) -> None:
    """Rename a file; from another disk, where 0.1.0 could move it, it is copied."""
    try:
        rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        if move.link is not None:
            target.symlink_to(move.link)
        else:
            copy(source, target, move.sha256)
        source.unlink()


def copy(source: Path, target: Path, sha256: str) -> None:
    """Copy a file, look at what was written, and only then give it its name."""
    part = part_of(target, sha256)
    part.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)  # of a copy that was killed
    try:
        shutil.copyfile(source, part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        with suppress(OSError):  # some file systems keep no modes
            shutil.copystat(source, part)
        if sha256_of(part) != sha256:
            raise DeviceError(
                f"{source} and its copy differ",
                "look after that disk; nothing was lost",
                code="copy",
            )
        rename(part, target)
    finally:
        part.unlink(missing_ok=True)


def part_of(target: Path, sha256: str) -> Path:
    """Return the hidden name under which a copy is written."""
    return target.with_name(f".animekit-{sha256[:24]}.part")


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
    numbered = (path.with_name(f"{path.stem}.{number}{path.suffix}") for number in count(2))
    free = next(
        str(candidate)
        for candidate in chain([path], numbered)
        if one_name(str(candidate)) not in taken and not os.path.lexists(folder / candidate)
    )
    taken.add(one_name(free))
    return free


def tidy(folder: Path, names: Sequence[str]) -> None:
    """Take away the folders of some names below a folder, if nothing is left in them."""
    parents = {parent for name in names for parent in PurePosixPath(name).parents}
    for parent in sorted(parents, key=lambda path: -len(path.parts)):
        if parent.parts:
            with suppress(OSError):  # it is not empty, or is gone
                (folder / parent).rmdir()
