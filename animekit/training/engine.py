"""The loop's only view of hardware: device, precision, compilation, and one or many processes."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from animekit.device import Arithmetic, autocast
from animekit.nn.convolutions import choose_kernels

M = TypeVar("M", bound=nn.Module)


class Engine(Protocol):
    """What the loop asks of hardware, be it one process or many."""

    device: torch.device
    rank: int
    world: int
    is_main: bool

    def setup(self, module: M, optimizer: Optimizer | None = None) -> M:
        """Bring a module to the device and, with many processes, wrap it."""

    def raw(self, module: M) -> M:
        """Return the module without its wrapper."""

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss."""

    def no_sync(self, module: nn.Module) -> AbstractContextManager[None]:
        """Keep gradients local while accumulating."""

    def autocast(self) -> AbstractContextManager[Any]:
        """Run the block in the engine's precision."""

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a compiled form of a function, or the function itself."""

    def all_reduce_mean(self, value: Tensor) -> Tensor:
        """Return the mean over processes."""

    def gather(self, value: Tensor) -> Tensor:
        """Return the values of all processes, along the first axis."""

    def barrier(self) -> None:
        """Wait for every process."""

    def sync_buffers(self, module: nn.Module) -> None:
        """Average the floating-point buffers over processes."""


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

    def setup(self, module: M, optimizer: Optimizer | None = None) -> M:
        """Bring a module to the device, in the order and with the kernels asked for."""
        if self.products:
            choose_kernels(module)
        if self.channels_last:
            # Spectral norm hides the weight in a parametrisation of the same shape: safe too.
            return module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return module.to(self.device)

    def raw(self, module: M) -> M:
        """Return the module itself."""
        return module

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss."""
        loss.backward()

    def no_sync(self, module: nn.Module) -> AbstractContextManager[None]:
        """Do nothing: one process has nothing to keep apart."""
        return contextlib.nullcontext()

    def autocast(self) -> AbstractContextManager[Any]:
        """Run the block in half precision where that was asked for."""
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

    def all_reduce_mean(self, value: Tensor) -> Tensor:
        """Return the value."""
        return value

    def gather(self, value: Tensor) -> Tensor:
        """Return the value."""
        return value

    def barrier(self) -> None:
        """Do nothing."""

    def sync_buffers(self, module: nn.Module) -> None:
        """Do nothing."""
