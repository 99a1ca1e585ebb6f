"""Memory of a device: what is free, what a step takes, and the batch that fits."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from animekit import device as devices
from animekit.device import (
    fitting_batch,
    is_out_of_memory,
    memory,
    memory_words,
    tuned,
)
from animekit.training.tally import peak_memory

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda", 0), torch.device("mps")
MB = 1 << 20


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let a folder tell what is free: 6 GB of 8, of a group without a limit."""
    (tmp_path / "meminfo").write_text("MemTotal: 8388608 kB\nMemAvailable:  6291456 kB\n")
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("12345\n")
    monkeypatch.setattr(devices, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(devices, "CGROUP", tmp_path)
    return tmp_path


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let torch speak as if there were GPUs; the list has what was asked of them."""
    asked: list[str] = []
    told: dict[str, Any] = {
        "mem_get_info": (2000 * MB, 8000 * MB),
        "memory_reserved": 500 * MB,
        "memory_allocated": 100 * MB,
        "max_memory_allocated": 700 * MB,
        "reset_peak_memory_stats": None,
    }
    for name, value in told.items():
        monkeypatch.setattr(
            torch.cuda,
            name,
            lambda place=None, name=name, value=value: (asked.append(name), value)[1],
        )
    held = iter([1000 * MB, 1300 * MB, 1300 * MB])
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 5000 * MB)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: next(held))
    return asked


def test_free_memory_is_what_the_system_tells(machine: Path) -> None:
    assert memory(CPU) == (6 << 30, 8 << 30)


def test_a_container_has_its_own_limit(machine: Path) -> None:
    (machine / "memory.max").write_text(str(2 << 30))
    (machine / "memory.current").write_text(str(1 << 30))
    assert memory(CPU) == (1 << 30, 2 << 30)


@pytest.mark.parametrize("text", [None, "", "MemTotal: much\n", "\xff"])
def test_a_system_that_does_not_tell_is_not_guessed_at(machine: Path, text: str | None) -> None:
    if text is None:
        (machine / "meminfo").unlink()
    else:
        (machine / "meminfo").write_text(text, "latin-1")
    assert memory(CPU) is None
    assert "free" not in memory_words(CPU)


@pytest.mark.usefixtures("gpus")
def test_what_torch_keeps_of_a_gpu_is_free_too() -> None:
    assert memory(CUDA) == (2400 * MB, 8000 * MB)
    assert memory(MPS) == (4000 * MB, 5000 * MB)


@pytest.mark.usefixtures("machine")
def test_memory_in_words_says_what_was_taken_and_what_is_free(gpus: list[str]) -> None:
    assert memory_words(CUDA) == "tensors took 734 MB at most, 2.5 GB of 8.4 GB are free"
    assert memory_words(MPS) == "tensors take 1.4 GB, 4.2 GB of 5.2 GB are free"
    words = memory_words(CPU)
    assert words.startswith("this process took ") and words.endswith("6.4 GB of 8.6 GB are free")


def test_the_peak_is_what_was_held_at_once() -> None:
    kept = torch.ones(MB)  # of before: it does not count

    def work() -> None:
        for _ in range(3):  # 4 MB each, and gone again
            torch.zeros(MB).add_(kept)
        first = torch.zeros(MB)
        second = first + 1
        first.view(2, -1).mul_(second.view(2, -1))  # views and changes in place take nothing

    assert peak_memory(work, CPU) == 8 * MB


def test_the_peak_counts_what_backward_makes() -> None:
    weight = torch.ones(MB, requires_grad=True)
    peak = peak_memory(lambda: (weight * weight).sum().backward(), CPU)
    assert 8 * MB <= peak <= 17 * MB


def test_the_peak_of_a_gpu_is_what_its_allocator_says(gpus: list[str]) -> None:
    done: list[int] = []
    assert peak_memory(lambda: done.append(1), CUDA) == 600 * MB
    assert gpus[0] == "reset_peak_memory_stats" and done == [1]
    assert peak_memory(lambda: done.append(1), MPS) == 300 * MB


@pytest.mark.parametrize(
    ("free", "most", "batch"),
    [
        (10_000, 64, 64),
        (10_000, 200, 128),
        (1_000, 64, 64),
        (500, 64, 16),
        (200, 64, 4),
        (1, 64, 1),
    ],
)
def test_the_batch_that_fits_is_the_largest_power_of_two(free: int, most: int, batch: int) -> None:
    took = {2: 120, 4: 140}  # 100, and 10 an image: of 64 images it is 740
    assert fitting_batch(took, free, most) == (batch, 100 + 10 * batch)


def test_a_step_that_takes_no_more_for_more_images_fits_as_often_as_is_sensible() -> None:
    assert fitting_batch({2: 120, 4: 110}, 1000, 64) == (64, 120)


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_a_full_memory_is_known_by_what_torch_says(error: Exception, is_it: bool) -> None:
    assert is_out_of_memory(error) is is_it


@pytest.mark.parametrize(
    ("device", "precision", "quick"),
    [(CUDA, "bf16", True), (CUDA, "fp16", True), (CUDA, "fp32", False), (CPU, "bf16", False)],
)
def test_only_half_precision_on_cuda_takes_quicker_algorithms(
    device: torch.device, precision: Any, quick: bool
) -> None:
    def seen() -> SimpleNamespace:
        return SimpleNamespace(
            matmul=torch.get_float32_matmul_precision(), tries=torch.backends.cudnn.benchmark
        )

    before = seen()
    with tuned(device, precision):
        assert seen() == (SimpleNamespace(matmul="high", tries=True) if quick else before)
    assert seen() == before
