"""Files: written whole or not at all, hashed, and where caches lie."""

from __future__ import annotations

import errno
import functools
import hashlib
import math
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

import platformdirs

from animekit.errors import (
    AnimekitError,
    DeviceError,
    NetworkError,
    NotFoundError,
    UnusableError,
)
from animekit.text import clipped

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what a full disk, or a full quota, says
FREE = "free some space; the checkpoints written so far are whole"
ANOTHER = "give another path, or the right to use this one"
_SHORT_OF = {  # what the machine, or a disk, has no more of
    errno.EIO: "look after that disk: it does not answer",
    errno.ENXIO: "look after that disk: it does not answer",
    errno.ENODEV: "look after that disk: it does not answer",
    errno.ESTALE: "the disk of another machine went away: try again",
    errno.ETIMEDOUT: "the disk of another machine does not answer: try again",
    errno.EMFILE: "raise the limit of open files: ulimit -n 4096",
    errno.ENFILE: "close other programs: too many files are open",
    errno.ENOMEM: "close other programs",
    errno.ENOLCK: "the file system gives no locks: name a folder on another disk",
}
_HINTS = {
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ELOOP: "a link there leads to itself: give another path",
    errno.EROFS: "nothing can be written there: give another path",
}
Given = ParamSpec("Given")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]  # is told how many are done, and of how many


def refuse_full(folder: Path) -> None:
    """Raise UnusableError where a folder is already there and is not empty."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        reason = "is no folder"
    elif folder.is_dir() and any(folder.iterdir()):
        reason = "is not empty"
    else:
        return
    raise UnusableError(
        f"{folder} {reason}: nothing is ever overwritten",
        "name another folder, or move this one away",
        code="file.exists",
    )


def refuse_unwritable(folder: Path, hint: str = "give another path") -> Path:
    """Return what is there of a folder: it, or the nearest one above it.

    Raises UnusableError where the folder cannot be made or written in.
    """
    path = folder.absolute()
    top = next(place for place in (path, *path.parents) if os.path.lexists(place))
    if not top.is_dir():
        raise UnusableError(f"{top} is in the way: it is no folder", hint, code="path")
    if not os.access(top, os.W_OK | os.X_OK):
        raise UnusableError(f"cannot write to {top}: permission denied", hint, code="path")
    return top


def move(content: Path, folder: Path) -> Path:
    """Put an unpacked folder in its place by one rename."""
    refuse_full(folder)
    if folder.is_dir():
        folder.rmdir()
    return content.rename(folder)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def room_for(target: Path) -> Iterator[None]:
    """Make the folder of a file to be written; a full disk becomes DeviceError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise no_room(target, error.strerror or str(error)) from None


def no_room(target: Path, reason: str) -> DeviceError:
    """Return the error of a disk on which a file does not fit."""
    return DeviceError(
        f"no room for {target.name} in {target.parent}: {reason}",
        "free some space and repeat; ANIMEKIT_HOME moves the store to another disk",
        code="device.disk_full",
    )


def is_file(path: Path) -> bool:
    """Say whether a file is there; a name that no file can have is none."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for names of 300 letters


def cores() -> int:
    """Return how many cores this process may use, by affinity and quota."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return max(1, math.ceil(min(count, quota(Path("/sys/fs/cgroup")))))


def quota(top: Path) -> float:
    """Return how many cores a control group grants, infinity without a limit.

    `top` is where the kernel shows the groups, of version 2 or 1.
    """
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            words = " ".join((top / name).read_text("ascii") for name in names).split()
            granted, period = int(words[0]), int(words[1])
        except (OSError, ValueError, IndexError):  # "max", or no such file
            continue
        if granted > 0 and period > 0:
            return granted / period
    return math.inf


def as_error(
    error: OSError, hint: str | None = None, *, doing: str = "use", where: object = None
) -> AnimekitError:
    """Return what the system refused, in one line: here alone it becomes words.

    The exit code follows what is to be done: 3 where nothing is there, 6 where a disk or the system
    is at its end, 4 where another path would do. `doing` and `where` say what was tried on which
    file, as far as the error itself does not say it.
    """
    seen = _shown(error.filename2 or error.filename)
    place = _shown(where) or seen
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    words = f"cannot {doing} {place}: {reason}" if place else reason
    if error.errno in FULL:
        words = f"{reason} while writing {place}" if place else reason
        return DeviceError(words, hint or FREE, code="device.disk_full")
    if error.errno in _SHORT_OF:
        return DeviceError(words, hint or _SHORT_OF[error.errno], code="device.system")
    if isinstance(error, ConnectionError) and not place:
        return NetworkError(words, hint or "try again")
    if isinstance(error, FileExistsError):
        words = f"{seen} is in the way"
        words = f"cannot {doing} {place}: {words}" if where else words
        return UnusableError(words, hint or ANOTHER, code="file.exists")
    if isinstance(error, FileNotFoundError) and not where:
        words = f"there is no {place}" if place else reason
        return NotFoundError(words, hint or ANOTHER, code="path.not_found")
    return UnusableError(words, hint or _HINTS.get(error.errno or 0, ANOTHER), code="path")


def _shown(path: object) -> str:
    """Return a path as a message bears it; "" for none."""
    if path is None:
        return ""
    return clipped(os.fsdecode(path) if isinstance(path, bytes) else str(path), 250)


def as_name_error(error: ValueError) -> AnimekitError | None:
    """Return what it means that no file can have a name; None for another ValueError."""
    if isinstance(error, UnicodeEncodeError) and "surrogates" in error.reason:
        problem = "half a Unicode pair"
    elif "embedded null" in str(error):
        problem = "a NUL character"
    else:
        return None
    return UnusableError(f"a name holds {problem}", "give another path", code="path")


def in_words(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let a function raise AnimekitError where the system refuses a file or a name."""

    @functools.wraps(function)
    def call(*args: Given.args, **options: Given.kwargs) -> Result:
        try:
            return function(*args, **options)
        except OSError as error:
            if error.errno is None:  # of a library, which found something else wrong
                raise
            raise as_error(error) from error
        except ValueError as error:
            if (told := as_name_error(error)) is None:
                raise
            raise told from error

    return call


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Give a name beside a file to write to; it replaces the file if all went well.

    So there is never a part of it under its name. Of a link, the link goes, not its target.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomic(path: Path, data: str | bytes) -> None:
    """Write a file so that a reader or a crash sees the old content or the new."""
    with writing(path) as temporary, temporary.open("wb") as file:
        file.write(data.encode("utf-8") if isinstance(data, str) else data)
        file.flush()
        os.fsync(file.fileno())


def cache_dir() -> Path:
    """Return where packs and weights are kept.

    `ANIMEKIT_HOME`, else where the system keeps caches of users: on Linux
    `$XDG_CACHE_HOME/animekit`, else `~/.cache/animekit`.
    """
    if home := os.environ.get("ANIMEKIT_HOME"):
        return Path(home)
    return platformdirs.user_cache_path("animekit", appauthor=False)


def weights_dir() -> Path:
    """Return where `animekit models pull` keeps weights of others."""
    return cache_dir() / "weights"
