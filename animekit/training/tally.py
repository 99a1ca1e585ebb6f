"""What is added up: losses, measures and times between two reports, the memory of a step."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from animekit.models.base import Losses

TRIED = (2, 4)
"""Images of the two steps that are measured for batch_size=auto."""
RARE = 720_720  # a step that every interval up to 16 divides


class Stopwatch:
    """Adds up the time of named parts between two reports.

    What a GPU does is timed there, by events in its own queue, so that no step waits: its parts and
    those of the CPU go on side by side, and their shares can add up to more than one.
    """

    def __init__(self, device: torch.device) -> None:
        self.on_gpu = device.type == "cuda"
        self._begin()

    def _begin(self) -> None:
        self._since = time.perf_counter()
        self._seconds: dict[str, float] = {}
        self._events: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def part(self, name: str, *, on_device: bool = False) -> Iterator[None]:
        """Count the time of the block to a part; `on_device` where a GPU does the work."""
        if on_device and self.on_gpu:
            first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            first.record()
            yield
            last.record()
            self._events.append((name, first, last))
            return
        start = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - start
            self._seconds[name] = self._seconds.get(name, 0.0) + took

    def shares(self) -> dict[str, float]:
        """Return the share of each part in the time since the last call; begin anew."""
        if self._events:
            self._events[-1][2].synchronize()
        for name, first, last in self._events:
            seconds = first.elapsed_time(last) / 1000
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds
        whole = max(time.perf_counter() - self._since, 1e-9)
        found = {name: seconds / whole for name, seconds in self._seconds.items()}
        self._begin()
        return found


@dataclass
class Stats:
    """Sums of loss terms between two reports, on the device: no step waits."""

    sums: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, phase: str, losses: Losses) -> None:
        """Add the terms of one update of a phase."""
        for name, value in losses.items():
            key = f"{phase}/{name}"
            value = value.detach().float()
            self.sums[key] = self.sums[key] + value if key in self.sums else value.clone()
            self.counts[key] = self.counts.get(key, 0) + 1

    def means(self, over: Callable[[Tensor], Tensor] | None = None) -> dict[str, float]:
        """Return the mean of each term, with one transfer, and begin anew.

        `over` takes the sums of this process to their mean over all.
        """
        if not self.sums:
            return {}
        sums = torch.stack(list(self.sums.values()))
        values = (sums if over is None else over(sums)).tolist()
        means = {
            key: value / self.counts[key] for key, value in zip(self.sums, values, strict=True)
        }
        self.sums, self.counts = {}, {}
        return means


def memory_by_batch(stepper: Callable[[int], Any], device: torch.device) -> dict[int, int]:
    """Return the most bytes that a training holds, by the images in its batch.

    `stepper` makes one of so many; in its steps everything that is rare is due.
    """

    def steps(batch: int) -> None:
        made = stepper(batch)
        for _ in range(2):  # the first one makes the optimisers' moments
            made.done = RARE - 1
            made.step()

    return {batch: peak_memory(partial(steps, batch), device) for batch in TRIED}


def peak_memory(work: Callable[[], object], device: torch.device) -> int:
    """Do work, and return how many bytes of new tensors it held at most.

    On MPS, which keeps no peak, it is what it holds in the end.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        return torch.cuda.max_memory_allocated(device) - before
    if device.type == "mps":
        before = torch.mps.driver_allocated_memory()
        work()
        return max(0, torch.mps.driver_allocated_memory() - before)
    with _Held() as held:
        work()
    return held.most


class _Held(TorchDispatchMode):
    """Adds up the tensors that are made within the block and not yet gone."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._alive: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for each in tree_leaves(made):
            if isinstance(each, torch.Tensor):
                self._see(each.untyped_storage())
        return made

    def _see(self, storage: torch.UntypedStorage) -> None:
        key, count = storage._cdata, storage.nbytes()
        if key in self._alive:
            return

        def gone(_: object) -> None:
            del self._alive[key]
            self.now -= count

        self._alive[key] = weakref.ref(storage, gone)
        self.now += count
        self.most = max(self.most, self.now)
