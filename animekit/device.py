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


def choose_device(gpu: str) -> torch.device:
    """Return the device for --gpu: auto, cpu, or the number of a CUDA device.

    A device that was asked for and is not there is a DeviceError, never a silent CPU run.
    """
    if gpu == "cpu":
        return torch.device("cpu")
    if gpu == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    if not gpu.isdecimal():
        raise DeviceError(f'--gpu "{gpu}" is not a device', "use --gpu auto, cpu, or 0, 1, ...")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(gpu) >= count:
        built = f"torch {torch.__version__} sees {count or 'no'} CUDA device{'s' * (count != 1)}"
        hint = "use --gpu cpu, or --gpu auto" + (f", or --gpu 0 to {count - 1}" if count else "")
        raise DeviceError(f"no CUDA device {gpu}: {built}", hint, code="device.no_cuda")
    return torch.device("cuda", int(gpu))


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
