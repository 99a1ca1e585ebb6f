"""Devices: which one computes, how precisely, on how many threads."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import torch

from animekit import plugins
from animekit.errors import DeviceError

Precision = Literal["auto", "fp32", "bf16"]


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


def choose_precision(precision: Precision, device: torch.device) -> Literal["fp32", "bf16"]:
    """Return fp32 or bf16; auto is bf16 where the hardware multiplies it natively."""
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
    """Return the CPU threads for --threads: by default one a core that we may use."""
    if count is None and "OMP_NUM_THREADS" not in os.environ and hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
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
