"""Devices: which one computes, how precisely, on how many threads, in how much memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from animekit import plugins
from animekit.errors import DeviceError, UsageError
from animekit.files import cores
from animekit.text import size

Arithmetic = Literal["fp32", "bf16", "fp16", "fp64"]
Precision = Literal["auto", "fp32", "bf16", "fp16", "fp64"]
HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}
TENSOR_CORES, NATIVE_BF16 = (7, 0), (8, 0)  # of CUDA: which generations have them
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
SHARE = 0.8  # of the free memory that a step may take
TOO_MUCH = re.compile("not enough memory|out of memory|can't allocate memory")
CROWDED = 0.35  # share of the cores that others take, from which on it is worth a word
MEMINFO, CGROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")
WINDOW, STALE = 0.3, 60.0  # seconds over which it is looked at, at least, and for which it holds


def choose_device(name: str) -> torch.device:
    """Return the device of a name: auto, cpu, mps, cuda, cuda:1, or 1 alone.

    auto is the first of CUDA, MPS and the CPU that is there. A device that was asked for and is
    not there is a DeviceError, never a silent CPU run.
    """
    if name == "cpu":
        return torch.device("cpu")
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if name == "mps":
        if torch.backends.mps.is_available():
            return torch.device("mps")
        raise DeviceError(
            f"no MPS device: torch {torch.__version__} sees no GPU of Apple's",
            "use --device cpu, or --device auto",
            code="device.no_mps",
        )
    number = "0" if name == "cuda" else name.removeprefix("cuda:")
    if not (number.isascii() and number.isdecimal()):
        raise DeviceError(
            f'--device "{name}" is not a device', "use --device auto, cpu, cuda, cuda:1 or mps"
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


def choose_precision(precision: Precision, device: torch.device) -> Arithmetic:
    """Return what was asked for; auto is what the hardware multiplies natively.

    That is bf16, on GPUs of before 2020 fp16, and fp32 on MPS and processors without bfloat16.
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        generation = torch.cuda.get_device_capability(device)
        if generation >= NATIVE_BF16:
            return "bf16"
        return "fp16" if generation >= TENSOR_CORES else "fp32"
    return "bf16" if device.type == "cpu" and native_bf16() else "fp32"


def autocast(device: torch.device, precision: Arithmetic) -> contextlib.AbstractContextManager[Any]:
    """Compute in half precision where that was chosen; weights stay float32."""
    half = HALVES.get(precision)
    return torch.autocast(device.type, dtype=half or torch.bfloat16, enabled=half is not None)


@contextlib.contextmanager
def tuned(device: torch.device, precision: Arithmetic) -> Iterator[None]:
    """Let a device be as fast as it can be without changing what fp32 computes.

    On CUDA, in half precision alone, what is left in float32 is multiplied as TF32, and cuDNN
    tries its convolutions out. On a CPU no bit changes: freed memory is kept for the next step.
    """
    if device.type == "cpu":
        with kept_pages():
            yield
        return
    if device.type != "cuda" or precision == "fp32":
        yield
        return
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.benchmark = before[1]


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


@contextlib.contextmanager
def kept_pages() -> Iterator[None]:
    """Let glibc keep freed memory within the block; other C libraries do as they do.

    Else a large tensor is a mapping of its own, whose pages the kernel clears again in each step.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is None:
        yield
        return
    mallopt(M_MMAP_THRESHOLD, 1 << 30)
    mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)
    try:
        yield
    finally:  # where its own rule ends once something large was freed
        mallopt(M_MMAP_THRESHOLD, 32 << 20)
        mallopt(M_TRIM_THRESHOLD, 64 << 20)
        ctypes.CDLL(None).malloc_trim(0)


def memory(device: torch.device) -> tuple[int, int] | None:
    """Return free and all bytes of a device's memory, None where that is unknown."""
    if device.type == "cuda":
        free, everything = torch.cuda.mem_get_info(device)
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + kept, everything
    if device.type == "mps":
        most = torch.mps.recommended_max_memory()
        return max(0, most - torch.mps.driver_allocated_memory()), most
    try:
        rows = dict(line.split(":") for line in MEMINFO.read_text("ascii").splitlines())
        free, everything = (int(rows[key].split()[0]) << 10 for key in ("MemAvailable", "MemTotal"))
    except (KeyError, OSError, ValueError):
        return None
    try:  # of a container; where it has no limit that is the word max
        limit, taken = (
            int((CGROUP / name).read_text("ascii")) for name in ("memory.max", "memory.current")
        )
    except (OSError, ValueError):
        return free, everything
    return min(free, max(0, limit - taken)), min(everything, limit)


def memory_words(device: torch.device) -> str:
    """Return what was taken of a device's memory, and what is free, in words."""
    room = memory(device)
    free = "" if room is None else f", {size(room[0])} of {size(room[1])} are free"
    if device.type == "cuda":
        return f"tensors took {size(torch.cuda.max_memory_allocated(device))} at most{free}"
    if device.type == "mps":
        return f"tensors take {size(torch.mps.driver_allocated_memory())}{free}"
    if platform.system() == "Windows":
        return f"what was taken is not known{free}"
    import resource  # which Windows does not have

    unit = 1 if platform.system() == "Darwin" else 1024
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return f"this process took {size(taken)} at most{free}"


def fitting_batch(took: dict[int, int], free: int, most: int) -> tuple[int, int]:
    """Return the largest power of two of images that fits, and what its step takes.

    `took` has the bytes of two steps by their images; a step grows evenly with those. At least
    one image is taken, whether it fits or not.

    >>> fitting_batch({4: 140, 8: 180}, free=1000, most=256)
    (64, 740)
    """
    (few, little), (many, much) = sorted(took.items())
    each = max(0, (much - little) / (many - few))
    fixed = little - each * few
    batch = 1
    while 2 * batch <= most and fixed + 2 * batch * each <= SHARE * free:
        batch *= 2
    return batch, int(fixed + batch * each)


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether a device, or the machine, had no memory left."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and bool(TOO_MUCH.search(str(error)))


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
