"""The lock of a run folder: two trainers in one would destroy it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import filelock

from animekit.errors import UnusableError
from animekit.runs.run import Run


def lock(run: Run) -> AbstractContextManager[Any]:
    """Return the held lock of a run; UnusableError where another process has it."""
    try:
        return filelock.FileLock(run.path / ".lock").acquire(timeout=0)
    except filelock.Timeout:
        raise UnusableError(
            f"run {run.id} is being trained by another process", "wait for it, or stop it first"
        ) from None
