"""The engine of one process among several, on Hugging Face Accelerate."""

from __future__ import annotations

import atexit
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from animekit.engines.engine import LocalEngine
from animekit.engines.processes import LOST, Rank, place, take_place
from animekit.errors import ConfigError, DeviceError
from animekit.text import install_hint

PATIENCE = timedelta(hours=4)
"""How long the others wait for one that packs data or judges pictures."""


class ManyEngine(LocalEngine):
    """The engine of one of several processes, which share each batch.

    They end each update with equal weights.

    Of Accelerate it takes the processes themselves: how they find each other, their devices, and
    their sums. Gradients are summed here, behind each update's one backward pass, in place of a
    wrapper: losses see the plain networks, and any penalty can be differentiated through them.
    """

    def __init__(self, device: torch.device, place: Rank, **options: Any) -> None:
        super().__init__(device, **options)
        self.place = place
        self.rank, self.world, self.is_main = place.rank, place.world, place.is_main
        try:
            import accelerate
            from accelerate.utils import InitProcessGroupKwargs
        except ImportError as error:
            raise ConfigError(
                f"{place.world} processes need accelerate, which is not installed ({error})",
                install_hint("distributed"),
                code="distributed.missing",
            ) from None
        take_place()
        with self._talking():
            self._accelerator = accelerate.Accelerator(
                cpu=device.type == "cpu",
                mixed_precision="no",
                kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
            )
        atexit.register(self.end)

    def facts(self) -> dict[str, Any]:
        """Return what it is, for config.json."""
        return super().facts() | {"processes": self.world}

    def average_gradients(self, parameters: Iterable[Parameter]) -> None:
        """Replace the gradients by their means over processes."""
        for grads in _by_kind(each.grad for each in parameters):
            flat = torch.cat([grad.flatten() for grad in grads])
            flat = self.total(flat).div_(self.world)
            pieces = flat.split([grad.numel() for grad in grads])
            for grad, piece in zip(grads, pieces, strict=True):
                grad.copy_(piece.view(grad.shape))

    def total(self, value: Tensor) -> Tensor:
        """Return the sum over processes."""
        with self._talking():
            summed: Tensor = self._accelerator.reduce(value.detach().clone(), "sum")
        return summed

    def gather(self, value: Tensor) -> Tensor:
        """Return the values of all processes, along the first axis."""
        with self._talking():
            gathered: Tensor = self._accelerator.gather(value.detach().contiguous())
        return gathered

    def all_reduce_mean(self, value: Tensor) -> Tensor:
        """Return the mean over processes."""
        return self.total(value) / self.world

    def agree(self, values: Sequence[float]) -> list[float]:
        """Return the largest of each value over processes."""
        here = torch.tensor(values, dtype=torch.float64, device=self.device)
        found: list[float] = self.gather(here[None]).amax(0).tolist()
        return found

    def from_main(self, value: Any) -> Any:
        """Return the first process's value, which is plain."""
        from accelerate.utils import broadcast_object_list

        with self._talking():
            return broadcast_object_list([value], from_process=0)[0]

    def of_all(self, value: Any) -> list[Any]:
        """Return the plain values of all processes."""
        from accelerate.utils import gather_object

        with self._talking():
            return list(gather_object([value]))

    def barrier(self) -> None:
        """Wait for every process."""
        self.total(torch.zeros(1, device=self.device))

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """Let the first process of each machine go through the block before the others."""
        if self.place.local:
            self.barrier()
        try:
            yield
        finally:
            if not self.place.local:
                self.barrier()

    def end(self) -> None:
        """Leave the others."""
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """Say in one line that another process is gone."""
        try:
            yield
        except (RuntimeError, ValueError, torch.distributed.DistError) as error:
            raise DeviceError(
                f"{self.place} lost the others: {_reason(error)}",
                "its checkpoints are whole; start them again with --resume RUN",
                code=LOST,
            ) from error


def _reason(error: BaseException) -> str:
    """Return why, in the few words of it that are about the connection."""
    found = re.search(r"connection \w+(?: by peer)?|timed out", str(error), re.IGNORECASE)
    if found is not None:
        return found[0].lower()
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _by_kind(grads: Iterable[Tensor | None]) -> list[list[Tensor]]:
    """Return the gradients that there are, those of one type together."""
    found: dict[torch.dtype, list[Tensor]] = {}
    for grad in grads:
        if grad is not None:
            found.setdefault(grad.dtype, []).append(grad)
    return list(found.values())


def start(device: torch.device, **options: Any) -> LocalEngine:
    """Return the engine of this process, be it alone or one of several.

    Each of several has its own GPU; they need accelerate, else ConfigError. `options` are those of
    LocalEngine.
    """
    here = place()
    if here.world == 1:
        return LocalEngine(device, **options)
    if device.type != "cuda":
        return ManyEngine(device, here, **options)
    cards = torch.cuda.device_count()
    if here.local >= cards:
        raise ConfigError(
            f"{here} needs a GPU of its own, and this machine has {cards}",
            f"start {cards} on each machine, or add --device cpu",
        )
    return ManyEngine(torch.device("cuda", here.local), here, **options)
