"""Execution: a script of somebody else's, run with limits of time, output and files.

This is no sandbox: a script may read what its user may. It gets a folder of its own, few variables
of the environment, no network where the system can cut it, and an end.
"""

from __future__ import annotations

import functools
import os
import secrets
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from animekit.errors import NotFoundError, UnusableError

KEPT = (
    *("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX"),
    *("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "NVIDIA_VISIBLE_DEVICES"),
)
"""What a script sees of the environment, beside a HOME and TMPDIR of its own."""
TOKEN = "ANIMEKIT_GRADE"
"""The variable by which processes are known that left the group of a script."""
SHOWN = 4_000  # bytes of the end of its output that are kept
POLL = 0.05  # seconds
MEASURE = 0.5  # seconds between two looks at what was written
PROBE = 10.0  # seconds in which the system says whether it can cut the network
_NAMESPACES = ("--user", "--net", "--pid", "--fork", "--kill-child")
_WAYS = (
    ("--map-current-user", "--mount-proc", *_NAMESPACES),
    ("--map-root-user", "--mount-proc", *_NAMESPACES),
    ("--map-root-user", *_NAMESPACES),
    ("--map-root-user", "--user", "--net"),
)
_LIMITED = 'ulimit -c 0; ulimit -f "$1"; shift; "$@"; exit $?'

Ended = Literal["done", "failed", "time", "size"]


@dataclass(frozen=True)
class ScriptLimits:
    """Seconds that a script may take, and bytes that it may write."""

    seconds: float = 600.0
    size: int = 2_000_000_000


@dataclass(frozen=True)
class Execution:
    """How a script ended: well, with a code, or at a limit; what it said last."""

    ended: Ended
    code: int | None
    seconds: float
    output: str

    def last_line(self) -> str:
        """Return the last line that it wrote, "" without any."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1] if lines else ""


def refuse_without_bash() -> None:
    """Raise an error where scripts cannot be run and stopped."""
    if os.name != "posix":
        raise UnusableError("scripts are run on Linux and macOS alone", "leave --run out there")
    if shutil.which("bash") is None:
        raise NotFoundError("there is no bash to run scripts with", "install bash, or leave --run")


@functools.cache
def offline() -> tuple[str, ...]:
    """Return the words before a command that cut its network, () where none can."""
    tool = shutil.which("unshare")
    for way in _WAYS if tool is not None else ():
        words = (str(tool), *way, "--")
        with suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run([*words, "true"], capture_output=True, timeout=PROBE, check=False)
            if done.returncode == 0:
                return words
    return ()


def execute(words: Sequence[str], folder: Path, spare: Path, limits: ScriptLimits) -> Execution:
    """Run a command in a folder until it ends or passes a limit; all of it ends.

    `spare` is an empty folder: its HOME and TMPDIR. What both hold in the end counts as written.
    """
    token = secrets.token_hex(16)
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env |= {"HOME": str(spare), "TMPDIR": str(spare), TOKEN: token}
    blocks = str(-(-limits.size // 1024))
    command = [*offline(), "bash", "-c", _LIMITED, "bash", blocks, *words]
    before = _written(folder, spare)
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    tail = bytearray()
    reader = threading.Thread(target=_drain, args=(process, tail), daemon=True)
    reader.start()
    try:
        stopped = _wait(process, began, limits, lambda: _written(folder, spare) - before)
    finally:
        _end(process, token)
    reader.join(timeout=1.0)
    seconds = time.monotonic() - began
    output = bytes(tail).decode("utf-8", "replace")
    ended = stopped or ("done" if process.returncode == 0 else "failed")
    return Execution(ended, None if stopped else process.returncode, seconds, output)


def _drain(process: subprocess.Popen[bytes], tail: bytearray) -> None:
    """Read all that a process writes, and keep the end of it."""
    assert process.stdout is not None
    with process.stdout, suppress(OSError, ValueError):
        while part := os.read(process.stdout.fileno(), 1 << 16):
            tail += part
            del tail[:-SHOWN]


def _wait(
    process: subprocess.Popen[bytes], began: float, limits: ScriptLimits, written: Callable[[], int]
) -> Ended | None:
    """Wait for the end; return which limit was passed, None if it ended by itself."""
    looked = began
    while process.poll() is None:
        now = time.monotonic()
        if now - began > limits.seconds:
            return "time"
        if now - looked > MEASURE:
            looked = now
            if written() > limits.size:
                return "size"
        time.sleep(POLL)
    return "size" if written() > limits.size else None


def _written(*folders: Path) -> int:
    """Return the bytes of all files below some folders; what goes away meanwhile is none."""
    total = 0
    for folder in folders:
        for place, _, names in os.walk(folder, onerror=None):
            for name in names:
                with suppress(OSError):
                    found = (Path(place) / name).lstat()
                    total += min(found.st_size, found.st_blocks * 512)
    return total


def _end(process: subprocess.Popen[bytes], token: str) -> None:
    """Kill what is left of a process, its group, and those that left the group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in _marked(token):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _marked(token: str) -> list[int]:
    """Return the processes that have a token in their environment, where the system shows it."""
    mark, found = f"{TOKEN}={token}".encode(), []
    for place in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in place.read_bytes():
                found.append(int(place.parent.name))
    return found
