"""A batch in parts: what each process holds of it, one after the other, and what they add up to.

Every part begins with the same state, and what it leaves behind is averaged: gradients, and moved
buffers such as running statistics. Sums are taken in pairs, in the order of the parts, so that it
makes no bit of difference which process took which of a power of two of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import Parameter

from animekit.engines.engine import Engine
from animekit.engines.whole import Share, shared
from animekit.errors import ConfigError

B = TypeVar("B")
Tensors = list[Tensor]


def shares_of(engine: Engine, batch: int, accumulate: int) -> list[Share]:
    """Return the shares of a batch that this process takes, one after the other.

    The batch falls into `accumulate` parts. Where there are some for each process, it takes them
    whole; else all processes share each part. Raises ConfigError where they are not equally large.
    """
    world, parts = engine.world, accumulate
    alone = parts % world == 0
    whole = parts if alone else world * parts
    if batch % whole:
        among = f"{parts} parts" if parts > 1 else f"{world} processes"
        among += f" on {world} processes" if world > 1 < parts else ""
        raise ConfigError(
            f"a batch of {batch} does not fall into {among} of equal size",
            f"--batch-size {max(1, round(batch / whole)) * whole}",
        )
    if alone:
        own = parts // world
        turns = range(engine.rank * own, (engine.rank + 1) * own)
        return [Share(batch // parts, engine, part=turn, parts=parts) for turn in turns]
    rows = batch // (world * parts)
    return [Share(rows, engine, engine.rank, world, turn, parts) for turn in range(parts)]


def rows_of(shares: Sequence[Share], batch: int) -> np.ndarray | None:
    """Return which rows of a batch this process holds, by share; None: all of them."""
    if len(shares) == 1 and shares[0].stride == 1:
        return None
    return np.concatenate([np.arange(each.first, batch, each.stride) for each in shares])


class Sums:
    """Sums of lists of tensors in pairs: ((1 + 2) + (3 + 4)) + (5 + 6)."""

    def __init__(self) -> None:
        self._found: list[tuple[int, Tensors]] = []

    def add(self, values: Tensors) -> None:
        """Add the values of the next part."""
        size = 1
        while self._found and self._found[-1][0] == size:
            values = _added(self._found.pop()[1], values)
            size *= 2
        self._found.append((size, values))

    def total(self) -> Tensors:
        """Return the sum; nothing may be added any more."""
        _, found = self._found.pop()
        while self._found:
            found = _added(self._found.pop()[1], found)
        return found


def _added(one: Tensors, other: Tensors) -> Tensors:
    return list(torch._foreach_add(one, other)) if one else []  # a model may have no buffer


def mean_of_parts(sums: Sums, shares: Sequence[Share], engine: Engine) -> Tensors:
    """Return the means over the parts of all processes."""
    found = sums.total()
    if not found:
        return found
    if engine.world > 1:
        flat = torch.cat([value.flatten() for value in found])
        if shares[0].world > 1:  # each process has its share of every part
            flat = engine.all_reduce_mean(flat)
        else:  # each has parts of its own
            both = Sums()
            for other in engine.gather(flat[None]):
                both.add([other])
            (flat,) = both.total()
        pieces = flat.split([value.numel() for value in found])
        for value, piece in zip(found, pieces, strict=True):
            value.copy_(piece.view(value.shape))  # in the memory order that fused optimisers want
    return list(torch._foreach_div(found, shares[0].parts))


class Parts(Generic[B]):
    """One step's batch in parts, for one phase after the other.

    Fakes are drawn anew for each phase, with the same numbers, so that no part's graph has to wait
    for those of the others: that is the memory which parts are for.
    """

    def __init__(
        self, model: nn.Module, engine: Engine, shares: Sequence[Share], batches: Sequence[B]
    ) -> None:
        self.model, self.engine, self.shares, self.batches = model, engine, shares, batches
        self.begin = _draws(engine.device)
        self.after: Tensors | None = None
        self.buffers: Buffers | None = None

    def differentiate(
        self,
        parameters: Sequence[Parameter],
        prepare: Callable[[B], None],
        work: Callable[[B], None],
    ) -> None:
        """Do the work of a phase on each part; leave the means of gradients and buffers."""
        first, buffers, sums = self.buffers, Buffers(self.model), Sums()
        after = self.after
        for share, batch in zip(self.shares, self.batches, strict=True):
            (first or buffers).restore()
            _set_draws(self.begin, self.engine.device)
            with shared(share):
                prepare(batch)
                if first is not None and after is not None:  # the first phase made its move
                    buffers.restore()
                    _set_draws(after, self.engine.device)
                work(batch)
            buffers.took()
            had = [each for each in parameters if each.grad is not None]
            sums.add([each.grad for each in had if each.grad is not None])
            for each in had:
                each.grad = None
            self.after = _draws(self.engine.device)
        buffers.settle(self.shares, self.engine)
        for each, mean in zip(had, mean_of_parts(sums, self.shares, self.engine), strict=True):
            each.grad = mean
        self.buffers = first or buffers


class Buffers:
    """The buffers of a model: each part finds those of before and moves them.

    They are written behind the back of autograd, which has no use for them in training.
    """

    def __init__(self, model: nn.Module) -> None:
        self.live = list(model.buffers())
        self.start = [value.clone() for value in self.live]
        self.moves = Sums()
        self.counts = self.start

    @torch.no_grad()
    def restore(self) -> None:
        """Put back what was there at the start."""
        for live, start in zip(self.live, self.start, strict=True):
            live.data.copy_(start)

    @torch.no_grad()
    def took(self) -> None:
        """Note what a part has made of them."""
        self.counts = [live.clone() for live in self.live]
        pairs = zip(self.live, self.start, strict=True)
        self.moves.add([live - start for live, start in pairs if live.is_floating_point()])

    @torch.no_grad()
    def settle(self, shares: Sequence[Share], engine: Engine) -> None:
        """Move them by the mean of all parts; a count is the same in each."""
        moves = iter(mean_of_parts(self.moves, shares, engine))
        for live, start, counted in zip(self.live, self.start, self.counts, strict=True):
            live.data.copy_(start + next(moves) if live.is_floating_point() else counted)


def _set_draws(state: Sequence[Tensor], device: torch.device) -> None:
    """Go on with random numbers of a state that `_draws` returned."""
    torch.set_rng_state(state[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state[1], device)


def _draws(device: torch.device) -> list[Tensor]:
    """Return the state of the random numbers."""
    cuda = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return [torch.get_rng_state(), *cuda]
