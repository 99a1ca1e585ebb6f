"""Devices: which one computes, how precisely, on how many threads."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from animekit import plugins
from animekit.errors import DeviceError, UsageError
from animekit.files import cores

Precision = Literal["auto", "fp32", "bf16", "fp64"]
CROWDED = 0.35  # share of the cores that others take, from which on it is worth a word
WINDOW, STALE = 0.3, 60.0  # seconds over which it is looked at, at least, and for which it holds


def choose_device(name: str) -> torch.device:
    """Return the device of a name: auto, cpu, cuda, cuda:1, or 1 alone.

    A device that was asked for and is not there is a DeviceError, never a silent CPU run.
    """
    if name == "cpu":
        return torch.device("cpu")
    if name == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    number = "0" if name == "cuda" else name.removeprefix("cuda:")
    if not (number.isascii() and number.isdecimal()):
        raise DeviceError(
            f'--device "{name}" is not a device', "use --device auto, cpu, cuda, or cuda:1"
        )
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(number) >= count:
        built = f"torch {torch.__version__} sees {count or 'no'} CUDA device{'s' * (count != 1)}"
        others = f", or cuda:0 to cuda:{count - 1}" if count else ""
        raise DeviceError(
            f"no CUDA device {number}: {built}",
            f"use --device cpu, or --device auto{others}",
            code="device.no_cuda",
        )
    return torch.device("cuda", int(number))


def choose_precision(precision: Precision, device: torch.device) -> Literal["fp32", "bf16", "fp64"]:
    """Return what was asked for; auto is bf16 where hardware multiplies it itself."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp32"
    return "bf16" if native_bf16() else "fp32"


def native_bf16() -> bool:
    """Say whether this CPU has bfloat16 instructions: AVX512, AMX or ARM's."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    words = set(text.split())
    return bool(words & {"avx512_bf16", "amx_bf16", "bf16", "avx_ne_convert"})


def thread_count(count: int | None) -> int:
    """Return the CPU threads for --threads: by default one a free core.

    Threads wait for each other at every layer. One that shares its core comes last each time, and
    two beside two busy loops can take four times as long as one alone.
    """
    if count is not None and count < 1:
        raise UsageError(f"{count} threads cannot compute", "--threads 1 or more, or leave it out")
    if count is None and "OMP_NUM_THREADS" not in os.environ:
        count = CROWD.free_cores()
    return count or torch.get_num_threads()


@contextlib.contextmanager
def threads(count: int | None) -> Iterator[int]:
    """Use this many threads within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(thread_count(count))
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


@dataclass
class OtherWork:
    """How much of the processor other programs took since this was asked last."""

    stat: Path = Path("/proc/stat")
    busy: float = field(init=False)
    all: float = field(init=False)
    own: float = field(init=False)

    def __post_init__(self) -> None:
        self.busy, self.all, self.own = self._seconds()

    def share(self) -> float | None:
        """Return their share of the cores that we may use, None where that is not known."""
        before = self.busy, self.all, self.own
        self.busy, self.all, self.own = self._seconds()
        busy, total, own = (
            now - then for now, then in zip((self.busy, self.all, self.own), before, strict=True)
        )
        return None if total <= 0 else min(1.0, max(0.0, busy - own) / total)

    def warning(self) -> str | None:
        """Return what a person should know where others take much of the processor."""
        share = self.share()
        if share is None or share < CROWDED:
            return None
        return f"other programs take {100 * share:.0f} % of the processor, so that this goes slower"

    def _seconds(self) -> tuple[float, float, float]:
        """Return seconds that the cores worked, that passed on them, and that we worked."""
        spent = os.times()
        own = spent.user + spent.system + spent.children_user + spent.children_system
        try:
            lines = self.stat.read_text("ascii").splitlines()
            ours = {f"cpu{number}" for number in os.sched_getaffinity(0)}
            rows = [line.split() for line in lines if line.partition(" ")[0] in ours]
            ticks = [list(map(int, row[1:9])) for row in rows]  # guests are in user and nice
            second = os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError, AttributeError):  # no Linux
            return 0.0, 0.0, own
        idle = sum(row[3] + row[4] for row in ticks)  # idle, and waiting for a disk
        total = sum(map(sum, ticks))
        return (total - idle) / second, total / second, own


SINCE_START = OtherWork()


@dataclass
class Crowd:
    """How many cores other programs leave to us; looked at again in a minute."""

    work: OtherWork = field(default_factory=OtherWork)
    since: float = field(default_factory=time.monotonic)
    free: int | None = None

    def free_cores(self) -> int:
        """Return the number of cores that others hardly use, one at least."""
        window = time.monotonic() - self.since
        if self.free is None or window > STALE:
            time.sleep(max(0.0, WINDOW - window))  # the clock of the cores ticks in 10 ms
            share, count = self.work.share(), cores()
            crowded = share is not None and share >= CROWDED
            self.free = max(1, round(count * (1 - share))) if share and crowded else count
            self.since = time.monotonic()
        return self.free


CROWD = Crowd()


def physical_memory() -> int | None:
    """Return the bytes of this machine's memory, None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no such call
        return None


def environment() -> dict[str, Any]:
    """Return what the machine is, for config.json: versions and processor."""
    import torch

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "plugin_group": plugins.GROUP,
    }
