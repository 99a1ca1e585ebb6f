"""Files: written whole or not at all, hashed, and where caches lie."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from animekit.errors import AnimekitError, DeviceError, UnusableError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what a full disk, or a full quota, says
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


def as_error(error: OSError, hint: str) -> AnimekitError:
    """Return what a failed move means to a user, in one line."""
    where = error.filename2 or error.filename
    reason = (error.strerror or str(error)).lower()
    if error.errno in FULL:
        words = f" while writing {where}" if where else ""
        return DeviceError(f"{reason}{words}", hint, code="device.disk_full")
    if isinstance(error, FileExistsError):
        return UnusableError(f"{where} is in the way", hint, code="file.exists")
    return UnusableError(f"cannot use {where}: {reason}" if where else reason, hint, code="path")


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
