"""The loop's only view of hardware: device, precision, compilation, and one or many processes."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from animekit.device import Arithmetic, autocast

M = TypeVar("M", bound=nn.Module)


@contextlib.contextmanager
def _float64() -> Iterator[None]:
    """Make the block's new numbers float64: random ones, and constants."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


class Engine(Protocol):
    """What the loop asks of hardware, be it one process or many."""

    device: torch.device
    rank: int
    world: int
    is_main: bool

    def setup(self, module: M) -> M:
        """Bring a module to the device and into the engine's precision."""

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss."""

    def average_gradients(self, parameters: Iterable[Parameter]) -> None:
        """Replace the gradients by their means over processes."""

    def autocast(self) -> AbstractContextManager[Any]:
        """Run the block in the engine's precision."""

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a compiled form of a function, or the function itself."""

    def total(self, value: Tensor) -> Tensor:
        """Return the sum over processes."""

    def all_reduce_mean(self, value: Tensor) -> Tensor:
        """Return the mean over processes."""

    def gather(self, value: Tensor) -> Tensor:
        """Return the values of all processes, along the first axis."""

    def agree(self, values: Sequence[float]) -> list[float]:
        """Return the largest of each value over processes."""

    def from_main(self, value: Any) -> Any:
        """Return the first process's value, which is plain."""

    def of_all(self, value: Any) -> list[Any]:
        """Return the plain values of all processes."""

    def barrier(self) -> None:
        """Wait for every process."""

    def main_first(self) -> AbstractContextManager[None]:
        """Let the first process of each machine go through the block before the others."""

    def end(self) -> None:
        """Leave the other processes."""


class LocalEngine:
    """The engine of one process."""

    rank, world, is_main = 0, 1, True

    def __init__(
        self,
        device: torch.device,
        *,
        precision: Arithmetic = "fp32",
        channels_last: bool = True,
        compiled: bool = False,
        graphs: bool = False,
        products: bool = False,
        threads: int | None = None,
    ) -> None:
        self.device = device
        self.threads = threads
        self.precision = precision
        self.channels_last = channels_last
        self.products = products
        self.compiled, self.graphs = compiled, graphs and device.type == "cuda"

    def setup(self, module: M) -> M:
        """Bring a module to the device, in channels-last order where that was asked for."""
        if self.precision == "fp64":
            module = module.double()
        if self.channels_last:
            # Spectral norm hides the weight in a parametrisation of the same shape: safe too.
            return module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return module.to(self.device)

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss."""
        loss.backward()

    def average_gradients(self, parameters: Iterable[Parameter]) -> None:
        """Do nothing: they are those of the whole batch."""

    @property
    def dtype(self) -> torch.dtype:
        """What weights and images are made of."""
        return torch.float64 if self.precision == "fp64" else torch.float32

    def facts(self) -> dict[str, Any]:
        """Return what it is, for config.json."""
        found = {"device": str(self.device), "precision": self.precision, "compile": self.compiled}
        found["convolutions"] = "products" if self.products else "torch"
        return found | {"threads": self.threads}

    def autocast(self) -> AbstractContextManager[Any]:
        """Run the block in half precision, or in float64, where that was asked for."""
        if self.precision == "fp64":
            return _float64()
        return autocast(self.device, self.precision)

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a compiled form with the eager random numbers, or the function itself."""
        if not self.compiled:
            return function
        import torch._inductor.config as inductor

        inductor.fallback_random = True  # same draws as eager: a resumed run may be either
        options: dict[str, Any] = {"dynamic": False}  # one shape a run; guessing others can crash
        if "isolate_recompiles" in inspect.signature(torch.compile).parameters:
            # else all models of a process share one limit on the number of programs
            options["isolate_recompiles"] = True
        if self.graphs:
            options["mode"] = "reduce-overhead"  # CUDA graphs
        return torch.compile(function, **options)

    def total(self, value: Tensor) -> Tensor:
        """Return the value."""
        return value

    def all_reduce_mean(self, value: Tensor) -> Tensor:
        """Return the value."""
        return value

    def gather(self, value: Tensor) -> Tensor:
        """Return the value."""
        return value

    def agree(self, values: Sequence[float]) -> list[float]:
        """Return the values."""
        return list(values)

    def from_main(self, value: Any) -> Any:
        """Return the value."""
        return value

    def of_all(self, value: Any) -> list[Any]:
        """Return the value as the only one."""
        return [value]

    def barrier(self) -> None:
        """Do nothing."""

    def main_first(self) -> AbstractContextManager[None]:
        """Do nothing."""
        return contextlib.nullcontext()

    def end(self) -> None:
        """Do nothing."""
