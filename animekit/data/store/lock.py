"""One builder of a packed store: others that want the same one wait for it, and use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from animekit.files import Progress

LOCKS = "locks"
"""The folder beside the stores that holds a lock for each one that is being built."""
AGAIN_SECONDS = 0.5


@contextmanager
def one_builder(
    target: Path, temporary: str, total: int, row_bytes: int, progress: Progress | None
) -> Iterator[None]:
    """Hold the lock of a store that is to be built; wait for another builder.

    The lock goes with the process that holds it, however that ends. While another one builds, what
    it has written so far is told as progress: `temporary` is how the names of the folders begin in
    which this store is built. Where the disk has no locks, nobody waits.
    """
    path = target.parent / LOCKS / target.name
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while not _taken(lock):
            if progress is not None:
                progress(min(_built(target.parent, temporary) // row_bytes, total), total)
    except (OSError, NotImplementedError):
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):
            path.parent.rmdir()


def _taken(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=AGAIN_SECONDS)
    except Timeout:
        return False
    return True


def _built(root: Path, temporary: str) -> int:
    """Return the bytes of pixels that were written so far."""
    found = 0
    for path in root.glob(f"{temporary}*/images*.npy"):
        with suppress(OSError):
            found += path.stat().st_size
    return found
